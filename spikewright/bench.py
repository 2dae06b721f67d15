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

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Out = Annotated[Path | None, typer.Option("--out", help="Markdown file to write.")]


@app.callback()
def bench() -> None:
    """Keep the name of a measurement in the command line even while there is only one."""


@app.command(epilog="Example: spikewright bench cosim --out benchmarks/cosim.md")
def cosim(
    json: AsJson = False,
    out: Out = None,
    rounds: Annotated[int, typer.Option(help="Runs of each row.", min=1, max=100)] = 5,
) -> None:
    """Co-simulated cycles per second against a bare Verilator loop; random weights, minutes."""
    from ir.strict import write_text
    from sim.speed import markdown, measure
    from spikewright.screen import out as screen
    from spikewright.screen import progress, show
    from spikewright.stages import cache

    with progress() as tell:
        found = measure(cache() / "simulators", cache() / "netlists", rounds=rounds, progress=tell)
    text = markdown(found)
    if out is not None:
        write_text(out, text)
    if json:
        show(found, True)
    else:
        screen.print(text, highlight=False, markup=False, soft_wrap=True)
