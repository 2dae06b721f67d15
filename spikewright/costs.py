"""The verb ``characterise``: measures what the cost model reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from spikewright.stages import Tell, cache

OUT = Path("ir/characterisation.json")


def characterise(
    out: Annotated[Path, typer.Option("--out", help="Data file to write.")] = OUT,
    fabric: Annotated[
        list[str] | None, typer.Option("--fabric", help="ecp5,ice40,gowin,xc7; repeatable.")
    ] = None,
    networks: Annotated[int | None, typer.Option(help="Networks to fit to.", min=2)] = None,
    lanes: Annotated[bool, typer.Option(help="Cores of bench lanes too.")] = True,
    buses: Annotated[
        bool, typer.Option("--buses", help="Buses only; the rest of the data file stays.")
    ] = False,
    place_seeds: Annotated[int, typer.Option(help="Seeds to place cores with.", min=0)] = 0,
    jobs: Annotated[int, typer.Option(help="Yosys processes side by side.", min=1, max=64)] = 2,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Measure what engines cost on each fabric; the cost model and the fold solver read it."""
    from spikewright.screen import listed, print_rows, progress

    with progress() as tell:
        if buses:
            found = measure_buses(out, networks=networks, jobs=jobs, tell=tell)
        else:
            found = measure(
                listed(fabric),
                out,
                seeds=place_seeds,
                networks=networks,
                with_lanes=lanes,
                jobs=jobs,
                tell=tell,
            )
    print_rows(found, json)


def measure_buses(
    out: Path, *, networks: int | None = None, jobs: int = 2, tell: Tell | None = None
) -> dict[str, Any]:
    """Measure what buses cost, beside everything else that a data file says; return its models."""
    from ir.characterisation import PATH, load
    from ir.strict import dump_json, parse_json, read_text, write_text
    from sim.bus_costs import NETWORKS, add

    source = out if out.exists() else PATH
    load(source)
    content = parse_json(read_text(source, 1 << 22), f"File {source.name}")
    command = "spikewright characterise --buses"
    command += f" --networks {networks}" if networks else ""
    found = add(
        content,
        cache() / "netlists",
        command=command,
        networks=networks or NETWORKS,
        jobs=jobs,
        progress=tell,
    )
    write_text(out, dump_json(found))
    load.cache_clear()
    return {
        "characterisation": str(out),
        "rows": [
            {"fabric": name, "model": model, "samples": each.samples, "error": each.error}
            for name, costs in load(out).fabrics.items()
            for model, each in costs.models.items()
            if model.startswith(("bus_", "spikes"))
        ],
    }


def measure(
    fabrics: Sequence[str],
    out: Path,
    *,
    seeds: int = 0,
    networks: int | None = None,
    with_lanes: bool = True,
    jobs: int = 2,
    tell: Tell | None = None,
) -> dict[str, Any]:
    """Measure what engines cost and write the data file; return how far predictions are off."""
    from datetime import UTC, datetime

    from ir.characterisation import load
    from ir.strict import dump_json, write_text
    from sim.bus_costs import add
    from sim.characterise import NETWORKS
    from sim.characterise import characterise as run_characterisation
    from sim.fabrics import FABRICS
    from sim.lane_table import rows

    chosen = list(fabrics) or list(FABRICS)
    command = f"spikewright characterise --fabric {','.join(chosen)}"
    netlists = cache() / "netlists"
    places = range(1, seeds + 1)
    lanes = []
    if with_lanes:
        lanes = rows(chosen, netlists, place_seeds=places, jobs=jobs, progress=tell)
    found = run_characterisation(
        chosen,
        netlists,
        date=datetime.now(UTC).date().isoformat(),
        command=command
        + (f" --place-seeds {seeds}" if seeds else "")
        + (f" --networks {networks}" if networks else "")
        + ("" if with_lanes else " --no-lanes"),
        lanes=lanes,
        networks=networks or NETWORKS,
        jobs=jobs,
        progress=tell,
    )
    found = add(found, netlists, networks=networks or NETWORKS, jobs=jobs, progress=tell)
    write_text(out, dump_json(found))
    load(out)
    return {
        "characterisation": str(out),
        "rows": [
            {"fabric": name, **check, "error": round(check["predicted"] / check["measured"] - 1, 4)}
            for name, costs in found["fabrics"].items()
            for check in costs["checks"]
        ],
    }
