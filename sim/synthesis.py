"""Synthesis: resources of an emitted accelerator against its board, and its speed when placed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from boards.board import Board
from ir.errors import SpikewrightError
from ir.manifest import verify
from sim.fabrics import at_clock, fabric, of_board
from sim.place import place, summary
from sim.resources import count

Progress = Callable[[str, int, int], None]


def synthesize(
    verilog_dir: Path,
    board: Board,
    build_dir: Path,
    *,
    fabrics: Sequence[str] = (),
    clock_hz: float | None = None,
    seeds: int = 0,
    jobs: int = 2,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Return resources per fabric and, with ``seeds``, Fmax; the same for the same input.

    Parameters
    ----------
    verilog_dir : Path
        Directory that ``hw.emit`` wrote.
    board : Board
        Its fabric is counted, and placed on, with the options of its part.
    fabrics : sequence of str
        Further fabrics to count.
    clock_hz : float, optional
        What is mapped and placed for [Hz]; without it the clock of the board, and on further
        fabrics that of their boards.
    build_dir : Path
        Cache of counts, netlists and placements.
    seeds : int
        Placements to try, 0..64; 0 does not place.
    jobs : int
        Processes side by side.
    progress : callable, optional
        Told (stage, done, all) with stages ``synthesize FABRIC`` and ``place``.

    Raises
    ------
    SpikewrightError
        If a fabric is unknown, the clock not allowed, the input incomplete or a tool fails; the
        sentence names its log.
    """
    if not 0 <= seeds <= 64:
        raise SpikewrightError(f"Seeds are {seeds}; allowed are 0..64.")
    verify(verilog_dir)
    chosen = {name: fabric(name) for name in fabrics} | {board.counted_as: of_board(board)}
    if clock_hz is not None:
        chosen = {name: at_clock(each, clock_hz) for name, each in chosen.items()}
        board = replace(board, clock_hz=round(clock_hz))
    resources = {}
    for name, mapped in chosen.items():
        counted = count(
            verilog_dir, fabric=mapped, build_dir=build_dir, jobs=jobs, progress=progress
        )
        resources[name] = counted.to_dict()
    resources[board.counted_as]["board"] = {"name": board.name, "budget": asdict(board.resources)}
    fmax = None
    if seeds:
        trials = range(1, seeds + 1)
        placed = place(verilog_dir, board, build_dir, trials, jobs=jobs, progress=progress)
        fmax = summary(placed, board)
    return {"resources": resources, "fmax_mhz": fmax}
