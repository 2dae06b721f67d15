"""The report of a run: one Markdown page with tables, and pictures beside it.

Everything on the page is measured, computed from the export, or marked as missing (–).
"""

from __future__ import annotations

from pathlib import Path

from ir.errors import SpikewrightError
from ir.manifest import listing
from ir.strict import dump_json, new_directory
from sim import pictures
from sim.page import page
from sim.record import Run, read_run


def write_report(run: Path, out: Path) -> Path:
    """Write ``report.md`` and its pictures; return the page.

    The directory appears whole or not at all; a report that an earlier run wrote is replaced.

    Parameters
    ----------
    run : Path
        Holds ``results.json``, ``export/`` and, if the network was trained here, ``train/``.

    Raises
    ------
    SpikewrightError
        If a file is missing or malformed, the results belong to another export, or ``out`` holds
        something else.
    """
    content = read_run(Path(run))
    with new_directory(Path(out)) as directory:
        drawn = _draw(content, directory)
        (directory / "report.md").write_text(page(content, drawn), encoding="utf-8")
        files = listing({path.name: path.read_bytes() for path in directory.iterdir()})
        (directory / "manifest.json").write_text(dump_json({"files": files}))
    return Path(out) / "report.md"


def _draw(run: Run, directory: Path) -> dict[str, str]:
    """Draw what there are data for; return file names by section."""
    results, samples, drawn = run.results, run.export.samples, {}
    network = run.export.network

    def file(section: str) -> Path:
        drawn[section] = f"{section}.png"
        return directory / drawn[section]

    if samples is not None and len(samples.images):
        title = f"Spikes of sample 0, label {samples.labels[0]}"
        pictures.raster(file("raster"), network, samples.images[0], title)
    if run.log:
        pictures.training(file("training"), run.log, run.test)
    pictures.weights(file("weights"), network)
    if results["cycles"] and results["cycles"]["layers"]:
        pictures.timeline(file("cycles"), results["cycles"]["layers"])
    for fabric, used in results["resources"].items():
        if not fabric.isalnum():
            raise SpikewrightError(f"Fabric {fabric!r:.40} is no word of letters and digits.")
        modules = {name: cells or {} for name, cells in (used or {}).get("modules", {}).items()}
        if modules:
            pictures.resources(file(f"resources_{fabric}"), modules, f"Cells on {fabric}")
    rates = {name: rate for name, rate in results["firing_rates"].items() if rate is not None}
    if rates:
        pictures.firing(file("firing"), rates)
    return drawn
