"""``spikewright boards`` and ``spikewright plan``: what there is to build on, and what fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from boards.board import FILL
from ir.errors import SpikewrightError
from spikewright import stages

if TYPE_CHECKING:
    from boards import Board
    from ir.store import Export

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def boards(
    board: Annotated[
        list[str] | None,
        typer.Argument(metavar="BOARD", help="By name or YAML path; its pins are checked."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--import",
            metavar="MODULE:CLASS",
            help="Platform of amaranth-boards to import, such as amaranth_boards.ulx3s:"
            "ULX3S_85F_Platform; its module is run.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="YAML file for --import.")] = None,
    json: AsJson = False,
) -> None:
    """List boards with fabric, part, clock and what is planned for, all of them or those named.

    A board of fabric xcup (UltraScale+) is counted in the cells of xc7. One without pins takes its
    clock from a processor: it can be planned for, but the open tools build nothing for it.
    """
    from rich.table import Table

    from spikewright.screen import out as screen
    from spikewright.screen import show

    if (source is None) != (out is None):
        raise SpikewrightError("Options --import and --out are allowed together only.")
    if source is not None and out is not None:
        if board:
            raise SpikewrightError("Option --import allows no BOARD beside it.")
        found = {"boards": [take_over(source, out)]}
    else:
        found = {"boards": listing(board or ())}
    if json:
        show(found, True)
        return
    kinds = ("lut", "ff", "block_ram", "lut_ram", "dsp")
    table = Table("board", "fabric", "part", "MHz", *kinds, "memories", "pins")
    for row in found["boards"]:
        memories = ", ".join(f"{m['name']} {m['bytes'] / 2**20:,g} MiB" for m in row["memories"])
        table.add_row(
            *(row["name"], row["fabric"], row["part"], f"{row['clock_hz'] / 1e6:g}"),
            *(f"{row['budget'][kind]:,}" for kind in kinds),
            *(memories, "yes" if row["pins"] else "no"),
        )
    screen.print(table)


def plan(
    path: Annotated[Path, typer.Argument(metavar="EXPORT", help="Export directory.")],
    board: Annotated[str, typer.Option(help="Board by name or YAML path.")] = "ulx3s-85f",
    fps: Annotated[
        float | None, typer.Option(help="Frames per second to reach; as many as can be without.")
    ] = None,
    clock: Annotated[float | None, typer.Option(help="Clock [MHz]; the board's without.")] = None,
    fill: Annotated[float, typer.Option(help="Share of the board's LUTs to plan for.")] = FILL,
    json: AsJson = False,
) -> None:
    """Say before any synthesis whether a network fits a board, how fast, and what stops it.

    Weights that do not fit would have to stream from external memory; each memory's frame rate is
    what its peak rate allows for that. Designs that stream weights are not built yet.
    """
    from boards import load
    from spikewright.screen import out as screen
    from spikewright.screen import print_rows, show, working

    chosen, loaded = load(board), stages.load_export(path)
    with working("plan"):
        found = foresee(loaded, chosen, fps=fps, clock_hz=clock and clock * 1e6, fill=fill)
    if json:
        show(found, True)
    else:
        show({key: value for key, value in found.items() if not isinstance(value, dict)}, False)
        for noun in ("used", "budget"):
            show({noun: found[noun]}, False)
        for noun in ("folds", "buffers"):
            rows = [
                {"layer" if noun == "folds" else "buffer": n, **r} for n, r in found[noun].items()
            ]
            if rows:
                print_rows({"rows": rows}, False)
        for noun in ("weights", "memories"):
            screen.print(f"{noun}:")
            print_rows({"rows": found[noun]}, False)
    if not found["fits"]:
        raise SpikewrightError(found["stops"])


def listing(names: Sequence[str]) -> list[dict[str, Any]]:
    """Return boards as data, their budgets with them; pins of those that are named are checked."""
    from boards import load
    from boards import names as known
    from sim.pins import check

    found = [load(name) for name in names or known()]
    for each in found if names else ():
        if each.pins is not None:
            check(each)
    return [_row(each) for each in found]


def take_over(source: str, out: Path) -> dict[str, Any]:
    """Import a platform of amaranth-boards, check its pins and write it as YAML."""
    from boards import imported
    from ir.strict import write_text
    from sim.pins import check

    name = out.stem.lower().replace("_", "-")
    found = imported.board(imported.platform(source), name)
    check(found)
    write_text(out, imported.text(found))
    return listing([str(out)])[0]


def foresee(
    export: Export,
    board: Board,
    *,
    fps: float | None = None,
    clock_hz: float | None = None,
    fill: float = FILL,
) -> dict[str, Any]:
    """Return whether a network fits a board, its folds, buffers and rate, and where weights lie."""
    from ir.capacity import capacity, ceiling, on_chip

    clock, budget, limit = stages.target(board, fps, clock_hz, fill)
    chip = on_chip(board.counted_as, budget.block_ram, clock)
    held = capacity(export.network, chip, board.memories)
    stops, design = "nothing: the rate is reached", None
    if held.bits > (most := ceiling(board.counted_as, budget)):
        stops = f"Weights take {held.bits} bit; board {board.name} holds at most {most}."
    else:
        try:
            design = stages.solve(export, board, budget, "area" if fps else "throughput", limit)
            stops = str(design.bound or stops)
            held = capacity(export.network, chip, board.memories, resident=True)
        except SpikewrightError as error:
            stops = str(error)
    return {
        "board": board.name,
        "fabric": board.fabric,
        "counted_as": board.counted_as,
        "clock_mhz": clock / 1e6,
        "fits": design is not None,
        "stops": stops,
        "frames_per_second": design and round(clock / design.interval, 1),
        "interval": design and design.interval,
        "latency": design and design.latency,
        "streams": ", ".join(held.streams) or "nothing",
        "used": asdict(design.used) if design else {},
        "budget": asdict(budget),
        "folds": {n: asdict(f) for n, f in design.hardware.folds.items()} if design else {},
        "buffers": {
            station.name: {"kind": station.kind, "memory_bits": station.memory_bits}
            for station in (design.plan.sized() if design else ())
        },
        "weights": [asdict(each) for each in held.weights],
        "memories": [
            {
                **asdict(rate.memory),
                "bits_per_frame": rate.bits,
                "fits": rate.fits,
                "frames_per_second": rate.frames_per_second and round(rate.frames_per_second, 1),
            }
            for rate in held.rates
        ],
    }


def _row(board: Board) -> dict[str, Any]:
    return {**asdict(board), "counted_as": board.counted_as, "budget": asdict(board.budget())}
