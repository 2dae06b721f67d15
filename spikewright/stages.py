"""The stages behind the verbs: each reads the files of the stage before and writes its own.

Houses are imported inside the functions, so that a verb loads only what it needs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ir.errors import SpikewrightError

if TYPE_CHECKING:
    from ir.fold import Hardware
    from ir.plan import Plan
    from ir.store import Export

Tell = Callable[[str, int, int], None]


def train(config: Path, run: Path, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Train what a run file describes; write ``config.yaml`` and ``train/`` into the run directory."""
    from ir.strict import write_text
    from sw.config import dump, load, override
    from sw.train import train as run_training

    settings = override(load(config), changes)
    write_text(run / "config.yaml", dump(settings))
    return run_training(settings, run / "train")


def export(trained: Path, out: Path) -> dict[str, Any]:
    """Fold a trained network into integers and write the export directory."""
    from ir.store import digest
    from sw.export import export as write_export

    network = write_export(trained, out)
    return {
        "export": str(out),
        "sha256": digest(out),
        "quantization": network.quantization,
        "layers": len(network.layers),
    }


def load_export(path: Path, lanes: int | None = None, widths: str | None = None) -> Export:
    """Read an export directory; flags beat the hardware section that is recorded in it."""
    from ir.store import load

    loaded = load(path)
    hardware = loaded.hardware
    if lanes is not None:
        hardware = replace(hardware, lanes=lanes, folds={})
    if widths is not None:
        hardware = replace(hardware, widths=widths)
    return replace(loaded, hardware=hardware)


def make_plan(export: Export) -> Plan:
    """Return the plan of an export with computed buffer sizes."""
    from ir.planner import build
    from ir.sizing import fit

    return fit(build(export.network, export.hardware))


def generate(export: Export, plan: Plan, out: Path, *, probes: bool = False) -> dict[str, Any]:
    """Write Verilog and memory images."""
    from hw.emit import emit

    emit(export.network, plan, out, probes=tuple(plan.probes) if probes else ())
    return {
        "verilog": str(out),
        "lanes": plan.lanes,
        "stations": len(plan.stations),
        "folds": {name: {"pe": pe, "simd": simd} for name, (pe, simd) in plan.fold_of.items()},
    }


def _hardware_of(export: Export) -> Hardware:
    return export.hardware


def simulate(
    export: Export,
    plan: Plan,
    out: Path,
    *,
    images: int | None,
    shards: int,
    stall_images: int,
    seed: int,
    builds: Path,
    tell: Tell | None = None,
) -> dict[str, Any]:
    """Co-simulate the export's samples with all probes; write ``cosim.json``."""
    from ir.schedule import schedule
    from ir.strict import dump_json, write_text
    from sim.cosimulate import cosimulate
    from sim.shard import Stalls
    from sw import golden

    samples = export.samples
    if samples is None:
        raise SpikewrightError("Export holds no samples; allowed are exports with some.")
    if images is not None and not 4 <= images <= len(samples.images):
        raise SpikewrightError(
            f"Images are {images}; allowed are 4..{len(samples.images)}, the samples of the export."
        )
    pixels, labels = samples.images[:images], samples.labels[:images]
    verilog = out / "verilog"
    generate(export, plan, verilog, probes=True)
    predicted = schedule(plan)

    def model(batch: Any) -> Any:
        return golden.run(export.network, batch)

    common: dict[str, Any] = {
        "build_dir": builds,
        "golden_model": model,
        "schedule": predicted,
        "progress": tell,
    }
    ideal = cosimulate(verilog, plan, export.network, pixels, shards=shards, **common)
    stalled = None
    if stall_images:
        stalled = cosimulate(
            verilog,
            plan,
            export.network,
            pixels[:stall_images],
            shards=1,
            stalls=Stalls(seed=seed),
            **common,
        )
    golden_labels = golden.predict(export.network, pixels)[0]
    result = {
        "accuracy": {
            "golden": float((golden_labels == labels).mean()),
            "rtl": float((ideal.labels == labels).mean()),
        },
        "ideal": ideal.to_dict(),
        "stalled": stalled.to_dict() if stalled else None,
        "busy": predicted.busy,
        "lanes": plan.lanes,
        "folds": {name: {"pe": pe, "simd": simd} for name, (pe, simd) in plan.fold_of.items()},
        "memory_bits": {
            station.name: station.memory_bits  # type: ignore[attr-defined]
            for station in plan.stations
            if hasattr(station, "memory_bits")
        },
        "firing_rates": firing_rates(export, pixels),
        "quantization": export.network.quantization,
    }
    write_text(out / "cosim.json", dump_json(result))
    return result
