"""Lines, branches and bits of the generated Verilog that simulation reaches, by kind of engine.

    python benchmarks/rtl_coverage.py [--networks 20] [--longest 3] [--json]

Small networks of the fuzzer go through ``tests/sim/stress.cpp`` (a reset in every cycle, pauses
before every word of four samples) in a Verilator that counts. A point counts for the kind of the
station in whose module it lies; ROMs, RAMs and corners are shipped modules of their own. A bit
toggles twice, up and down. Lines that are not reached are printed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from hw.describe import owner
from hw.emit import TOP
from hw.top import identifier
from sim.case import Subject
from sim.draw import draw
from sim.verilator import build
from spikewright.screen import print_rows
from tests.sim.test_small import SEED, SMALL
from tests.sim.test_stress import CASE, STRESS, headers

COUNTING = replace(STRESS, cxx="-O1", flags=("--coverage-line", "--coverage-toggle"))
NOUNS = {"v_line": "lines", "v_branch": "branches", "v_toggle": "toggles"}


@dataclass(frozen=True)
class Point:
    """A place that simulation reaches, or not.

    Parameters
    ----------
    noun : str
        One of the values of :data:`NOUNS`.
    module : str
    line : int
        Of the file that holds the module.
    what : str
        As Verilator calls it.
    count : int
    """

    noun: str
    module: str
    line: int
    what: str
    count: int


def read(path: Path) -> Iterator[Point]:
    """Yield the points of a file that Verilator's ``coveragep()->write`` left."""
    for text in path.read_text().splitlines():
        body, closes, count = text.rpartition("' ")
        if closes and body.startswith("C '"):
            parts = (part.split("\x02", 1) for part in body[3:].split("\x01") if part)
            fields = dict(parts)
            page, _, module = fields["page"].partition("/")
            module = module.split("__")[0] if module.startswith("spikewright_") else module
            yield Point(NOUNS[page], module, int(fields["l"]), fields["o"], int(count))


def covered(index: int, longest: int, folder: Path) -> dict[str, list[Point]]:
    """Return the points of a network, by kind of engine."""
    with Subject(draw(SEED, index), folder / "network", folder / "builds") as subject:
        around = headers(subject, replace(CASE, images=4))
        assert around is not None
        sources = {path.name: path.read_text() for path in subject.verilog.glob("*.v")}
        built = build(sources | around, TOP, folder / "builds", COUNTING)
        data = folder / "coverage.dat"
        command = [str(built.binary.resolve()), str(longest), str(data.resolve())]
        subprocess.run(command, cwd=subject.verilog, check=True, capture_output=True, timeout=1800)
        stations = {identifier(s.name): s.kind for s in subject.plan.stations}
        found = defaultdict(list)
        for point in read(data):
            above = owner(point.module, stations)
            found[stations[above] if above else point.module].append(point)
            if point.noun == "lines" and not point.count:
                text = next(t for t in sources.values() if f"module {point.module}(" in t)
                print(index, point, text.splitlines()[point.line - 1], file=sys.stderr)
        return found


def main() -> None:
    """Count, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=len(SMALL))
    parser.add_argument("--longest", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    points: dict[str, list[Point]] = defaultdict(list)
    for index in SMALL[: given.networks]:
        with tempfile.TemporaryDirectory(prefix="spikewright-") as folder:
            for kind, found in covered(index, given.longest, Path(folder)).items():
                points[kind] += found
    rows = []
    for kind in [*sorted(points), "all"]:
        own = points[kind] if kind != "all" else [p for each in points.values() for p in each]
        row: dict[str, object] = {"kind": kind}
        for noun in NOUNS.values():
            counts = [point.count > 0 for point in own if point.noun == noun]
            row[noun] = f"{sum(counts):,} of {len(counts):,}"
            row[f"{noun} %"] = round(100 * sum(counts) / len(counts), 2) if counts else None
        rows.append(row)
    print_rows({"rows": rows}, given.json)


if __name__ == "__main__":
    main()
