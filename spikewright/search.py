"""``spikewright cost`` and ``spikewright search``: what weight formats cost, and which to take."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ir.errors import SpikewrightError
from spikewright import stages

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def cost(
    config: Annotated[Path, typer.Argument(help="Run file (YAML), or export directory.")],
    table: Annotated[str, typer.Option(help="Energy of integers: int32 or int8.")] = "int32",
    energy: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=PJ", help="Beat a constant, e.g. dram_bit=200; repeatable."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Say what a network costs by the analytic 45 nm model: storage and energy, by part."""
    from rich.markup import escape
    from rich.table import Table

    from spikewright.screen import out as screen
    from spikewright.screen import show

    found = stages.cost(config, table, _constants(energy))
    if json:
        show(found, True)
        return
    screen.print(
        f"{found['weights']:,} weights, {found['macs_per_step']:,} multiply-accumulates per time "
        f"step, {found['steps']} steps",
        highlight=False,
    )
    parts = list(found["storage_share"])
    shares = Table("share in %", *parts, "compute", title="fp32 weights", title_justify="left")
    shares.add_row("storage", *(f"{found['storage_share'][name]}" for name in parts), "")
    for row in found["sensitivity"]:
        label = f"energy, {row['dram_pj_per_bit']:g} pJ/bit DRAM"
        shares.add_row(label, *(f"{row[name]}" for name in parts), f"{row['compute']}")
    seed = found["seed_energy_share"]
    shares.add_row("energy as SpikeHQ says", *(f"{seed.get(name, '')}" for name in parts), "")
    screen.print(shares)
    totals = Table(
        "weights", "bits each", escape("storage [bit]"), escape("energy [uJ]"), "compute %"
    )
    for name, label in (("fp32", "fp32"), ("quantized", "as the run file says")):
        row = found[name]
        micro = f"{row['energy_pj'] / 1e6:,.1f}"
        share, each = f"{row['compute_share']}", f"{row['bits_per_weight']}"
        totals.add_row(label, each, f"{row['storage_bits']:,}", micro, share)
    screen.print(totals)


def search(
    config: Annotated[Path, typer.Argument(help="Run file (YAML) with a section search.")],
    run: Annotated[Path, typer.Option("--run", help="Run directory.")],
    lambdas: Annotated[
        str | None, typer.Option(help="Such as 0,0.5,1; beats the run file's search.lambdas.")
    ] = None,
    tune: Annotated[bool, typer.Option(help="Train the searched networks too.")] = True,
    baselines: Annotated[
        bool, typer.Option("--baselines", help="Train every candidate homogeneously too.")
    ] = False,
    rtl: Annotated[
        int, typer.Option(help="Test samples of each network through Verilator; 0 for none.", min=0)
    ] = 4,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Beat a key of the run file; repeatable."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Search for the weight format of every layer, once for each lambda; resumes where it stopped.

    RUN/lambda-L/searched.yaml is the run file with the chosen formats, RUN/lambda-L/train what
    training it left. Every trained network is exported, built and co-simulated; one that differs
    from the golden model is refused. RUN/pictures shows all of it.
    """
    from spikewright.screen import progress, show

    strengths = _numbers(lambdas) if lambdas is not None else None
    changes = stages.changes(change)
    with progress() as tell:
        found = stages.search(
            config,
            run,
            changes,
            lambdas=strengths,
            tune=tune,
            baselines=baselines,
            rtl=rtl,
            tell=tell,
        )
    if json:
        show(found, True)
    else:
        _print(found)
    for row in found["rows"]:
        seen = row["rtl"]
        if seen and (seen["mismatches"] or not seen["cycles_as_predicted"]):
            raise SpikewrightError(
                f"RTL and golden model of {row['network']} differ: "
                f"{seen['first_difference'] or 'a transfer came in another cycle'}"
            )


def _print(found: Mapping[str, Any]) -> None:
    """Print the table of a search, and what may be wrong."""
    from rich.markup import escape
    from rich.table import Table

    from spikewright.screen import out as screen

    costs = list(found["dearest"])
    units = {name: escape(f"{name} [{unit}]") for name, unit in found["units"].items()}
    table = Table("network", "accuracy", "bits", *(units[name] for name in costs), "spikes in RTL")
    for row in found["rows"]:
        accuracy = "" if row["accuracy"] is None else f"{row['accuracy']:.2%}"
        values = ("" if row[name] is None else f"{row[name]:,.0f}" for name in costs)
        seen = row["rtl"]
        spikes = f"{seen['spikes_compared']:,}, {seen['mismatches']:,} differ" if seen else ""
        table.add_row(row["network"], accuracy, f"{row['bits']:.2f}", *values, spikes)
    screen.print(table)
    for row in found["rows"]:
        for remark in row["remarks"]:
            screen.print(f"[yellow]{row['network']}[/]: {remark}", highlight=False)


def _numbers(text: str) -> list[float]:
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise SpikewrightError(
            f"Option --lambdas is {text!r:.60}; allowed are numbers with commas between them."
        ) from None


def _constants(items: list[str] | None) -> dict[str, float]:
    found = {}
    for item in items or ():
        key, _, value = item.partition("=")
        try:
            found[key] = int(value) if value.isdecimal() else float(value)
        except ValueError:
            raise SpikewrightError(
                f"Option --energy is {item!r:.60}; allowed is KEY=PJ, a number."
            ) from None
    return found
