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
Fabrics = Annotated[
    list[str] | None,
    typer.Option("--fabric", help="ecp5,ice40,gowin,xc7; repeatable, all without it."),
]
Out = Annotated[Path | None, typer.Option("--out", help="Markdown file to write.")]


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


@app.command(epilog="Example: spikewright bench busy runs/digits/export --measure")
def busy(
    exports: Annotated[
        list[Path] | None,
        typer.Argument(metavar="EXPORT...", help="Export directories; built-in shapes without."),
    ] = None,
    shape: Annotated[
        list[str] | None,
        typer.Option(help="Built-in shape with random weights; repeatable, all without it."),
    ] = None,
    lanes: Annotated[int | None, typer.Option(help="Budget of lanes, for every network.")] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Time steps a word of every stream of weights.")
    ] = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Co-simulate on Verilator as well.")
    ] = False,
    page: Out = None,
    json: AsJson = False,
) -> None:
    """Say which share of the lanes works, per layer and over the network."""
    from rich.table import Table

    from spikewright.screen import out, show, working
    from spikewright.stages import measure_busy

    with working("busy"):
        found = measure_busy(exports or [], shape or [], lanes, measure, steps)
    if page is not None:
        from ir.strict import write_text
        from sim.busy import page as text

        flags = [*map(str, exports or []), *(f"--shape {each}" for each in shape or [])]
        flags += [f"--lanes {lanes}"] * (lanes is not None)
        flags += [f"--steps {steps}"] * (steps is not None) + ["--measure"] * measure
        write_text(page, text(found, " ".join(["spikewright bench busy", *flags])))
    if json:
        show({"networks": found}, True)
        return
    for name, result in found.items():
        title = (
            f"{name}: {result['lanes']} lanes, interval {result['interval']:,}, busy "
            f"{result['busy']:.1%}; slowest {result['slowest']}, busy {result['slowest_busy']:.1%}"
        )
        if measure:
            verdict = "as predicted" if result["cycles_as_predicted"] else "NOT as predicted"
            title += f"; measured {result['measured_interval']:,}, {verdict}"
        table = Table(*result["layers"][0], title=title, title_justify="left")
        for row in result["layers"]:
            table.add_row(*map(str, row.values()))
        out.print(table)


@app.command(epilog="Example: spikewright bench skip runs/digits/export")
def skip(
    exports: Annotated[
        list[Path] | None, typer.Argument(metavar="EXPORT...", help="Export directories.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Say what skipping silent words could gain, for random and for real spikes."""
    from rich.table import Table

    from spikewright.screen import out, show
    from spikewright.stages import measure_skip

    rows = measure_skip(exports or [])
    if json:
        show({"rows": rows}, True)
        return
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*map(str, row.values()))
    out.print(table)


@app.command(epilog="Example: spikewright bench lanes --fabric ecp5,xc7 --json")
def lanes(
    fabric: Fabrics = None,
    place: Annotated[bool, typer.Option("--place", help="Place ECP5 and iCE40 cores.")] = False,
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


@app.command(epilog="Example: spikewright bench scale spikformer-1-384 --json")
def scale(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NETWORK...", help="Names or YAML files; all without."),
    ] = None,
    luts: Annotated[bool, typer.Option(help="Generate Verilog and count LUT6 too.")] = True,
    measure: Annotated[
        bool, typer.Option("--measure", help="Co-simulate 4 random images; takes minutes.")
    ] = False,
    json: AsJson = False,
    out: Out = None,
) -> None:
    """Set networks of published accelerators beside ours: cycles, LUT6 and their product."""
    from spikewright import stages
    from spikewright.screen import print_rows, progress

    with progress() as tell:
        found = stages.bench_scale(names or [], out, luts=luts, measured=measure, tell=tell)
    if not json:
        keys = ("network", "steps", "lanes", "busy", "interval", "latency", "luts")
        found = {"rows": [{key: row[key] for key in keys} for row in found["rows"]]}
    print_rows(found, json)


@app.command(epilog="Example: spikewright bench boards ulx3s-25f --place")
def boards(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="BOARD...", help="Boards; all without it.")
    ] = None,
    luts: Annotated[bool, typer.Option(help="Generate Verilog and count it too; minutes.")] = True,
    place: Annotated[bool, typer.Option("--place", help="Place on ECP5 too; up to hours.")] = False,
    seeds: Annotated[int, typer.Option(help="Seeds to place with.", min=1, max=100)] = 1,
    route: Annotated[bool, typer.Option(help="Route what is placed; hours.")] = True,
    json: AsJson = False,
    out: Out = None,
) -> None:
    """Let the fold solver fill boards: what stops it, and what its designs really take."""
    from spikewright import stages
    from spikewright.screen import print_rows, progress

    with progress() as tell:
        found = stages.bench_boards(
            names or [], out, luts=luts, seeds=seeds if place else 0, route=route, tell=tell
        )
    if not json:
        keys = ("board", "network", "cycles", "gap", "interval", "frames_per_second", "bound")
        found = {"rows": [{key: row[key] for key in keys} for row in found["rows"]]}
    print_rows(found, json)
