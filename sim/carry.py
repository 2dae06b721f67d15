"""Carry chains of ECP5 without the cells that nextpnr adds for what nobody needs."""

from __future__ import annotations

from collections import Counter
from typing import Any


def trim(netlist: dict[str, Any]) -> int:
    """Disconnect carries that do not matter from a netlist that Yosys wrote for ECP5.

    nextpnr gives a pair of cells to each carry input that is connected, to a constant too, and to
    each carry output at the end of a chain that has a net, read or not; Yosys connects both. Here
    an output that nobody reads goes, and a constant input where the first position's look-up table
    is 0 and its sum is not read: its carry is then a constant whatever enters.

    Parameters
    ----------
    netlist : dict
        Content of a ``write_json`` file; changed in place.

    Returns
    -------
    int
        Ports disconnected.
    """
    count = 0
    for module in netlist["modules"].values():
        read = Counter(bit for port in module["ports"].values() for bit in port["bits"])
        pairs = []
        for cell in module["cells"].values():
            for port, bits in cell["connections"].items():
                if cell.get("port_directions", {}).get(port) != "output":
                    read.update(bits)
            if cell["type"] == "CCU2C":
                pairs.append(cell)
        for cell in pairs:
            wires = cell["connections"]
            if "COUT" in wires and not any(read[bit] for bit in wires["COUT"]):
                wires["COUT"] = ["x"]
                count += 1
            unread = not any(read[bit] for bit in wires.get("S0", ()))
            zero = int(cell["parameters"]["INIT0"], 2) == 0
            if wires.get("CIN") == ["0"] and zero and unread:
                wires["CIN"] = ["x"]
                count += 1
    return count
