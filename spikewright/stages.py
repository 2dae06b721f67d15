"""The stages behind the verbs: each reads the files of the stage before and writes its own.

Houses are imported inside the functions, so that a verb loads only what it needs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boards.board import FILL
from ir.errors import SpikewrightError
from ir.strict import parse_yaml

if TYPE_CHECKING:
    from boards import Board
    from ir.design import Design
    from ir.plan import Plan
    from ir.store import Export
    from ir.usage import Usage

Tell = Callable[[str, int, int], None]


def cache() -> Path:
    """Return the folder of compiled simulators and netlists, shared by all runs."""
    base = os.environ.get("SPIKEWRIGHT_CACHE") or os.environ.get("XDG_CACHE_HOME")
    return Path(base or Path.home() / ".cache") / "spikewright"


def changes(items: list[str] | None) -> dict[str, Any]:
    """Return the ``--set`` options; values are read as YAML scalars."""
    found = {}
    for item in items or ():
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise SpikewrightError(f"Option --set is {item!r}; allowed is KEY=VALUE.")
        found[key] = parse_yaml(value, f"Option --set {key}")
    return found


def cost(source: Path, table: str, constants: Mapping[str, float]) -> dict[str, Any]:
    """Return what the network of a run file or an export costs by the analytic 45 nm model."""
    from ir.energy import Energy, report

    chosen = Energy.of(table, **constants)
    if source.is_dir():
        return report(load_export(source).network, chosen)
    from sw.config import load
    from sw.export import untrained

    return report(untrained(load(source)), chosen)


def train(config: Path, run: Path, changes: Mapping[str, Any], progress: bool) -> dict[str, Any]:
    """Train what a run file describes into ``RUN/train``; return the metrics."""
    from sw.config import load, override
    from sw.train import train as run_training

    return run_training(override(load(config), changes), run / "train", progress=progress)


def search(
    config: Path,
    run: Path,
    changes: Mapping[str, Any],
    *,
    lambdas: Sequence[float] | None = None,
    tune: bool = True,
    baselines: bool = False,
    rtl: int = 4,
    tell: Tell | None = None,
) -> dict[str, Any]:
    """Search for weight formats as a run file says, into ``RUN``; return one row per network."""
    from ir.strict import dump_json, write_text
    from sim.search_pictures import draw
    from spikewright.points import through_rtl
    from sw.config import load, override
    from sw.sweep import RESULT, sweep

    settings = override(load(config), changes)
    found = sweep(settings, run, lambdas=lambdas, tune=tune, baselines=baselines, tell=tell)
    through_rtl(run, found["rows"], rtl, tell)
    write_text(run / RESULT, dump_json(found))
    draw(run, run / "pictures")
    return found


def export(trained: Path, out: Path) -> dict[str, Any]:
    """Fold a trained network into integers and write the export directory."""
    from ir.store import digest
    from sw.export import export as write_export

    network = write_export(trained, out)
    return {
        "export": str(out),
        "sha256": digest(out),
        "layers": len(network.layers),
        "quantization": network.quantization,
    }


def specimen(config: Path, out: Path, images: int, seed: int) -> dict[str, Any]:
    """Write an export directory of a network with random weights; return a summary."""
    from ir.store import digest
    from sim.anchor import load, specimen

    network = specimen(load(config), out, images=images, seed=seed)
    return {
        "export": str(out),
        "sha256": digest(out),
        "layers": len(network.layers),
        "weights": "random",
        "images": images,
    }


def load_export(
    path: Path,
    lanes: int | None = None,
    widths: str | None = None,
    parity: bool | None = None,
    reload: bool | None = None,
) -> Export:
    """Read an export directory; flags beat the hardware section that is recorded in it."""
    from ir.store import load

    loaded = load(path)
    asked = {"lanes": lanes, "widths": widths, "parity": parity, "reload": reload}
    beating: dict[str, Any] = {name: each for name, each in asked.items() if each is not None}
    return replace(loaded, hardware=replace(loaded.hardware, **beating))


def make_plan(export: Export) -> Plan:
    """Return the plan of an export, buffer sizes computed."""
    from ir.planner import build
    from ir.sizing import sized

    return sized(build(export.network, export.hardware))


def target(
    board: Board, fps: float | None, clock_hz: float | None, fill: float
) -> tuple[float, Usage, int | None]:
    """Return clock [Hz], budget, and the most cycles per sample for ``fps`` frames per second."""
    clock = clock_hz or board.clock_hz
    if clock <= 0:
        raise SpikewrightError(f"Clock is {clock / 1e6:g} MHz; allowed is above 0.")
    if fps is not None and not 0 < fps <= clock:
        raise SpikewrightError(
            f"Frames per second are {fps:g}; allowed is above 0, up to the clock of {clock:g} Hz."
        )
    return clock, board.budget(fill), None if fps is None else int(clock / fps)


def solve(export: Export, board: Board, budget: Usage, aim: str, limit: int | None) -> Design:
    """Return the folds that serve an aim best within a budget, beside the bus of a board."""
    from ir.design import design
    from ir.planner import build
    from ir.wrapping import around

    hardware = replace(export.hardware, fabric=board.counted_as)
    plan = build(export.network, replace(hardware, folds={}, kind="stream"))
    for _ in range(4):  # what the bus takes depends on the folds a little
        left = budget.beside(around(plan, board.bus, board.counted_as))
        found = design(export.network, hardware, left, aim, limit)
        plan = found.plan
        if (found.used + around(plan, board.bus, board.counted_as)).within(budget):
            break
    return found


def fold(
    export: Export,
    board: Board,
    out: Path | None,
    *,
    aim: str = "throughput",
    fps: float | None = None,
    clock_hz: float | None = None,
    fill: float = FILL,
) -> dict[str, Any]:
    """Choose every fold for a board's budget and an aim; write the export with them to ``out``."""
    from ir.store import save

    clock, budget, limit = target(board, fps, clock_hz, fill)
    found = solve(export, board, budget, aim, limit)
    if out is not None:
        save(out, export.network, found.hardware, export.samples)
    least = found.used.lut if aim == "area" else found.cycles
    return {
        "export": str(out or ""),
        "board": board.name,
        "aim": aim,
        "interval": found.interval,
        "latency": found.latency,
        "clock_mhz": clock / 1e6,
        "frames_per_second": round(clock / found.interval, 1),
        "bound": str(found.bound or "none: the aim was reached"),
        "gap": found.relaxed and round(least / found.relaxed - 1, 4),
        "proven": found.proven,
        "used": asdict(found.used),
        "budget": asdict(budget),
        "folds": {name: asdict(each) for name, each in found.hardware.folds.items()},
    }


def generate(
    export: Export,
    plan: Plan,
    out: Path,
    *,
    wrapper: str = "none",
    clock_hz: float | None = None,
    baud: int | None = None,
) -> dict[str, Any]:
    """Write Verilog, memory images and manifest, behind a bus if one is named; return a summary."""
    from hw.emit import emit
    from hw.wrap import BAUD, NONE, Wrapper

    chosen = None if wrapper == NONE else Wrapper(wrapper, clock_hz, baud or BAUD)
    emit(export.network, plan, out, chosen)
    return {
        "verilog": str(out),
        "wrapper": wrapper,
        "stations": len(plan.stations),
        "lanes": plan.lanes,
        "memory_bits": sum(plan.memory_bits.values()),
        "folds": {name: {"pe": pe, "simd": simd} for name, (pe, simd) in plan.fold_of.items()},
    }


def simulate(
    export: Export,
    plan: Plan,
    out: Path,
    *,
    images: int | None = None,
    shards: int = 2,
    stall_images: int = 8,
    seed: int = 1,
    cocotb: str | None = None,
    tell: Tell | None = None,
) -> dict[str, Any]:
    """Co-simulate the samples of an export, every layer probed; write ``OUT/cosim.json``."""
    from hw.emit import emit
    from ir.schedule import schedule
    from ir.strict import dump_json, write_text
    from sim.cosimulate import cosimulate, longest
    from sim.results import cosimulation, firing_rates
    from sim.shard import Stalls
    from sw import golden

    samples = export.samples
    if samples is None:
        raise SpikewrightError("Export holds no samples; allowed are exports with at least 4.")
    for noun, value, least in (("Images", images, 4), ("Stall images", stall_images, 0)):
        if value is not None and not least <= value <= len(samples.images):
            raise SpikewrightError(
                f"{noun} are {value}; allowed are {least}..{len(samples.images)}, the samples of "
                f"the export."
            )
    pixels, labels = samples.images[:images], samples.labels[:images]
    verilog = out / "verilog"
    emit(export.network, plan, verilog)
    predicted = schedule(plan)
    if not predicted.steady:
        predicted = schedule(plan, max(longest(len(pixels), shards), stall_images))
    common: dict[str, Any] = {
        "build_dir": cache() / "simulators",
        "golden_model": lambda batch: golden.run(export.network, batch),
        "schedule": predicted,
        "cocotb": cocotb,
        "progress": tell,
    }
    run = (verilog, plan, export.network)
    ideal = cosimulate(*run, pixels, shards=shards, **common)
    stalled = None
    if stall_images:
        pauses = Stalls(seed=seed)
        stalled = cosimulate(*run, pixels[:stall_images], shards=1, stalls=pauses, **common)
    rates, guesses = firing_rates(export.network, golden.batches(export.network, pixels))
    found = cosimulation(plan, predicted, ideal, stalled, labels, guesses, rates)
    write_text(out / "cosim.json", dump_json(found))
    return found


def synthesize(
    verilog: Path,
    out: Path,
    plan: Plan,
    *,
    board: Board,
    fabrics: Sequence[str] = (),
    clock_hz: float | None = None,
    place: bool = False,
    seeds: int = 3,
    tell: Tell | None = None,
) -> dict[str, Any]:
    """Count the cells of a generated design beside what was predicted of its plan.

    Writes ``OUT/synthesis.json``.
    """
    from ir.cost import predict_plan
    from ir.strict import dump_json, write_text
    from ir.usage import Usage
    from sim.synthesis import synthesize as run_synthesis

    found = run_synthesis(
        verilog,
        board,
        cache() / "netlists",
        fabrics=fabrics,
        clock_hz=clock_hz,
        seeds=seeds if place else 0,
        progress=tell,
    )
    for fabric, used in found["resources"].items():
        used["predicted"] = asdict(sum(predict_plan(plan, fabric).values(), Usage()))
    write_text(out / "synthesis.json", dump_json(found))
    return found


def measure_busy(
    exports: Sequence[Path],
    shapes: Sequence[str],
    lanes: int | None,
    measured: bool,
    steps: int | None = None,
) -> dict[str, Any]:
    """Return which share of the lanes works, by export directory or built-in shape."""
    from ir.fold import Hardware
    from sim.busy import busy, samples
    from sim.shapes import LANES, SHAPES

    for name in shapes:
        if name not in SHAPES:
            raise SpikewrightError(f"Shape is {name!r}; allowed are {', '.join(SHAPES)}.")
    networks: dict[str, Any] = {}
    for path in exports:
        loaded = load_export(path, lanes)
        hardware = loaded.hardware
        networks[str(path)] = (
            loaded.network,
            replace(hardware, steps_per_pass=steps or hardware.steps_per_pass),
        )
    for name in shapes or (() if exports else SHAPES):
        network = SHAPES[name]()
        networks[name] = network, Hardware(lanes or LANES[name], steps or network.steps)
    return {
        name: busy(
            network, hardware, samples(network) if measured else None, cache() / "simulators"
        )
        for name, (network, hardware) in networks.items()
    }


def measure_skip(exports: Sequence[Path], images: int = 64) -> list[dict[str, Any]]:
    """Return the shares of silent words, for random spikes and for the first samples of exports."""
    from ir.golden import run
    from sim.skip import network_rows, random_rows

    rows = list(random_rows())
    for path in exports:
        loaded = load_export(path)
        if loaded.samples is None:
            raise SpikewrightError(f"Export {path} holds no samples.")
        trace = run(loaded.network, loaded.samples.images[:images])
        rows += network_rows(loaded.network, trace.outputs)
    return rows


def bench_lanes(
    fabrics: Sequence[str], out: Path, *, seeds: int = 0, jobs: int = 2, tell: Tell | None = None
) -> dict[str, Any]:
    """Measure LUTs per lane and write the page; return the rows."""
    from ir.strict import write_text
    from sim.fabrics import FABRICS
    from sim.lane_table import page, rows

    chosen = list(fabrics) or list(FABRICS)
    found = rows(
        chosen, cache() / "netlists", place_seeds=range(1, seeds + 1), jobs=jobs, progress=tell
    )
    command = f"spikewright bench lanes --fabric {','.join(chosen)}"
    write_text(out, page(found, command + (f" --place --seeds {seeds}" if seeds else "")))
    return {"rows": found}


def bench_scale(
    names: Sequence[str],
    out: Path | None,
    *,
    luts: bool = True,
    measured: bool = False,
    tell: Tell | None = None,
) -> dict[str, Any]:
    """Set networks of published accelerators beside ours; write the page if asked for."""
    from ir.strict import write_text
    from sim.anchor import ANCHORS, load
    from sim.scale import measure, page, scale

    rows = []
    for anchor in map(load, names or ANCHORS):
        row = scale(anchor, cache() / "netlists", luts=luts, progress=tell)
        rows.append(row | (measure(anchor, cache() / "simulators") if measured else {}))
    if out is not None:
        command = " ".join(["spikewright bench scale", *names, *([] if luts else ["--no-luts"])])
        write_text(out, page(rows, command))
    return {"rows": rows}


def bench_boards(
    boards: Sequence[str],
    out: Path | None,
    *,
    luts: bool = True,
    seeds: int = 0,
    route: bool = True,
    tell: Tell | None = None,
) -> dict[str, Any]:
    """Let the fold solver fill boards; count and place what it finds; write the page if asked."""
    from ir.strict import write_text
    from sim.designs import NETWORKS, measure, page

    places = range(1, seeds + 1)
    rows = [
        measure(name, cache() / "netlists", luts=luts, seeds=places, route=route, progress=tell)
        for name in boards or NETWORKS
    ]
    if out is not None:
        options = [] if luts else ["--no-luts"]
        options += [f"--place --seeds {seeds}"] if seeds else []
        options += [] if route else ["--no-route"]
        write_text(out, page(rows, " ".join(["spikewright bench boards", *boards, *options])))
    return {"rows": rows}


def collect(run: Path, name: str) -> dict[str, Any]:
    """Write ``RUN/results.json`` from what the stages left; return its content."""
    from sim.results import collect as collect_results
    from spikewright.doctor import versions

    return collect_results(run, name, versions())


def report(run: Path, out: Path) -> dict[str, Any]:
    """Write the report of a run directory."""
    from sim.report import write_report

    return {"report": str(write_report(run, out))}
