"""The verbs of one board: ``build`` and ``run``."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ir.errors import SpikewrightError
from spikewright import stages
from spikewright.host import BAUD
from spikewright.stages import Tell

if TYPE_CHECKING:
    from boards import Board
    from ir.network import Network
    from ir.plan import Plan
    from spikewright.host import Reloaded

SIMULATED = "simulated"
"""Port that stands for a simulated board."""

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
ExportPath = Annotated[Path, typer.Argument(metavar="EXPORT", help="Export directory.")]


def build(
    path: ExportPath,
    board: Annotated[str, typer.Option(help="Board by name or YAML path.")],
    out: Annotated[Path, typer.Option("--out", help="Directory to write.")],
    baud: Annotated[int, typer.Option(help="Bits per second of the UART.")] = BAUD,
    seed: Annotated[int, typer.Option(help="Of the placement.", min=0)] = 1,
    refold: Annotated[
        bool, typer.Option("--fold", help="Choose folds for the board; the export's without.")
    ] = False,
    patchable: Annotated[
        bool, typer.Option("--patchable", help="Weights in block RAM, for the verb patch.")
    ] = False,
    reload: Annotated[
        bool | None,
        typer.Option(
            "--reload/--no-reload", help="Memories that a host writes; beats the export's."
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Make Verilog, constraints, memory images and, with the open tools, a bitstream."""
    from boards import load
    from spikewright.screen import progress, show

    chosen = load(board)
    with progress() as tell:
        options: dict[str, Any] = {"baud": baud, "seed": seed, "refold": refold, "reload": reload}
        found = make(path, chosen, out, **options, patchable=patchable, tell=tell)
    show(found, json)
    if found["met"] is False:
        raise SpikewrightError(
            f"Design reaches {found['fmax_mhz']} MHz with seed {seed}; board {chosen.name} runs at "
            f"{chosen.clock_hz / 1e6:g} MHz."
        )


def make(
    path: Path,
    board: Any,
    out: Path,
    *,
    baud: int,
    seed: int,
    refold: bool,
    patchable: bool = False,
    reload: bool | None = None,
    tell: Tell | None = None,
) -> dict[str, Any]:
    """Build an export for a board into ``out``; return a summary.

    ``OUT/verilog`` is the design with its register map, ``OUT/images`` the memories in the formats
    of vendors' tools, beside them the constraints and the bitstream where there is one; for AMD
    parts the scripts that build one in Vivado, and a driver where a processor is the host. What can
    be reloaded or patched leaves what was built, folds of the board included, in ``OUT/export``.
    """
    from dataclasses import asdict

    from hw.wrap import patient
    from ir.schedule import schedule
    from ir.store import save
    from ir.strict import dump_json, write_text
    from sim import patch as patching
    from sim.bitstream import SUFFIXES, bitstream, check
    from spikewright.boards import folded, taken
    from spikewright.patch import BUILT, describe, memories, wrapper

    if board.fabric in SUFFIXES:
        check(board)
    if patchable:
        patching.check(board)
    widths = "format" if patchable else None
    loaded = stages.load_export(path, widths=widths, reload=reload)
    if patchable and loaded.hardware.reload:
        raise SpikewrightError("Options --patchable and --reload are not allowed together.")
    export, _ = folded(loaded, board, board.budget(), refold=refold)
    plan = stages.make_plan(export)
    predicted = schedule(plan)
    most = patient(plan, predicted.interval, float(board.clock_hz))
    if board.bus == "uart" and baud > most:
        raise SpikewrightError(
            f"UART has {baud} baud; allowed are up to {most}, as samples would come faster than "
            f"this design takes them at {board.clock_hz / 1e6:g} MHz."
        )
    around = wrapper(board, baud, patchable=patchable)
    manifest = describe(out, export.network, plan, around)
    if patchable or plan.reload:
        save(out / BUILT, export.network, export.hardware, export.samples)
    found: dict[str, Any] = {
        "board": board.name,
        "network": manifest["network"],
        "bus": board.bus,
        "baud": baud if board.bus == "uart" else None,
        "lanes": plan.lanes,
        "interval": predicted.interval,
        "latency": predicted.latency,
        "frames_per_second": round(board.clock_hz / predicted.interval, 1),
        "bitstream": None,
        "fmax_mhz": None,
        "met": None,
        "predicted": asdict(taken(plan, board)),
    }
    if board.fabric in SUFFIXES:
        source, routed = out / "verilog", None
        if patchable:
            contents, _ = memories(export.network, plan)
            source, routed = out / "randomised", out / patching.ROUTED
            patching.randomise(out / "verilog", source, contents)
        packed = bitstream(
            source,
            board,
            out,
            stages.cache() / "netlists",
            seed=seed,
            routed=routed,
            progress=tell,
        )
        if patchable:
            found["patch"] = patching.patch(out, board, contents, stages.cache() / "netlists")
        found |= asdict(packed) | {"bitstream": str(packed.path), "path": str(out)}
        found["program"] = " ".join(board.program(str(packed.path))) if board.programmer else ""
    else:
        for name, text in _for_vivado(board, export.network, plan, manifest, out / "verilog"):
            write_text(out / name, text)
    write_text(out / "build.json", dump_json({**found, "path": out.name}))
    return found


def _for_vivado(
    board: Board, network: Network, plan: Plan, manifest: dict[str, Any], verilog: Path
) -> Iterator[tuple[str, str]]:
    """Yield name and text of what Vivado needs beside the emitted Verilog."""
    from boards import overlay, vivado
    from hw.board import TOP
    from ir.registers import registers
    from sim.bitstream import around, constraints

    sources = sorted(path.name for path in verilog.glob("*.v"))
    images = sorted(path.name for path in (verilog / "images").iterdir())
    if board.pins is not None:
        for suffix, text in constraints(board).items():
            yield f"{board.name}{suffix}", text
        yield "top.v", around(board)
        yield "vivado.tcl", vivado.project(board, sources, images, TOP)
        return
    yield "package_ip.tcl", vivado.package(board, sources, images, manifest["wrapper"]["ports"])
    yield "vivado.tcl", vivado.system(board, -(-plan.source.width // 8))
    listed = registers(plan, manifest["network"])
    yield "overlay.py", overlay.text(board.name, network, plan, listed)


@contextmanager
def _simulated(network: Network, plan: Plan) -> Iterator[str]:
    """Yield the port of a board with this network that is simulated at its pins."""
    from hw.emit import emit
    from hw.wrap import Wrapper, patient
    from ir.schedule import schedule
    from sim.board import SimulatedBoard

    clock = 1e8
    cycles = max(8, math.ceil(clock / patient(plan, schedule(plan).interval, clock)))
    with tempfile.TemporaryDirectory(prefix="spikewright-") as folder:
        verilog = Path(folder) / "verilog"
        emit(network, plan, verilog, Wrapper("uart", float(cycles * BAUD), BAUD))
        with SimulatedBoard(verilog, stages.cache() / "simulators", cycles) as board:
            yield board.port


def run(
    path: ExportPath,
    port: Annotated[str, typer.Option(help="Serial port such as /dev/ttyUSB0, or simulated.")],
    images: Annotated[
        list[Path] | None,
        typer.Argument(metavar="IMAGE", help="Pictures or .npy; the export's samples without."),
    ] = None,
    samples: Annotated[int | None, typer.Option(help="First samples only.", min=1)] = None,
    baud: Annotated[int, typer.Option(help="Bits per second.")] = BAUD,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for an answer.")] = 2.0,
    built: Annotated[
        Path | None,
        typer.Option(help="Export that the board was built of; EXPORT is loaded into it first."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Send images or samples to a board; compare with the golden model, measure latency."""
    from spikewright.screen import print_rows, progress, show

    with progress() as tell:
        found = measure(
            *(path, port, images),
            samples=samples,
            baud=baud,
            timeout=timeout,
            built=built,
            tell=tell,
        )
    if images and not json:
        print_rows({"rows": found.pop("images")}, False)
    show(found, json)
    if found["mismatches"]:
        raise SpikewrightError(
            f"Board at {port} gave {found['mismatches']} of {found['samples']} answers that the "
            f"golden model does not give."
        )


def measure(
    path: Path,
    port: str,
    images: Sequence[Path] | None = None,
    *,
    samples: int | None = None,
    baud: int = BAUD,
    timeout: float = 2.0,
    built: Path | None = None,
    tell: Tell | None = None,
) -> dict[str, Any]:
    """Return what a board answers to images or to samples, beside the golden model's answers.

    The port ``simulated`` is a board of its own, in Verilator, at the pins of its UART. With
    ``built``, the export that the board was built of, the network is loaded into that first.
    """
    import statistics
    from contextlib import ExitStack

    import numpy as np

    from hw.emit import network_digest
    from ir import golden
    from ir.bounds import check
    from sim.stimulus import pack
    from spikewright.host import Device
    from spikewright.picture import read

    export = stages.load_export(path)
    base = export if built is None else stages.load_export(built, reload=True)
    plan, network = stages.make_plan(base), export.network
    if built is not None:
        check(network, base)
    labels: Any = ()
    if images:
        pixels = np.stack([read(image, network.input) for image in images])
    elif export.samples is None:
        raise SpikewrightError(f"Export {path} holds no samples; allowed are images.")
    else:
        pixels, labels = export.samples.images[:samples], export.samples.labels[:samples]
    rows = [int.from_bytes(row.tobytes(), "little") for row in pack(pixels, plan.source)]
    size = plan.source.words
    words = [rows[k : k + size] for k in range(0, len(rows), size)]
    results = []
    with ExitStack() as stack:
        if port == SIMULATED:
            port, timeout = stack.enter_context(_simulated(base.network, plan)), 60.0
        board = stack.enter_context(
            Device(port, plan, network_digest(network), baud=baud, timeout=timeout)
        )
        reloaded = None if built is None else board.reload(network, base, tell)
        board.reset()
        for result in board.infer(words):
            results.append(result)
            if tell is not None:
                tell("run", len(results), len(words))
        counters = board.counters()
    logits = golden.run(network, pixels).outputs[network.readout.name][:, 0, 0]
    wrong = sum(
        result.logits != tuple(map(int, row)) for result, row in zip(results, logits, strict=True)
    )
    seconds = sorted(result.seconds for result in results)
    right = [r.label == int(label) for r, label in zip(results, labels, strict=False)]
    told = [
        {"image": str(image), "label": r.label, "logits": list(r.logits)}
        for image, r in zip(images or (), results, strict=False)
    ]
    return {
        "port": port,
        "samples": len(results),
        "mismatches": wrong,
        **({"images": told} if images else {"accuracy": round(sum(right) / len(right), 4)}),
        "tries": sum(result.tries for result in results),
        "latency_ms": {
            "median": round(1e3 * statistics.median(seconds), 2),
            "least": round(1e3 * seconds[0], 2),
            "most": round(1e3 * seconds[-1], 2),
        },
        "counters": counters,
        **({} if reloaded is None else {"reloaded": _told(reloaded)}),
    }


def _told(reloaded: Reloaded) -> dict[str, Any]:
    """Return what a reload did; it raises unless every checksum matches."""
    from dataclasses import asdict

    return asdict(reloaded) | {"seconds": round(reloaded.seconds, 3), "checksums": "match"}
