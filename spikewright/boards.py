"""``spikewright boards`` and ``spikewright plan``: what there is to build on, and what fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from boards.board import FILL
from ir.errors import SpikewrightError
from spikewright import stages

if TYPE_CHECKING:
    from boards import Board
    from ir.plan import Plan
    from ir.store import Export
    from ir.usage import Usage

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
    refold: Annotated[
        bool, typer.Option("--fold/--no-fold", help="Choose folds; the export's with --no-fold.")
    ] = True,
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
        found = foresee(
            loaded, chosen, fps=fps, clock_hz=clock and clock * 1e6, fill=fill, refold=refold
        )
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
    refold: bool = True,
) -> dict[str, Any]:
    """Return whether a network fits a board, its folds, buffers and rate, and where weights lie.

    What is foreseen with ``refold`` is what ``build --fold`` makes, without it ``build``.
    """
    from ir.capacity import capacity, ceiling, on_chip
    from ir.schedule import schedule

    if fps and not refold:
        raise SpikewrightError("Options --fps and --no-fold are not allowed together.")
    clock, budget, limit = stages.target(board, fps, clock_hz, fill)
    chip = on_chip(board.counted_as, budget.block_ram, clock)
    held = capacity(export.network, chip, board.memories)
    plan, used = None, None
    if held.bits > (held_at_most := ceiling(board.counted_as, budget)):
        stops = f"Weights take {held.bits} bit; board {board.name} holds at most {held_at_most}."
    else:
        try:
            export, stops = folded(export, board, budget, limit, refold=refold)
            plan = stages.make_plan(export)
            used = taken(plan, board)
            held = capacity(export.network, chip, board.memories, resident=True)
        except SpikewrightError as error:
            stops = str(error)
    most = asdict(budget)
    over = [f"{kind} {n}" for kind, n in asdict(used or budget).items() if n > most[kind]]
    if over:
        stops = f"Folds take {', '.join(over)}; board {board.name} allows fewer, see its budget."
    cycles = plan and schedule(plan)
    return {
        "board": board.name,
        "fabric": board.fabric,
        "counted_as": board.counted_as,
        "clock_mhz": clock / 1e6,
        "bus": board.bus,
        "fits": plan is not None and not over,
        "stops": stops,
        "frames_per_second": cycles and round(clock / cycles.interval, 1),
        "interval": cycles and cycles.interval,
        "latency": cycles and cycles.latency,
        "streams": ", ".join(held.streams) or "nothing",
        "used": asdict(used) if used else {},
        "budget": most,
        "folds": {n: asdict(f) for n, f in export.hardware.folds.items()} if plan else {},
        "buffers": {
            station.name: {"kind": station.kind, "memory_bits": station.memory_bits}
            for station in (plan.sized() if plan else ())
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


def folded(
    export: Export, board: Board, budget: Usage, limit: int | None = None, *, refold: bool = True
) -> tuple[Export, str]:
    """Return an export for the fabric of a board, and what stops it from being faster.

    Parameters
    ----------
    export : Export
    board : Board
    budget : Usage
        For the accelerator and the board's bus.
    limit : int, optional
        Cycles per sample, reached with the fewest LUTs; as few as can be without.
    refold : bool
        Whether to choose folds; the export's without.
    """
    hardware = replace(export.hardware, fabric=board.counted_as)
    if not refold:
        return replace(export, hardware=hardware), "nothing: the folds are given"
    design = stages.solve(export, board, budget, "area" if limit else "throughput", limit)
    stops = str(design.bound or "nothing: the rate is reached")
    return replace(export, hardware=design.hardware), stops


def taken(plan: Plan, board: Board) -> Usage:
    """Return what an accelerator is predicted to take, with the bus and the top of a board."""
    from ir.cost import predict_plan
    from ir.wrapping import around

    found = around(plan, board.bus, board.counted_as)
    return sum(predict_plan(plan, board.counted_as).values(), found)


def _row(board: Board) -> dict[str, Any]:
    return {**asdict(board), "counted_as": board.counted_as, "budget": asdict(board.budget())}
