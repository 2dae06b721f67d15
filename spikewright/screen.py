"""What a person sees: progress bars, tables, and one-sentence errors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from ir.errors import SpikewrightError

if TYPE_CHECKING:
    from spikewright.stages import Tell

out = Console()
err = Console(stderr=True)


@contextmanager
def progress() -> Iterator[Tell]:
    """Yield a function (stage, done, all) that draws one bar per stage."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err) as bars:
        tasks: dict[str, Any] = {}

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in tasks or (bars.tasks[tasks[stage]].finished and done < total):
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield tell


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show a spinner while a stage runs that cannot say how far it is."""
    with err.status(what):
        yield
    err.print(f"[green]done[/] {what}")


def show(values: Mapping[str, Any], as_json: bool) -> None:
    """Print a result: as JSON for a script, else its plain entries as lines."""
    if as_json:
        print(json.dumps(values, indent=1, sort_keys=True))
        return
    for key, value in values.items():
        if isinstance(value, dict):
            value = ", ".join(f"{k} {v}" for k, v in value.items() if not isinstance(v, dict))
        if not isinstance(value, list) and value != "":
            out.print(f"{key}: {value}", highlight=False, soft_wrap=True)


def print_rows(found: Mapping[str, Any], as_json: bool) -> None:
    """Print a benchmark: as JSON for a script, else ``rows`` as a table."""
    if as_json:
        print(json.dumps(found, indent=1, sort_keys=True))
        return
    rows = found["rows"]
    table = Table(*(rows[0] if rows else ()))
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    out.print(table)


def listed(items: Sequence[str] | None) -> list[str]:
    """Return the words of a repeatable option that also takes lists with commas.

    Examples
    --------
    >>> listed(["ecp5,ice40", "xc7"]), listed(None)
    (['ecp5', 'ice40', 'xc7'], [])
    """
    return [word for item in items or () for word in item.split(",") if word]


def summary(results: Mapping[str, Any]) -> Table:
    """Return the table that ends the demo."""
    table = Table(title=f"Spikewright: {results['name']}", show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    accuracy, cosim, cycles = results["accuracy"], results["cosim"], results["cycles"]
    for noun, key in (
        ("accuracy, float network", "float"),
        ("accuracy, golden model", "golden"),
        ("accuracy, RTL", "rtl"),
    ):
        if accuracy[key] is not None:
            table.add_row(noun, f"{accuracy[key]:.2%}")
    if cosim:
        table.add_row("images through Verilator", f"{cosim['images']:,}")
        table.add_row("spikes compared", f"{cosim['spikes_compared']:,}")
        table.add_row("mismatches", f"{cosim['mismatches']:,}")
        table.add_row("cosim cycles per second", f"{cosim['cycles_per_second']:,}")
    if cycles:
        pairs = (("interval [cycle]", cycles), ("latency [cycle]", cycles["latency"]))
        for noun, pair in pairs:
            table.add_row(noun, f"{pair['measured']:,} (predicted {pair['predicted']:,})")
        table.add_row("lanes, busy", f"{cycles['lanes']}, {cycles['busy']:.1%}")
    for fabric, used in results["resources"].items():
        cells = ", ".join(f"{count:,} {cell}" for cell, count in used["total"].items())
        table.add_row(f"{fabric} cells", cells)
        counted, predicted = used["total"]["lut"], used["predicted"]["lut"]
        error = f"{predicted / counted - 1:+.1%}" if counted else ""
        table.add_row(f"{fabric} LUTs predicted", f"{predicted:,} {error}")
    fmax = results["fmax_mhz"]
    placed = f"{fmax['median']} ({fmax['low']}..{fmax['high']})" if fmax else "not placed"
    table.add_row("Fmax [MHz]", placed)
    schemes = sorted(set(results["quantization"].values()))
    table.add_row("weight formats", ", ".join(schemes))
    return table


def verdict(cosim: Mapping[str, Any]) -> None:
    """Refuse a co-simulation that was not exact, in spikes or in cycles."""
    stalled = cosim["stalled"] or {"mismatches": 0, "within_bound": True}
    if cosim["mismatches"] or stalled["mismatches"]:
        first = cosim["first_difference"] or stalled["first_difference"]
        raise SpikewrightError(f"RTL and golden model differ: {first}")
    if not cosim["cycles_as_predicted"]:
        raise SpikewrightError(f"Cycles are not as predicted: {cosim['first_late_transfer']}")
    if not stalled["within_bound"]:
        raise SpikewrightError("Cycles under stalls exceed the prediction plus the stall cycles.")
