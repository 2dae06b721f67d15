"""Networks that a search reports, built and co-simulated: every point has gone through RTL."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ir.energy import FLOAT
from ir.strict import parse_json, read_text
from spikewright import stages

COSIM = "cosim"
_LIMIT = 1 << 26


def through_rtl(
    run: Path, rows: list[dict[str, Any]], images: int, tell: stages.Tell | None = None
) -> None:
    """Export, generate and co-simulate every trained network of a search; resumes.

    Rows get ``rtl``: images, spikes compared, mismatches, cycles as predicted and the interval;
    None for networks that were not trained, and for ``fp32``, which has no hardware.

    Parameters
    ----------
    run : Path
        Directory of the search; ``RUN/lambda-L`` and ``RUN/baselines/FORMAT`` receive ``export``
        and ``cosim``.
    rows : list of dict
        As :func:`sw.sweep.sweep` returns them.
    images : int
        Test samples of each network, at least 4; 0 builds none.
    """
    from sim.search_pictures import place, trained

    hard = [row for row in rows if row["accuracy"] is not None and row["network"] != FLOAT]
    built = hard if images else []
    for row in rows:
        row["rtl"] = None
    for done, row in enumerate(built):
        if tell is not None:
            tell("through RTL", done, len(built))
        row["rtl"] = _seen(_simulated(place(run, row), trained(run, row), images))
    if tell is not None:
        tell("through RTL", len(built), len(built))


def _simulated(folder: Path, training: Path, images: int) -> Mapping[str, Any]:
    """Return what co-simulation of one network found, now or before."""
    known = folder / COSIM / "cosim.json"
    if known.exists():
        found = parse_json(read_text(known, _LIMIT), str(known))
        if found["cosim"]["images"] == images:
            return found
    stages.export(training, folder / "export")
    export = stages.load_export(folder / "export")
    plan = stages.make_plan(export)
    return stages.simulate(export, plan, folder / COSIM, images=images, stall_images=0)


def _seen(found: Mapping[str, Any]) -> dict[str, Any]:
    cosim = found["cosim"]
    nouns = ("images", "spikes_compared", "mismatches", "cycles_as_predicted", "first_difference")
    return {noun: cosim[noun] for noun in nouns} | {"interval": found["cycles"]["measured"]}
