"""Cases of a topology: memory contents, stimulus and stalls, checked against the golden model."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hw.emit import emit
from ir.errors import SpikewrightError
from ir.image import Image, images, layout, pack, restore, stored
from ir.network import Network
from ir.plan import Plan
from ir.plan import Synapse as SynapseStation
from ir.planner import build as plan_of
from ir.schedule import schedule
from ir.sizing import sized
from ir.tile import Tile
from sim.cosimulate import compiled, cosimulate
from sim.gates import FABRICS, netlist
from sim.shard import Stalls
from sim.topology import Topology, build

CONTENTS = ("own", "random", "ends", "zeros", "wild")
"""Memory contents: those of the topology; random codes of weights; only codes of the largest and
smallest levels; only zeros; random bits everywhere, biases and thresholds too."""
TARGETS = ("verilator", "icarus", "amaranth", *FABRICS)
"""What simulates: Verilator, Icarus, Amaranth before there is Verilog, or Verilator the netlist
after synthesis for a fabric."""
LATE = "A transfer came in another cycle."
ALARM = "Parity reports a fault of memories that are right."
"""What is said where every value is right."""
_PATIENCE = 10_000
"""Cycles without a transfer, beyond those of the schedule, after which a design hangs."""


@dataclass(frozen=True)
class Case:
    """What one simulation of a topology gets.

    Parameters
    ----------
    contents : str
        One of :data:`CONTENTS`; anything but ``own`` needs ``widths: format``.
    contents_seed : int
    density : float
        Share of pixels that are not 0, 0 to 1; 1 makes every pixel the largest value.
    images, images_seed : int
        Samples, back to back; 2 to 64.
    gaps, stalls : float
        Shares of cycles in which the source offers nothing and the sink takes nothing, 0 to 0.95.
    stalls_seed : int
    target : str
        One of :data:`TARGETS`. Of a netlist, answers and their cycles are compared, not layers.
    """

    contents: str = "own"
    contents_seed: int = 0
    density: float = 0.5
    images: int = 2
    images_seed: int = 0
    gaps: float = 0.0
    stalls: float = 0.0
    stalls_seed: int = 0
    target: str = "verilator"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for YAML."""
        return asdict(self)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Case:
        """Return the case that plain values describe.

        Raises
        ------
        SpikewrightError
            If a name is unknown or a value is outside its range.
        """
        known = cls().to_dict()
        for name, value in values.items():
            if name not in known:
                raise SpikewrightError(
                    f"Case has unknown key {name!r:.40}; allowed are {', '.join(known)}."
                )
            if type(value) is not type(known[name]):
                raise SpikewrightError(
                    f"Case has {name} {value!r:.40}; allowed is {type(known[name]).__name__}."
                )
        case = cls(**values)
        for noun, given, allowed in (
            ("contents", case.contents, CONTENTS),
            ("target", case.target, TARGETS),
        ):
            if given not in allowed:
                raise SpikewrightError(
                    f"Case has {noun} {given!r:.40}; allowed are {', '.join(allowed)}."
                )
        if not 0 <= case.density <= 1 or not 2 <= case.images <= 64:
            raise SpikewrightError(
                f"Case has density {case.density} and {case.images} images; allowed are 0 to 1 and "
                f"2 to 64."
            )
        return case


def draw_case(seed: int, index: int, number: int, widths: str) -> Case:
    """Return the case ``number`` of topology ``index`` of a campaign."""
    rng = np.random.default_rng((seed, index, number, 1))
    contents = CONTENTS[int(rng.integers(len(CONTENTS)))] if widths == "format" else "own"
    paused = rng.random() < 0.6
    shares = (0.0, 0.1, 0.5, 0.9)
    return Case(
        contents=contents if number else "own",
        contents_seed=int(rng.integers(4)),
        density=float(rng.choice([0.0, 0.05, 0.2, 0.5, 0.8, 1.0])),
        images=int(rng.integers(2, 6)),
        images_seed=int(rng.integers(1 << 16)),
        gaps=float(rng.choice(shares)) if paused else 0.0,
        stalls=float(rng.choice(shares)) if paused else 0.0,
        stalls_seed=int(rng.integers(1 << 16)),
    )


class Subject:
    """A topology that was generated, ready for its cases.

    Parameters
    ----------
    topology : Topology
    folder : Path
        Receives the Verilog, and a copy of it for each memory contents.
    build_dir : Path
        Cache of compiled simulators.

    Raises
    ------
    SpikewrightError
        If the topology cannot be built.
    """

    def __init__(self, topology: Topology, folder: Path, build_dir: Path) -> None:
        self.topology, self.folder, self.build_dir = topology, folder, build_dir
        self.network, hardware = build(topology)
        self.plan: Plan = sized(plan_of(self.network, hardware))
        self.verilog = folder / "own"
        emit(self.network, self.plan, self.verilog)
        self.own = images(self.network, self.plan)
        self.builds = self.spikes = 0
        self._schedules: dict[int, Any] = {}
        self._known: set[tuple[Path, str]] = set()
        self._binaries: list[Path] = []

    def __enter__(self) -> Subject:
        """Let simulators be compiled; they are deleted at the end unless they were there before."""
        return self

    def __exit__(self, *failed: object) -> None:
        for binary in self._binaries:
            shutil.rmtree(binary.parent, ignore_errors=True)

    def failure(self, case: Case) -> str | None:
        """Return what went wrong, in one sentence, or None if every value and cycle is right."""
        network, verilog = self.filled(case)
        if case.images not in self._schedules:
            self._schedules[case.images] = schedule(self.plan, case.images)
        probes = case.target not in FABRICS
        simulator = case.target if probes else "verilator"
        # Contents are files of a design, but cells of a netlist.
        design = self.verilog
        if not probes:
            design = verilog = self._netlist(verilog, case.target)
        if (design, simulator) not in self._known:
            self._compile(design, probes, simulator)
        paused = case.gaps > 0 or case.stalls > 0
        found = cosimulate(
            verilog,
            self.plan,
            network,
            pixels(network, case),
            build_dir=self.build_dir,
            shards=1,
            stalls=Stalls(case.gaps, case.stalls, case.stalls_seed) if paused else None,
            schedule=self._schedules[case.images],
            limit=_PATIENCE,
            probes=probes,
            simulator=simulator,
            checksums=False,
        )
        self.spikes += found.spikes_compared
        if found.mismatches:
            return found.first_difference
        if found.fault:
            return ALARM
        return None if found.cycles_as_predicted else LATE

    def _compile(self, design: Path, probes: bool, simulator: str) -> None:
        """Compile what is not compiled yet, and remember it, so that it can be deleted."""
        built, _ = compiled(design, self.plan, self.build_dir, probes=probes, simulator=simulator)
        self._known.add((design, simulator))
        if not built.cached:
            self.builds += simulator == "verilator"
            self._binaries.append(built.binary)

    def _netlist(self, verilog: Path, fabric: str) -> Path:
        """Return the folder of the netlist of a design, synthesised once."""
        folder = verilog.with_name(f"{verilog.name}-{fabric}")
        if not folder.exists():
            netlist(verilog, fabric, folder)
        return folder

    def filled(self, case: Case) -> tuple[Network, Path]:
        """Return the network with the memory contents of a case, and its Verilog."""
        if case.contents == "own":
            return self.network, self.verilog
        filled = contents(self.plan, self.own, case)
        folder = self.folder / f"{case.contents}-{case.contents_seed}"
        if not folder.exists():
            shutil.copytree(self.verilog, folder)
            for image in filled.values():
                (folder / "images" / image.name).write_text(stored(image, self.plan).text())
        return restore(self.network, self.plan, filled), folder


def contents(plan: Plan, own: Mapping[str, Image], case: Case) -> dict[str, Image]:
    """Return the memory images of a case, ``own`` where it leaves them alone."""
    rng, found = np.random.default_rng(case.contents_seed), dict(own)
    for station in plan.stations:
        shape = layout(station)
        if shape is None:
            continue
        depth, fields = shape
        if case.contents == "wild":
            rows = [[int(rng.integers(f.low, f.high + 1)) for f in fields] for _ in range(depth)]
        elif isinstance(station, (SynapseStation, Tile)):
            scheme = station.scheme
            if case.contents == "random":
                codes = np.arange(1 << scheme.bits)
            elif case.contents == "ends":
                codes = scheme.encode(scheme.levels[[0, -1]])
            else:
                codes = np.zeros(1, np.int64)
            rows = rng.choice(codes, (depth, len(fields))).tolist()
        else:
            continue
        words = tuple(pack(row, fields) for row in rows)
        found[station.name] = replace(own[station.name], words=words)
    return found


def pixels(network: Network, case: Case) -> np.ndarray:
    """Return the samples of a case, integers (images, [T,] channels, height, width)."""
    rng, high = np.random.default_rng(case.images_seed), network.input.high
    shape = (case.images, *network.sample_shape)
    values = rng.integers(1, high + 1, shape) if case.density < 1 else np.full(shape, high)
    return values * (rng.random(shape) < case.density)
