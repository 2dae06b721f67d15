"""Synthesis: resources of an emitted accelerator against its board, and its speed when placed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from boards.board import Board
from ir.errors import SpikewrightError
from ir.manifest import verify
from sim.place import place, summary
from sim.resources import count

Progress = Callable[[str, int, int], None]


def synthesize(
    verilog_dir: Path,
    board: Board,
    build_dir: Path,
    *,
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
    build_dir : Path
        Cache of counts, netlists and placements.
    seeds : int
        Placements to try, 0..64; 0 does not place.
    jobs : int
        Processes side by side.
    progress : callable, optional
        Told (stage, done, all) with stages ``synthesize`` and ``place``.

    Raises
    ------
    SpikewrightError
        If the input is incomplete or a tool fails; the sentence names its log.
    """
    if not 0 <= seeds <= 64:
        raise SpikewrightError(f"Seeds are {seeds}; allowed are 0..64.")
    verify(verilog_dir)
    counted = count(verilog_dir, build_dir=build_dir, jobs=jobs, progress=progress)
    offered = board.resources
    budget = {
        "lut": offered.lut4,
        "ff": offered.ff,
        "carry": offered.lut4 // 2,
        "block_ram": offered.block_ram,
        "dsp": offered.dsp,
    }
    fmax = None
    if seeds:
        trials = range(1, seeds + 1)
        placed = place(verilog_dir, board, build_dir, trials, jobs=jobs, progress=progress)
        fmax = summary(placed)
    resources = counted.to_dict() | {"board": {"name": board.name, "budget": budget}}
    return {"resources": {board.fabric: resources}, "fmax_mhz": fmax}
