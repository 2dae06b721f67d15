"""``spikewright fuzz``: random networks against the golden model."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from ir.errors import SpikewrightError
from ir.strict import read_text, write_text
from spikewright import stages


def fuzz(
    count: Annotated[int, typer.Option(help="Cases in all.", min=1, max=10_000_000)] = 100,
    seed: Annotated[int, typer.Option(help="Of topologies and cases.", min=0)] = 0,
    cases: Annotated[
        int, typer.Option(help="Cases of one topology, which is compiled once.", min=1, max=10_000)
    ] = 20,
    icarus: Annotated[
        int, typer.Option(help="Topologies whose first case runs on Icarus too.", min=0)
    ] = 0,
    amaranth: Annotated[
        int, typer.Option(help="Topologies that run in Amaranth's simulator, too.", min=0)
    ] = 0,
    netlists: Annotated[
        int, typer.Option(help="Topologies that run as netlists after synthesis too.", min=0)
    ] = 0,
    run: Annotated[
        Path | None,
        typer.Option("--run", help="Directory of log and failures, to go on from."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(help="Processes; as many as cores without.", min=1, max=1024)
    ] = None,
    shrink: Annotated[bool, typer.Option(help="Make failures small before they are kept.")] = True,
    stop: Annotated[bool, typer.Option("--stop", help="Stop at the first failure.")] = False,
    again: Annotated[
        list[Path] | None,
        typer.Option("--replay", help="Run the case of a YAML file instead; repeatable."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Check random networks on Verilator, every value and every cycle; exit 1 if one is wrong."""
    from sim.campaign import Campaign, replay
    from spikewright.screen import progress, show

    simulators = stages.cache() / "simulators"
    found: dict[str, Any]
    if again:
        wrong = {str(path): replay(path, simulators) for path in again}
        found = {
            "cases": len(again),
            "mismatches": sum(failure is not None for failure in wrong.values()),
            "failures": [f"{path}: {one.sentence}" for path, one in wrong.items() if one],
        }
    else:
        with tempfile.TemporaryDirectory(prefix="spikewright-") as scratch, progress() as tell:
            campaign = Campaign(
                seed,
                count,
                run or Path(scratch),
                simulators,
                cases=cases,
                icarus=icarus,
                amaranth=amaranth,
                netlists=netlists,
            )
            found = campaign.run(jobs=jobs, smaller=shrink, stop=stop, tell=tell)
            if run is None:
                found["failures"] = [_kept(Path(path)) for path in found["failures"]]
    show(found, json)
    if found["mismatches"]:
        raise SpikewrightError(
            f"{found['mismatches']} of {found['cases']} cases failed: "
            f"{'; '.join(found['failures'])}."
        )


def _kept(path: Path) -> str:
    """Copy a failure out of the scratch directory; return its new name."""
    write_text(to := Path(f"fuzz-{path.name}"), read_text(path))
    return str(to)
