"""Placing one core in its harness, on ECP5 and iCE40: Fmax, and on ECP5 whose each cell is."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from boards.board import load
from hw.tool import tool
from ir.errors import SpikewrightError
from ir.strict import dump_json, write_text
from sim.place import PLACERS
from sim.yosys import run, version

CORE, HARNESS = "core", "harness"
_HIGHEST = 250  # [MHz] what the placer is asked for


BOARDS: Mapping[str, str] = {"ecp5": "ulx3s-85f", "ice40": "ice40-hx8k-b-evn"}
"""The board on whose part the cores of a fabric are placed."""


def place(fabric: str, netlist: Path, seed: int, build: Path) -> dict[str, Any]:
    """Return ``fmax_mhz``, the ``critical`` path's cells, and what core, loader and harness take.

    The last three, placed TRELLIS_COMB, on ECP5 only.

    Parameters
    ----------
    fabric : str
        Key of :data:`BOARDS`.
    netlist : Path
        JSON of Yosys, its name a digest of its content.
    seed : int
    build : Path
        Cache.

    Raises
    ------
    SpikewrightError
        If nextpnr fails.
    """
    placer = PLACERS[fabric]
    options = [
        *placer.arguments(load(BOARDS[fabric])),
        *("--freq", str(_HIGHEST), "--seed", str(seed), "--timing-allow-fail", "--quiet"),
        *("--json", "netlist.json", "--report", "report.json", "--write", "placed.json"),
    ]
    key = digest(netlist.stem, version(placer.package), *options)
    kept = build / f"placed-{key}.json"
    if not kept.is_file():
        with tempfile.TemporaryDirectory(prefix="nextpnr-", dir=build) as folder:
            work = Path(folder)
            (work / "netlist.json").write_text(netlist.read_text())
            command = [tool(placer.package), *options]
            run(command, work, "nextpnr.log", build / f"nextpnr-lanes-{seed}.log")
            report = json.loads((work / "report.json").read_text())
            placed = json.loads((work / "placed.json").read_text())
        speed = min(entry["achieved"] for entry in report["fmax"].values())
        entry = {"fmax_mhz": round(speed, 1), "critical": _critical(report)}
        if fabric == "ecp5":
            entry |= _placed(placed, report)
        write_text(kept, dump_json(entry))
    found: dict[str, Any] = json.loads(kept.read_text())
    return found


def digest(*parts: str) -> str:
    """Return a short name for what ``parts`` say."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def _placed(placed: Mapping[str, Any], report: Mapping[str, Any]) -> Counter[str]:
    (module,) = placed["modules"].values()
    owners = _owners(
        name for name, cell in module["cells"].items() if cell["type"] == "TRELLIS_COMB"
    )
    used = report["utilization"]["TRELLIS_COMB"]["used"]
    if sum(owners.values()) != used:
        raise SpikewrightError(f"nextpnr reports {used} TRELLIS_COMB, not {dict(owners)}.")
    return owners


def _critical(report: dict[str, Any]) -> list[str]:
    """Return the cells of the slowest path between registers."""
    paths = [path["path"] for path in report["critical_paths"] if path["from"] == path["to"]]
    found = sorted(paths, key=lambda path: sum(step["delay"] for step in path))
    slowest = found[-1] if found else []
    return [step["to"]["cell"] for step in slowest if step["type"] == "routing"]


def _owners(names: Iterable[str]) -> Counter[str]:
    """Count cells by part; the harness has no carry, so cells that feed carries are the core's."""
    owners = Counter({CORE: 0, "loader": 0, HARNESS: 0})
    for name in names:
        if name.startswith("dut.loader."):
            owners["loader"] += 1
        elif name.startswith(("dut.", "$nextpnr_CCU2C")):
            owners[CORE] += 1
        else:
            owners[HARNESS] += 1
    return owners
