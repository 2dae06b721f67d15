"""Co-simulation: an emitted accelerator against the golden model, every value of every layer."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ir import golden
from ir.errors import SpikewrightError
from ir.manifest import verify
from ir.network import Network
from ir.plan import Plan
from ir.schedule import Schedule
from sim import elaborated, icarus
from sim.check import Golden, check
from sim.compare import Comparison, probed
from sim.cycles import Cycles, total
from sim.dialect import TEXT, C
from sim.elaborated import AmaranthShard
from sim.icarus import IcarusShard
from sim.shard import Shard, Stalls
from sim.stimulus import pack
from sim.testbench import BENCH, Bench, generate
from sim.verilator import Build, build

LEAST_SAMPLES = 4
LIMIT = 100_000
LINGER = 400
"""Cycles after the last answer, beyond those of the schedule, in which a design is watched."""
SIMULATORS: dict[str, type[Shard]] = {
    "verilator": Shard,
    "icarus": IcarusShard,
    "amaranth": AmaranthShard,
}


Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Run:
    """One shard.

    Parameters
    ----------
    samples : int
    gaps, stalls : int
        Cycles in which the design waited for the source, and for the sink.
    counters : dict of str to int
        The top's own counters at the end.
    cycles : Cycles
    """

    samples: int
    gaps: int
    stalls: int
    counters: dict[str, int]
    cycles: Cycles

    @property
    def as_predicted(self) -> bool:
        """Whether cycles are those of the schedule; with pauses, at most that many more."""
        if self.cycles.exact:
            return self.cycles.as_predicted
        bound = self.cycles.predicted_total
        return bound is not None and self.cycles.total <= bound + self.gaps + self.stalls


@dataclass(frozen=True)
class Result:
    """What a co-simulation found.

    Parameters
    ----------
    images : int
    spikes_compared, values_compared, mismatches : int
        Elements of LIF layers, of all layers, and those that differ.
    first_difference : str or None
    first_sample : int or None
        Index of the first sample with a difference.
    labels : list of int
        The hardware's answer for each image.
    logits : list of list of int
    layers : list of str
        Layers that were compared.
    runs : list of Run
        One per shard.
    build_seconds, run_seconds : float
    """

    images: int
    spikes_compared: int
    values_compared: int
    mismatches: int
    first_difference: str | None
    first_sample: int | None
    labels: list[int]
    logits: list[list[int]]
    layers: list[str]
    runs: list[Run]
    build_seconds: float
    run_seconds: float

    @property
    def cycles(self) -> Cycles:
        """Measured cycles of the first shard."""
        return self.runs[0].cycles

    @property
    def cycles_as_predicted(self) -> bool:
        """Whether every shard kept its schedule, or the bound that stalls leave of it."""
        return all(run.as_predicted for run in self.runs)

    @property
    def fault(self) -> bool:
        """Whether parity found a flipped bit; False without parity."""
        return any(run.counters.get("fault", 0) for run in self.runs)

    @property
    def simulated_cycles(self) -> int:
        """Cycles of all shards."""
        return sum(run.cycles.total + 1 for run in self.runs)

    @property
    def cycles_per_second(self) -> float:
        """Simulated cycles per second of all shards together."""
        return self.simulated_cycles / max(self.run_seconds, 1e-9)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values for JSON."""
        return asdict(self) | {
            "cycles_as_predicted": self.cycles_as_predicted,
            "fault": self.fault,
            "simulated_cycles": self.simulated_cycles,
            "cycles_per_second": round(self.cycles_per_second),
        }


def cosimulate(
    verilog_dir: Path,
    plan: Plan,
    network: Network,
    images: np.ndarray,
    *,
    build_dir: Path,
    run_dir: Path | None = None,
    shards: int = 2,
    stalls: Stalls | None = None,
    golden_model: Golden | None = None,
    schedule: Schedule | None = None,
    limit: int = LIMIT,
    probes: bool = True,
    cocotb: str | None = None,
    simulator: str = "verilator",
    progress: Progress | None = None,
    checksums: bool = True,
) -> Result:
    """Run ``images`` through the accelerator and compare everything that its probes show.

    Parameters
    ----------
    verilog_dir : Path
        Directory that ``hw.emit`` wrote.
    plan, network
        What it was emitted from.
    images : integers (count, channels, height, width)
    build_dir : Path
        Cache of compiled simulators.
    run_dir : Path, optional
        Receives one folder of records per shard; without it they are deleted.
    shards : int
        Simulator processes; each takes a slice of the images, back to back, of at least 4.
    stalls : Stalls, optional
        Random pauses; without them source and sink are ideal.
    golden_model : callable, optional
        Images to trace; :func:`ir.golden.run` without it.
    schedule : Schedule, optional
        Compared with the measured cycles when source and sink are ideal. Under stalls the run must
        end within the predicted cycles plus those in which the design waited for the bench.
    limit : int
        Cycles without any transfer after which the design counts as hung, beside those that the
        schedule allows: a sample whose answer is one word may be silent for as long as it takes.
    probes : bool
        Whether every layer is monitored; False compares logits and labels only.
    cocotb : str, optional
        Python module of the cocotb test that drives clock and reset, such as ``sim.bench``; without
        it a loop in C++ does, which is several times as fast.
    simulator : str
        ``verilator``, ``icarus`` or ``amaranth``.
    progress : callable, optional
        Told (stage, done, all) with stages ``build``, ``simulate`` and ``compare``.
    checksums : bool
        Whether ``verilog_dir`` must match its manifest; False runs damaged images.

    Raises
    ------
    SpikewrightError
        If images or Verilog do not fit the network or their checksums, a tool fails, or the design
        hangs.
    """
    images = network.check_images(images)
    if not len(images):
        raise SpikewrightError("Co-simulation got no images; allowed is at least 1.")
    if checksums:
        verify(verilog_dir)
    tell = progress or (lambda stage, done, total: None)
    tell("build", 0, 1)
    begin = time.perf_counter()
    built, bench = compiled(verilog_dir, plan, build_dir, probes=probes, simulator=simulator)
    streams = probed(plan, bench.streams)
    most, tail = 0, LINGER
    if schedule is not None:
        tail += _most(_trail(schedule), stalls)
        most = _most(total(schedule, len(images)), stalls) + limit
        limit += max(schedule.latency, schedule.interval)
    build_seconds = time.perf_counter() - begin
    tell("build", 1, 1)
    with tempfile.TemporaryDirectory(prefix="spikewright-") as scratch:
        base = Path(scratch) if run_dir is None else run_dir
        slices = np.array_split(images, _count(len(images), shards))
        workers = [
            SIMULATORS[simulator](
                built,
                bench,
                base / f"shard{index}",
                verilog_dir,
                pack(part, plan.source),
                len(part),
                stalls,
                limit,
                most,
                tail,
                cocotb,
            )
            for index, part in enumerate(slices)
        ]
        begin = time.perf_counter()
        _run(workers, len(images), tell)
        run_seconds = time.perf_counter() - begin
        outcomes = [worker.outcome(streams) for worker in workers]
        model = golden_model or (lambda batch: golden.run(network, batch))
        comparison = Comparison()
        answers, done = [], 0
        for part, outcome in zip(slices, outcomes, strict=True):
            answers.append(
                check(
                    plan,
                    network,
                    streams,
                    bench,
                    part,
                    outcome,
                    model,
                    comparison,
                    done,
                    schedule,
                    exact=stalls is None,
                )
            )
            done += len(part)
            tell("compare", done, len(images))
    return Result(
        images=len(images),
        spikes_compared=comparison.spikes_compared,
        values_compared=comparison.values_compared,
        mismatches=comparison.mismatches,
        first_difference=comparison.sentence,
        first_sample=None if comparison.first is None else comparison.first.sample,
        labels=[label for answer in answers for label in answer.labels.tolist()],
        logits=[row for answer in answers for row in answer.logits.tolist()],
        layers=[*streams, network.readout.name],
        runs=[
            Run(outcome.samples, outcome.gaps, outcome.stalls, outcome.counters, answer.cycles)
            for outcome, answer in zip(outcomes, answers, strict=True)
        ],
        build_seconds=round(build_seconds, 3),
        run_seconds=round(run_seconds, 3),
    )


def compiled(
    verilog_dir: Path,
    plan: Plan,
    build_dir: Path,
    *,
    probes: bool = True,
    simulator: str = "verilator",
) -> tuple[Build, Bench]:
    """Compile emitted Verilog with a bench around it, or find what was compiled before.

    Raises
    ------
    SpikewrightError
        If ``verilog_dir`` holds no accelerator, the simulator is unknown, or a tool fails.
    """
    if simulator not in SIMULATORS:
        raise SpikewrightError(
            f"Simulator is {simulator!r:.40}; allowed are {', '.join(SIMULATORS)}."
        )
    sources = {path.name: path.read_text() for path in sorted(verilog_dir.glob("*.v"))}
    if "accelerator.v" not in sources:
        raise SpikewrightError(f"Directory {verilog_dir} holds no accelerator.v.")
    lean = simulator == "verilator"
    bench = generate(
        sources["accelerator.v"], plan.sink.words, probes=probes, dialect=C if lean else TEXT
    )
    if simulator == "amaranth":
        return elaborated.build(verilog_dir, plan), bench
    make = build if lean else icarus.build
    return make(sources | bench.sources, BENCH, build_dir), bench


def _most(cycles: int, stalls: Stalls | None) -> int:
    """Return cycles that a design that takes ``cycles`` without pauses never needs, up to 2^31."""
    share = 1.0 if stalls is None else 1 / (1 - stalls.gaps) + 1 / (1 - stalls.stalls)
    return min(int(3 * share * cycles), 1 << 31)


def _trail(schedule: Schedule) -> int:
    """Return the cycles after the last answer in which words still move that no answer needs."""
    last = max(int(moves[-1, -1]) for moves in schedule.moves.values())
    return last - int(schedule.moves[schedule.plan.sink.name][-1, -1])


def longest(images: int, shards: int) -> int:
    """Return the images of the longest of ``shards`` slices, as :func:`cosimulate` cuts them.

    Examples
    --------
    >>> longest(9, 2), longest(7, 2)
    (5, 7)
    """
    return -(-images // _count(images, shards))


def _count(images: int, shards: int) -> int:
    return max(1, min(shards, images // LEAST_SAMPLES))


def _run(workers: list[Shard], total: int, tell: Progress) -> None:
    """Run all shards side by side and report samples finished."""
    try:
        for worker in workers:
            worker.start()
        while any(worker.running for worker in workers):
            tell("simulate", min(total, sum(worker.finished for worker in workers)), total)
            time.sleep(0.01)
    finally:
        for worker in workers:
            worker.stop()
    tell("simulate", total, total)
