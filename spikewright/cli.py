"""The command ``spikewright``: one verb per stage."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from boards.board import FILL
from ir.errors import SpikewrightError
from spikewright import bench, board, boards, costs, evaluate, fuzz, patch, search, stages

app = typer.Typer(
    name="spikewright",
    help="Turn a spiking transformer into an FPGA accelerator and prove that the two are the same.",
    epilog="Example: spikewright demo configs/digits.yaml --run runs/digits",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(bench.app, name="bench")

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Beat a key of the run file; repeatable."),
]
Out = Annotated[Path, typer.Option("--out", help="Directory to write.")]
ExportPath = Annotated[Path, typer.Argument(metavar="EXPORT", help="Export directory.")]
Fabrics = Annotated[
    list[str] | None,
    typer.Option("--fabric", help="ecp5,ice40,gowin,xc7; repeatable."),
]
Clock = Annotated[float | None, typer.Option(help="Clock [MHz]; the board's without.")]
Lanes = Annotated[int | None, typer.Option(help="Budget of lanes; beats the export's.")]
Parity = Annotated[
    bool | None,
    typer.Option("--parity/--no-parity", help="Guard memories by parity; beats the export's."),
]
Reload = Annotated[
    bool | None,
    typer.Option("--reload/--no-reload", help="Memories that a host writes; beats the export's."),
]
Widths = Annotated[str | None, typer.Option(help="actual or format; beats the export's.")]


def _example(text: str) -> str:
    return f"Example: {text}"


@app.command(epilog=_example("spikewright train configs/digits.yaml --run runs/digits"))
def train(
    config: Annotated[Path, typer.Argument(help="Run file (YAML).")],
    run: Annotated[Path, typer.Option("--run", help="Run directory; training goes to RUN/train.")],
    change: Changes = None,
    json: AsJson = False,
) -> None:
    """Train a network through the integers of its hardware; resumes where it stopped."""
    from spikewright.screen import show

    show(stages.train(config, run, stages.changes(change), progress=not json), json)


app.command(epilog=_example("spikewright cost configs/spikformer-dvs.yaml --json"))(search.cost)
app.command(epilog=_example("spikewright search configs/search-digits.yaml --run runs/search"))(
    search.search
)


@app.command(epilog=_example("spikewright export runs/digits/train --out runs/digits/export"))
def export(
    trained: Annotated[Path, typer.Argument(metavar="TRAINED", help="RUN/train of train.")],
    out: Out,
    json: AsJson = False,
) -> None:
    """Fold a trained network into integers, with its test samples."""
    from spikewright.screen import show

    show(stages.export(trained, out), json)


@app.command(epilog=_example("spikewright specimen configs/spikformer-1-384.yaml --out s384"))
def specimen(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML: shape, hardware.")],
    out: Out,
    images: Annotated[int, typer.Option(help="Random images.", min=1, max=1 << 16)] = 4,
    seed: Annotated[int, typer.Option(help="Of weights and images.", min=0)] = 0,
    json: AsJson = False,
) -> None:
    """Export a network with random weights, to build what nobody trained yet."""
    from spikewright.screen import show

    show(stages.specimen(config, out, images, seed), json)


app.command(epilog=_example("spikewright characterise --out costs.json --fabric ecp5,xc7"))(
    costs.characterise
)
app.command(epilog=_example("spikewright boards --json"))(boards.boards)
app.command(epilog=_example("spikewright plan runs/digits/export --board icebreaker"))(boards.plan)


@app.command(epilog=_example("spikewright fold runs/digits/export --board ulx3s-25f"))
def fold(
    path: ExportPath,
    board: Annotated[str, typer.Option(help="Board by name or YAML path.")] = "ulx3s-85f",
    aim: Annotated[str, typer.Option(help="throughput, area or latency.")] = "throughput",
    fps: Annotated[float | None, typer.Option(help="Frames per second, for area.")] = None,
    clock: Clock = None,
    fill: Annotated[float, typer.Option(help="Share of the board's LUTs to plan for.")] = FILL,
    out: Annotated[
        Path | None, typer.Option("--out", help="Export directory to write, with these folds.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Choose kind and fold of every layer for a board; say which resource stops it."""
    from boards import load
    from spikewright.screen import print_rows, show, working

    chosen, loaded = load(board), stages.load_export(path)
    with working("fold"):
        found = stages.fold(
            loaded,
            chosen,
            out,
            aim=aim,
            fps=fps,
            clock_hz=clock and clock * 1e6,
            fill=fill,
        )
    show(found, json)
    if not json:
        print_rows({"rows": [{"layer": n, **each} for n, each in found["folds"].items()]}, False)


@app.command(epilog=_example("spikewright generate runs/digits/export --out build/digits"))
def generate(
    path: ExportPath,
    out: Out,
    wrapper: Annotated[
        str, typer.Option(metavar="BUS", help="none, axi, wishbone, uart or spi around the core.")
    ] = "none",
    clock: Annotated[float | None, typer.Option(help="Clock [MHz]; a UART needs it.")] = None,
    baud: Annotated[int | None, typer.Option(help="Rate of a UART; 115200 without it.")] = None,
    lanes: Lanes = None,
    widths: Widths = None,
    parity: Parity = None,
    reload: Reload = None,
    json: AsJson = False,
) -> None:
    """Write Verilog and memory images; needs no PyTorch."""
    from spikewright.screen import show, working

    with working("generate"):
        loaded = stages.load_export(path, lanes, widths, parity, reload)
        found = stages.generate(
            loaded,
            stages.make_plan(loaded),
            out,
            wrapper=wrapper,
            clock_hz=clock and clock * 1e6,
            baud=baud,
        )
    show(found, json)


@app.command(epilog=_example("spikewright simulate runs/digits/export --out runs/digits/cosim"))
def simulate(
    path: ExportPath,
    out: Out,
    images: Annotated[int | None, typer.Option(help="First samples only; all without it.")] = None,
    shards: Annotated[int, typer.Option(help="Simulators side by side.", min=1, max=64)] = 2,
    stall_images: Annotated[int, typer.Option(help="Samples run again under random stalls.")] = 8,
    seed: Annotated[int, typer.Option(help="Seed of the stalls.")] = 1,
    cocotb: Annotated[
        str | None,
        typer.Option(metavar="MODULE", help="Drive with this cocotb test, e.g. sim.bench."),
    ] = None,
    wave: Annotated[
        str | None,
        typer.Option(metavar="N|first", help="Waveform of sample N, or the first that differs."),
    ] = None,
    lanes: Lanes = None,
    widths: Widths = None,
    parity: Parity = None,
    reload: Reload = None,
    json: AsJson = False,
) -> None:
    """Co-simulate on Verilator; compare every spike and every predicted cycle."""
    from spikewright.screen import progress, show, verdict, working

    loaded = stages.load_export(path, lanes, widths, parity, reload)
    with progress() as tell:
        found = stages.simulate(
            loaded,
            stages.make_plan(loaded),
            out,
            images=images,
            shards=shards,
            stall_images=stall_images,
            seed=seed,
            cocotb=cocotb,
            tell=tell,
        )
    if wave is not None:
        from spikewright.wave import waveform

        with working("wave"):
            plan = stages.make_plan(loaded)
            found["wave"] = waveform(loaded, plan, out, wave, images)
    show(found, json)
    verdict(found["cosim"])


app.command(epilog=_example("spikewright evaluate runs/mnist/export --data data/mnist --rtl 16"))(
    evaluate.evaluate
)

app.command(
    epilog=_example("spikewright build runs/digits/export --board ulx3s-85f --out build/ulx3s")
)(board.build)
app.command(epilog=_example("spikewright patch build/ulx3s runs/other/export --board ulx3s-85f"))(
    patch.patch
)
app.command(epilog=_example("spikewright run runs/digits/export --port /dev/ttyUSB0"))(board.run)

app.command(epilog=_example("spikewright fuzz --count 1000 --seed 1 --run runs/fuzz"))(fuzz.fuzz)


@app.command(epilog=_example("spikewright synthesize runs/digits/export --out runs/synthesis"))
def synthesize(
    path: ExportPath,
    out: Out,
    board: Annotated[str, typer.Option(help="Board by name or YAML path.")] = "ulx3s-85f",
    fabric: Fabrics = None,
    place: Annotated[bool, typer.Option("--place", help="Place and route for Fmax too.")] = False,
    seeds: Annotated[int, typer.Option(help="Seeds to place with.", min=1, max=100)] = 3,
    clock: Clock = None,
    lanes: Lanes = None,
    widths: Widths = None,
    parity: Parity = None,
    reload: Reload = None,
    json: AsJson = False,
) -> None:
    """Count LUTs, flip-flops, block RAM and DSPs per module with Yosys."""
    from boards import load
    from spikewright.screen import listed, progress, show

    chosen, fabrics = load(board), listed(fabric)
    loaded = stages.load_export(path, lanes, widths, parity, reload)
    with progress() as tell:
        plan = stages.make_plan(loaded)
        stages.generate(loaded, plan, out / "verilog")
        found = stages.synthesize(
            out / "verilog",
            out,
            plan,
            board=chosen,
            fabrics=fabrics,
            clock_hz=clock and clock * 1e6,
            place=place,
            seeds=seeds,
            tell=tell,
        )
    show(found, json)


@app.command(epilog=_example("spikewright report runs/digits --out runs/digits/report"))
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.")],
    out: Annotated[Path | None, typer.Option(help="Directory to write; RUN/report.")] = None,
    json: AsJson = False,
) -> None:
    """Collect results.json and write the page with tables and pictures."""
    from spikewright.screen import show, working

    with working("report"):
        stages.collect(run, run.name)
        found = stages.report(run, out or run / "report")
    show(found, json)


@app.command(epilog=_example("spikewright demo configs/digits.yaml --run runs/digits"))
def demo(
    config: Annotated[Path, typer.Argument(help="Run file (YAML).")] = Path("configs/digits.yaml"),
    run: Annotated[Path, typer.Option("--run", help="Run directory.")] = Path("runs/digits"),
    change: Changes = None,
    json: AsJson = False,
) -> None:
    """Run everything: train, export, generate, simulate, synthesize, report."""
    from boards import load as load_board
    from ir.strict import dump_json, write_text
    from spikewright.screen import out as screen
    from spikewright.screen import progress, show, summary, verdict, working
    from sw.config import load, override

    settings = override(load(config), stages.changes(change))
    board = load_board(settings.synthesis.board)
    seconds: dict[str, float] = {}
    begin = time.monotonic()

    def lap(stage: str) -> None:
        nonlocal begin
        seconds[stage] = round(time.monotonic() - begin, 1)
        begin = time.monotonic()

    stages.train(config, run, stages.changes(change), progress=not json)
    lap("train")
    with working("export"):
        stages.export(run / "train", run / "export")
        loaded = stages.load_export(run / "export")
    lap("export")
    with working("generate"):
        plan = stages.make_plan(loaded)
        stages.generate(loaded, plan, run / "verilog")
    lap("generate")
    simulation = settings.simulation
    with progress() as tell:
        cosim = stages.simulate(
            loaded,
            plan,
            run / "cosim",
            images=simulation.images,
            shards=simulation.shards,
            stall_images=simulation.stall_images,
            seed=simulation.seed,
            tell=tell,
        )["cosim"]
        lap("simulate")
        asked = settings.synthesis.clock_mhz
        stages.synthesize(
            run / "verilog",
            run / "synthesis",
            plan,
            board=board,
            clock_hz=asked and asked * 1e6,
            tell=tell,
        )
        lap("synthesize")
    write_text(run / "seconds.json", dump_json(seconds))
    with working("report"):
        results = stages.collect(run, settings.name)
        page = stages.report(run, run / "report")["report"]
    if json:
        show(results, True)
    else:
        screen.print(summary(results))
        screen.print(f"Report: {page}", highlight=False, soft_wrap=True)
    verdict(cosim)


@app.command(epilog=_example("spikewright doctor --json"))
def doctor(json: AsJson = False) -> None:
    """Say which tools and versions were found, what is missing, and how to get it."""
    from dataclasses import asdict

    from rich.table import Table

    from spikewright.doctor import examine
    from spikewright.screen import out as screen
    from spikewright.screen import show

    findings = examine()
    missing = [f.tool for f in findings if f.version is None and not f.optional]
    if json:
        show({"tools": [asdict(f) for f in findings], "missing": missing}, True)
    else:
        table = Table("tool", "version", "needed by", "how to get it")
        for f in findings:
            absent = "[yellow]not found (optional)" if f.optional else "[red]missing"
            table.add_row(f.tool, f.version or absent, f.needed_by, "" if f.version else f.get)
        screen.print(table)
    if missing:
        raise SpikewrightError(f"Tools are missing: {', '.join(missing)}.")


def main() -> None:
    """Run the command line; a refusal is one sentence on standard error and exit status 1."""
    try:
        app()
    except SpikewrightError as error:
        print(f"spikewright: {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        name = f" {error.filename}" if error.filename else ""
        print(f"spikewright: File{name} failed: {error.strerror or error}.", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("spikewright: Interrupted; the same command resumes training.", file=sys.stderr)
        sys.exit(130)
