"""A fuzzing campaign: random topologies, many cases of each, every failure made small and kept."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from ir.errors import SpikewrightError
from ir.strict import load_yaml, parse_json, read_text, write_text
from sim.case import LATE, TARGETS, Case, Subject, draw_case
from sim.cosimulate import Progress
from sim.draw import draw
from sim.gates import FABRICS
from sim.shrink import shrink
from sim.topology import Topology

CASES = 20
"""Cases of one topology, unless something else is asked for."""
LOG = "fuzz.jsonl"
FAILURES = "failures"
_MOST_LOG = 1 << 28


@dataclass(frozen=True)
class Failure:
    """What went wrong in one case.

    Parameters
    ----------
    sort : str
        ``mismatch``, ``cycle``, or the name of the exception.
    sentence : str
    """

    sort: str
    sentence: str

    @classmethod
    def of(cls, error: Exception) -> Failure:
        """Return the failure that an exception is."""
        return cls(type(error).__name__, str(error) or repr(error))


def failure(subject: Subject, case: Case) -> Failure | None:
    """Return what goes wrong in a case, if anything does; an exception is a failure as well."""
    try:
        sentence = subject.failure(case)
    except Exception as error:
        return Failure.of(error)
    if sentence is None:
        return None
    return Failure("cycle" if sentence == LATE else "mismatch", sentence)


def attempt(topology: Topology, case: Case, build_dir: Path) -> Failure | None:
    """Generate a topology and run one case of it; return what goes wrong, if anything does."""
    with tempfile.TemporaryDirectory(prefix="spikewright-") as scratch:
        try:
            subject = Subject(topology, Path(scratch), build_dir)
        except Exception as error:
            return Failure.of(error)
        with subject:
            return failure(subject, case)


@dataclass(frozen=True)
class Share:
    """What is asked of one topology.

    Parameters
    ----------
    index : int
        Number of the topology.
    cases : int
        Cases on Verilator.
    others : tuple of str
        Further targets, see :data:`sim.case.TARGETS`, that run the first case again.
    """

    index: int
    cases: int
    others: tuple[str, ...] = ()


def examine(seed: int, build_dir: Path, share: Share) -> dict[str, Any]:
    """Run the cases of one topology of a campaign; return its entry in the log."""
    topology, started = draw(seed, share.index), time.monotonic()
    entry: dict[str, Any] = {"index": share.index, "builds": 0, "spikes": 0, "stations": []}
    ran: dict[str, int] = {}
    failed: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="spikewright-") as scratch:
        try:
            subject = Subject(topology, Path(scratch), build_dir)
        except Exception as error:
            failed.append(_failed(Case(), Failure.of(error)))
        else:
            widths = topology["widths"]
            cases = [draw_case(seed, share.index, number, widths) for number in range(share.cases)]
            cases += [replace(cases[0], target=target) for target in share.others]
            with subject:
                for case in cases:
                    wrong = failure(subject, case)
                    ran[case.target] = ran.get(case.target, 0) + 1
                    if wrong is not None:
                        failed.append(_failed(case, wrong))
            entry["builds"], entry["spikes"] = subject.builds, subject.spikes
            entry["stations"] = sorted({station.kind for station in subject.plan.stations})
    seconds = round(time.monotonic() - started, 2)
    return entry | {"ran": ran, "failed": failed, "seconds": seconds}


def _failed(case: Case, wrong: Failure) -> dict[str, Any]:
    return {"case": case.to_dict(), "sort": wrong.sort, "found": wrong.sentence}


class Campaign:
    """Cases of random topologies; what is done is logged, so that a killed campaign goes on.

    Parameters
    ----------
    seed : int
    count : int
        Cases in all.
    directory : Path
        Receives ``fuzz.jsonl`` with an entry for each topology, and ``failures/`` with a minimal
        YAML file for each topology that failed.
    build_dir : Path
        Cache of Verilator's runtime; simulators of topologies leave it when they are done.
    cases : int
        Cases of one topology.
    icarus, amaranth, netlists : int
        Topologies, from the first, whose first case runs on Icarus, in Amaranth's simulator and as
        a netlist too; fabrics take turns.

    Raises
    ------
    SpikewrightError
        If the directory belongs to a campaign with other numbers.
    """

    def __init__(
        self,
        seed: int,
        count: int,
        directory: Path,
        build_dir: Path,
        *,
        cases: int = CASES,
        icarus: int = 0,
        amaranth: int = 0,
        netlists: int = 0,
    ) -> None:
        self.seed, self.count, self.cases = seed, count, cases
        self.icarus, self.amaranth, self.netlists = icarus, amaranth, netlists
        self.directory, self.build_dir = directory, build_dir
        self.entries: dict[int, dict[str, Any]] = {}
        self.head = {"seed": seed, "cases": cases}
        self.head |= {"icarus": icarus, "amaranth": amaranth, "netlists": netlists}
        self._resume()

    def run(
        self,
        *,
        jobs: int | None = None,
        smaller: bool = True,
        stop: bool = False,
        tell: Progress | None = None,
    ) -> dict[str, Any]:
        """Run what is left; return the summary, see :meth:`summary`.

        Parameters
        ----------
        jobs : int, optional
            Processes; as many as there are cores without it.
        smaller : bool
            Whether failures are shrunk before they are kept.
        stop : bool
            Whether to begin no other topology once one has failed.
        tell : callable, optional
            Told ("fuzz", cases done, all).
        """
        left = [share for share in self._shares() if share.index not in self.entries]
        tell = tell or (lambda stage, done, total: None)
        tell("fuzz", self._done, self.count)
        with ProcessPoolExecutor(jobs or os.cpu_count() or 1) as pool:
            work = [pool.submit(examine, self.seed, self.build_dir, share) for share in left]
            for task in as_completed(work):
                entry = task.result()
                self.entries[entry["index"]] = entry
                with (self.directory / LOG).open("a") as log:
                    log.write(json.dumps(entry, sort_keys=True) + "\n")
                tell("fuzz", self._done, self.count)
                if stop and entry["failed"]:
                    pool.shutdown(cancel_futures=True)
                    break
        for entry in list(self.entries.values()):
            if entry["failed"]:
                self._keep(entry, smaller)
        return self.summary()

    def summary(self) -> dict[str, Any]:
        """Return counts: networks, cases by target, mismatches, builds, spikes, and what failed."""
        entries = [self.entries[index] for index in sorted(self.entries)]
        ran = {name: sum(entry["ran"].get(name, 0) for entry in entries) for name in TARGETS}
        return {
            "seed": self.seed,
            "networks": len(entries),
            "cases": ran.pop("verilator"),
            **ran,
            "mismatches": sum(len(entry["failed"]) for entry in entries),
            "builds": sum(entry["builds"] for entry in entries),
            "spikes": sum(entry["spikes"] for entry in entries),
            "stations": sorted({kind for entry in entries for kind in entry["stations"]}),
            "seconds": round(sum(entry["seconds"] for entry in entries), 1),
            "failures": sorted(str(path) for path in self._failures.glob("*.yaml")),
        }

    @property
    def _failures(self) -> Path:
        return self.directory / FAILURES

    @property
    def _done(self) -> int:
        return sum(entry["ran"].get("verilator", 0) for entry in self.entries.values())

    def _shares(self) -> Iterator[Share]:
        for index in range(-(-self.count // self.cases)):
            others = ["icarus"] if index < self.icarus else []
            others += ["amaranth"] if index < self.amaranth else []
            if index < self.netlists:
                others.append(FABRICS[index % len(FABRICS)])
            cases = min(self.cases, self.count - index * self.cases)
            yield Share(index, cases, tuple(others))

    def _keep(self, entry: dict[str, Any], smaller: bool) -> None:
        """Write the first failure of a topology, shrunk, unless it has been."""
        path = self._failures / f"{self.seed}-{entry['index']}.yaml"
        if path.exists():
            return
        first = entry["failed"][0]
        sort, sentence = first["sort"], first["found"]
        topology, case = draw(self.seed, entry["index"]), Case.of(first["case"])

        def fails(candidate: Topology, trial: Case) -> bool:
            found = attempt(candidate, trial, self.build_dir)
            return found is not None and found.sort == sort

        if smaller and fails(topology, case):
            topology, case, _ = shrink(topology, case, fails)
            last = attempt(topology, case, self.build_dir)
            sentence = last.sentence if last else sentence
        store(path, topology, case, sentence)

    def _resume(self) -> None:
        log = self.directory / LOG
        if not log.exists():
            write_text(log, json.dumps(self.head, sort_keys=True) + "\n")
            return
        lines = read_text(log, _MOST_LOG).splitlines()
        if not lines or parse_json(lines[0], str(log)) != self.head:
            raise SpikewrightError(
                f"Campaign {self.directory} was run with other numbers than {self.head}; choose "
                f"another directory."
            )
        wanted = {share.index: share for share in self._shares()}
        for line in lines[1:]:
            try:
                entry = parse_json(line, str(log))
            except SpikewrightError:
                continue  # the last line of a killed campaign may be cut off
            share = wanted.get(entry["index"])
            ran = entry["ran"].get("verilator", 0)
            # One that could not be generated has no cases; the last of a shorter campaign has few.
            if share is None or ran >= share.cases or not ran:
                self.entries[entry["index"]] = entry


def store(path: Path, topology: Topology, case: Case, sentence: str) -> None:
    """Write a topology and a case, with what went wrong, as YAML."""
    text = yaml.safe_dump(
        {"found": sentence, "topology": topology, "case": case.to_dict()},
        sort_keys=False,
        default_flow_style=None,
        width=100,
    )
    write_text(path, text)


def read_case(path: Path) -> tuple[Topology, Case]:
    """Return what :func:`store` wrote.

    Raises
    ------
    SpikewrightError
        If the file is none of these, or the case is no legal one.
    """
    found = load_yaml(path)
    if not isinstance(found.get("topology"), dict) or not isinstance(found.get("case"), dict):
        raise SpikewrightError(f"File {path} holds no topology and case.")
    return found["topology"], Case.of(found["case"])


def replay(path: Path, build_dir: Path) -> Failure | None:
    """Run what :func:`store` wrote; return what goes wrong, if anything does.

    Raises
    ------
    SpikewrightError
        As :func:`read_case`.
    """
    return attempt(*read_case(path), build_dir)
