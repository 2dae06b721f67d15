"""How fast co-simulation is: cycles per second against a bare Verilator loop of the same design.

For each design the runs take turns, round by round, so that a busy machine slows all alike. Every
co-simulation is :func:`sim.cosimulate.cosimulate` as the verb ``simulate`` calls it, one simulator
process, compared with the golden model and with the schedule. Rates count the seconds of processor
time that the simulator processes took, starting up included (none has a second thread, so on an
idle machine these are the seconds of the clock); those of the clock are given beside them.
"""

from __future__ import annotations

import datetime
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hw.emit import emit
from ir import golden
from ir.errors import SpikewrightError
from ir.fold import Hardware
from ir.network import Network
from ir.plan import Plan
from ir.planner import build as make_plan
from ir.schedule import Schedule, schedule
from ir.sizing import fit
from sim.cosimulate import Result, cosimulate
from sim.resources import count
from sim.specimen import Shape, spikformer
from sim.testbench import TOP
from sim.verilator import BARE, COSIMULATION, VERILATOR_FLAGS, Build, build, versions

Progress = Callable[[str, int, int], None]
BASE = "bare loop"


@dataclass(frozen=True)
class Design:
    """A network to measure on.

    Parameters
    ----------
    name : str
    shape : Shape
    lanes : int
        Budget from which its folds are derived.
    images : int
        Samples of one run.
    """

    name: str
    shape: Shape
    lanes: int
    images: int


_DIGITS = {
    "tokenizer.0.conv": "u4",
    "tokenizer.1.conv": "u4",
    "position.conv": "pot4",
    "block.0.q": "pot2",
    "block.0.k": "u2",
    "block.0.v": "pot3",
    "block.0.proj": "u4",
    "block.0.fc1": "u4",
    "head": "u4",
}
DIGITS = Design("digits", Shape(schemes=_DIGITS), 256, 48)
"""The shape and formats of ``configs/digits.yaml``."""

LARGE = Design("large", Shape(stem=32, width=64, default="u4"), 1400, 24)
"""Twice as many channels and four times as many lanes: more than 30,000 LUT."""

DESIGNS = (DIGITS, LARGE)


@dataclass(frozen=True)
class Variant:
    """A way to co-simulate.

    Parameters
    ----------
    name : str
    probes : bool
        Whether every layer is monitored; else logits and labels only.
    cocotb : str or None
        Module of the cocotb test that drives it, or the loop in C++.
    """

    name: str
    probes: bool
    cocotb: str | None = None


OFF = Variant("co-simulation, probes off", probes=False)
VARIANTS = (
    OFF,
    Variant("co-simulation, every layer probed", probes=True),
    Variant("co-simulation under cocotb, probes off", probes=False, cocotb="sim.bench"),
)


@dataclass
class _Times:
    """Runs of one row: cycles per second of processor time and of the clock, build seconds."""

    build_seconds: float = 0.0
    rates: list[float] = field(default_factory=list)
    clock: list[float] = field(default_factory=list)
    result: Result | None = None

    def measure(self, run: Callable[[], float]) -> None:
        """Call ``run``, which returns the seconds of the clock that its simulator took."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = run()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.rates.append(1 / used)
        self.clock.append(1 / seconds)


class Subject:
    """A design, emitted and planned, on which the runs take turns.

    Parameters
    ----------
    design : Design
    work : Path
        Receives Verilog and records.
    build_dir : Path
        Cache of simulators.
    """

    def __init__(self, design: Design, work: Path, build_dir: Path) -> None:
        self.design, self.work, self.build_dir = design, work, build_dir
        self.network: Network = spikformer(design.shape)
        self.plan: Plan = fit(make_plan(self.network, Hardware(design.lanes, design.shape.steps)))
        self.schedule: Schedule = schedule(self.plan)
        self.verilog = work / "verilog"
        emit(self.network, self.plan, self.verilog)
        rng = np.random.default_rng(0)
        pixels = (design.images, *self.network.input.shape)
        self.images = rng.integers(0, design.shape.high + 1, pixels)
        self.trace = golden.run(self.network, self.images)
        self.times = {name: _Times() for name in (BASE, *(v.name for v in VARIANTS))}
        self.cycles = 0

    def build(self) -> None:
        """Build the bare loop, and every co-simulation by running it once on few images."""
        begin = time.perf_counter()
        sources = {path.name: path.read_text() for path in sorted(self.verilog.glob("*.v"))}
        self.bare: Build = build(sources, TOP, self.build_dir, BARE)
        self.times[BASE].build_seconds = time.perf_counter() - begin
        for variant in VARIANTS:
            found = self.cosimulate(variant, self.images[:4])
            self.times[variant.name].build_seconds = found.build_seconds

    def round(self) -> None:
        """Run every variant once, the bare loop for as many cycles."""
        for variant in VARIANTS:
            times = self.times[variant.name]

            def run(variant: Variant = variant, times: _Times = times) -> float:
                times.result = self.cosimulate(variant, self.images)
                return times.result.run_seconds

            times.measure(run)
            assert times.result is not None
            self.cycles = times.result.simulated_cycles
            if variant is OFF:
                self.times[BASE].measure(self.loop)

    def cosimulate(self, variant: Variant, images: np.ndarray) -> Result:
        """Co-simulate ``images``, the first ones of the subject's.

        Raises
        ------
        SpikewrightError
            If anything differs from the golden model or the schedule: a wrong run has no speed.
        """
        found = cosimulate(
            self.verilog,
            self.plan,
            self.network,
            images,
            build_dir=self.build_dir,
            run_dir=self.work / "run",
            shards=1,
            schedule=self.schedule,
            golden_model=_Remembered(self.images, self.trace),
            probes=variant.probes,
            cocotb=variant.cocotb,
        )
        if found.mismatches or not found.cycles_as_predicted:
            first = found.first_difference or found.cycles.first_difference
            raise SpikewrightError(f"Design {self.design.name}, {variant.name}: {first}")
        return found

    def loop(self) -> float:
        """Run the bare loop; return its seconds."""
        begin = time.perf_counter()
        command = [str(self.bare.binary.resolve()), str(self.cycles)]
        subprocess.run(command, cwd=self.verilog, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - begin

    def rows(self, luts: int) -> list[dict[str, Any]]:
        """Return one row per way to run."""
        base, rows = self.times[BASE], []
        for name, times in self.times.items():
            ratios = [a / b for a, b in zip(times.rates, base.rates, strict=True)]
            clock = [a / b for a, b in zip(times.clock, base.clock, strict=True)]
            rows.append(
                {
                    "design": self.design.name,
                    "luts": luts,
                    "run": name,
                    "cycles": self.cycles,
                    "kcycles_per_s": self._kilo(times.rates),
                    "kcycles_per_s_clock": self._kilo(times.clock),
                    "ratio": round(statistics.median(ratios), 3),
                    "ratio_range": [round(min(ratios), 3), round(max(ratios), 3)],
                    "ratio_clock": round(statistics.median(clock), 3),
                    "build_seconds": round(times.build_seconds, 1),
                    "values_compared": times.result.values_compared if times.result else 0,
                }
            )
        return rows

    def _kilo(self, rates: list[float]) -> float:
        return round(self.cycles * statistics.median(rates) / 1e3, 1)


class _Remembered:
    """A golden model that has seen all images before."""

    def __init__(self, images: np.ndarray, trace: golden.Trace) -> None:
        self.index = {image.tobytes(): k for k, image in enumerate(images)}
        self.trace = trace

    def __call__(self, images: np.ndarray) -> golden.Trace:
        where = [self.index[image.tobytes()] for image in images]
        outputs = {name: values[where] for name, values in self.trace.outputs.items()}
        return golden.Trace(outputs, {}, self.trace.labels[where])


def _named(tell: Progress, design: Design) -> Progress:
    return lambda stage, done, total: tell(f"{design.name}: {stage}", done, total)


def measure(
    build_dir: Path,
    netlists: Path,
    *,
    rounds: int = 5,
    designs: tuple[Design, ...] = DESIGNS,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure every design; the headline is the last one's, probes off.

    Parameters
    ----------
    build_dir, netlists : Path
        Caches of simulators and of Yosys' counts.
    rounds : int
        Runs of each row.
    designs : tuple of Design
    progress : callable, optional
        Told (stage, done, all).

    Returns
    -------
    dict
        ``ratio``, ``luts`` (ECP5, by Yosys), ``kcycles_per_s``, ``rows``, flags and versions.

    Raises
    ------
    SpikewrightError
        If a tool fails, or a run differs from its golden model or its schedule.
    """
    tell = progress or (lambda stage, done, total: None)
    rows: list[dict[str, Any]] = []
    for design in designs:
        with tempfile.TemporaryDirectory(prefix="spikewright-") as folder:
            tell(f"{design.name}: generate", 0, 1)
            subject = Subject(design, Path(folder), build_dir)
            tell(f"{design.name}: generate", 1, 1)
            cells = count(subject.verilog, build_dir=netlists, progress=_named(tell, design))
            tell(f"{design.name}: build", 0, 1)
            subject.build()
            tell(f"{design.name}: build", 1, 1)
            for index in range(rounds):
                tell(f"{design.name}: run", index, rounds)
                subject.round()
            tell(f"{design.name}: run", rounds, rounds)
            rows += subject.rows(cells.total.lut)
    head = next(row for row in reversed(rows) if row["run"] == OFF.name)
    return {
        "design": head["design"],
        "ratio": head["ratio"],
        "luts": head["luts"],
        "kcycles_per_s": head["kcycles_per_s"],
        "rounds": rounds,
        "rows": rows,
        "verilator_flags": " ".join(VERILATOR_FLAGS),
        "cxx_flags": {"bare loop": BARE.cxx, "co-simulation": COSIMULATION.cxx},
        "versions": versions(),
    }


def markdown(found: dict[str, Any]) -> str:
    """Return what :func:`measure` found as a page with one table."""
    tools = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    lines = [
        "# Co-simulation at speed",
        "",
        f"`spikewright bench cosim --rounds {found['rounds']} --out benchmarks/cosim.md`",
        f"({datetime.date.today().isoformat()}; {tools})",
        "",
        "| design | ECP5 LUT | run | kcycle/s | over the bare loop | by the clock | build [s] |",
        "|---|--:|---|--:|--:|--:|--:|",
    ]
    for row in found["rows"]:
        low, high = row["ratio_range"]
        lines.append(
            f"| {row['design']} | {row['luts']:,} | {row['run']} | {row['kcycles_per_s']:,.0f} | "
            f"{row['ratio']:.2f} ({low:.2f} to {high:.2f}) | {row['ratio_clock']:.2f} | "
            f"{row['build_seconds']:.0f} |"
        )
    flags = "; ".join(f"{kind} `{flags}`" for kind, flags in found["cxx_flags"].items())
    text = (
        f"Medians and ranges over {found['rounds']} rounds in which the runs take turns, per "
        "second of processor time of the simulator process, starting up included; `by the clock` "
        "is the same ratio in seconds of the clock, which a busy machine blurs. Every co-simulated "
        "value equalled the golden model, every transfer came in its predicted cycle."
    )
    tools = (
        f"Verilator: `{found['verilator_flags']}`. C++ compiler: {flags}. The bare loop only "
        "toggles the clock, a word always offered and every word taken. Weights are random."
    )
    return "\n".join([*lines, "", text, "", tools, ""])
