"""``spikewright bench``: measurements that others can re-run, each one command and one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Measure: counts and ratios, as a table or as JSON.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Fabrics = Annotated[
    list[str] | None,
    typer.Option("--fabric", help="ecp5,ice40,gowin,xc7; repeatable, all without it."),
]


@app.command(epilog="Example: spikewright bench lanes --fabric ecp5,xc7 --json")
def lanes(
    fabric: Fabrics = None,
    place: Annotated[bool, typer.Option("--place", help="Place ECP5 cores for Fmax.")] = False,
    seeds: Annotated[int, typer.Option(help="Seeds to place with.", min=1, max=100)] = 3,
    jobs: Annotated[int, typer.Option(help="Measurements side by side.", min=1, max=64)] = 2,
    out: Annotated[Path, typer.Option(help="Markdown page.")] = Path("benchmarks/lanes.md"),
    json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
) -> None:
    """Count LUTs per lane of every synapse kind, weight format and fabric."""
    from spikewright import stages
    from spikewright.screen import listed, print_rows, progress

    with progress() as tell:
        found = stages.bench_lanes(
            listed(fabric), out, seeds=seeds if place else 0, jobs=jobs, tell=tell
        )
    print_rows(found, json)
