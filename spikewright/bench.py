"""``spikewright bench``: measurements that others can re-run, each one command and one table."""

from __future__ import annotations

import typer

app = typer.Typer(
    help="Measure: counts and ratios, as a table or as JSON.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
