"""LUTs per lane of one synapse engine on ECP5, for every weight format and two kinds of input.

    python benchmarks/lanes.py [--json]

Each engine has the same shape (pe 4, simd 8, T = 4: 128 lanes), random weights in block RAM, and is
mapped alone by Yosys. LUT and DSP count as :data:`sim.resources.ACCOUNTING` says.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from hw.emit import emit
from ir.fold import Fold, Hardware
from ir.layers import LIF, Add, Input, Readout, Synapse
from ir.network import Network
from ir.neuron import Neuron
from ir.planner import build
from ir.scheme import Scheme
from ir.sizing import fit
from sim.resources import count

STEPS, CHANNELS, OUT, PE, SIMD = 4, 32, 32, 4, 8
SCHEMES = ("u2", "u3", "u4", "u8", "pot2", "pot3", "pot4")


def network(scheme: Scheme, planes: int) -> Network:
    """Return a network whose layer ``measured`` sees activations 0..planes."""
    rng = np.random.default_rng(0)

    def synapse(name: str, source: str, out: int, into: int, form: Scheme) -> Synapse:
        weight = rng.choice(form.levels, (out, into, 1, 1)).astype(np.int8)
        return Synapse(name, (source,), form, weight)

    def lif(name: str, source: str, channels: int) -> LIF:
        zero = np.zeros(channels, np.int64)
        return LIF(name, (source,), Neuron(), zero + 256, zero)

    u2 = Scheme.parse("u2")
    layers = [
        Input("input", (), (1, 1, 8), 1),
        synapse("first", "input", CHANNELS, 1, u2),
        lif("spikes", "first", CHANNELS),
    ]
    last = "spikes"
    for plane in range(1, planes):
        layers.append(Add(f"sum{plane}", (last, "spikes")))
        last = f"sum{plane}"
    layers += [
        synapse("measured", last, OUT, CHANNELS, scheme),
        lif("fired", "measured", OUT),
        Readout("head", ("fired",), u2, np.ones((2, OUT), np.int8), np.zeros(2, np.int64)),
    ]
    return Network(STEPS, tuple(layers))


def measure(scheme: str, planes: int) -> dict[str, object]:
    """Return one row of the table."""
    found = network(Scheme.parse(scheme), planes)
    folds = {"measured": Fold(PE, SIMD), "first": Fold(PE, 1)}
    plan = fit(build(found, Hardware(1 << 12, STEPS, folds, widths="format")))
    with tempfile.TemporaryDirectory() as folder:
        verilog = Path(folder) / "verilog"
        emit(found, plan, verilog)
        part = count(verilog, build_dir=Path(folder) / "netlists").parts["measured"]
    lanes = PE * SIMD * STEPS
    return {
        "fabric": "ecp5",
        "format": scheme,
        "activation": f"0..{planes}",
        "lanes": lanes,
        "lut": part.usage.lut,
        "luts_per_lane": round(part.usage.lut / lanes, 2),
        "ff": part.usage.ff,
        "dsp": part.usage.dsp,
        "multipliers": dict(part.arithmetic),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    as_json = parser.parse_args().json
    rows = [measure(scheme, planes) for planes in (1, 3) for scheme in SCHEMES]
    if as_json:
        print(json.dumps({"rows": rows}, indent=1))
        return
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
