"""The stage behind ``simulate --wave``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ir.errors import SpikewrightError
from spikewright.stages import cache

if TYPE_CHECKING:
    from ir.plan import Plan
    from ir.store import Export


def waveform(
    export: Export, plan: Plan, out: Path, asked: str, images: int | None
) -> dict[str, Any]:
    """Trace a sample, or the ``first`` that differs, of what ``simulate`` left in ``out``."""
    from sim.wave import wave
    from sw import golden

    if asked != "first" and not asked.isdecimal():
        raise SpikewrightError(f"Option --wave is {asked!r:.40}; allowed are first and a number.")
    assert export.samples is not None
    return wave(
        out / "verilog",
        plan,
        export.network,
        export.samples.images[:images],
        out,
        cache() / "simulators",
        sample=None if asked == "first" else int(asked),
        golden_model=lambda batch: golden.run(export.network, batch),
    )
