"""How much of the built lanes works: predicted by the schedule, measured by co-simulation."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hw.emit import emit
from ir.fold import Hardware
from ir.network import Network
from ir.plan import Plan
from ir.planner import build
from ir.schedule import SAMPLES, schedule
from sim.cosimulate import cosimulate
from sim.page import table


def rows(plan: Plan, interval: int) -> list[dict[str, Any]]:
    """Return one row per layer that has lanes.

    ``operations`` are useful lane-operations per sample, ``cycles`` those in which all lanes of the
    layer work, ``busy`` is their share of the interval, ``share`` that of all lanes built.

    Parameters
    ----------
    plan : Plan
    interval : int
        Cycles per sample, back to back.
    """
    layers = dict.fromkeys(s.layer for s in plan.stations if s.lanes)
    found = []
    for layer in layers:
        stations = [s for s in plan.stations if s.layer == layer and s.lanes]
        lanes = sum(s.lanes for s in stations)
        operations = sum(s.operations for s in stations)
        pe, simd = plan.fold_of[layer]
        found.append(
            {
                "layer": layer,
                "pe": pe,
                "simd": simd,
                "lanes": lanes,
                "operations": operations,
                "cycles": round(operations / lanes, 1),
                "busy": round(operations / (lanes * interval), 4),
                "share": round(lanes / plan.lanes, 4),
            }
        )
    return found


def busy(
    network: Network,
    hardware: Hardware,
    images: np.ndarray | None = None,
    build_dir: Path | None = None,
) -> dict[str, Any]:
    """Return rows, slowest layer and whole-network figure.

    Parameters
    ----------
    network : Network
    hardware : Hardware
    images : integers (count, channels, height, width), optional
        Samples to co-simulate, at least 4; without them nothing is measured. Buffers keep their
        generous sizes, which have the interval of the fitted ones.
    build_dir : Path, optional
        Cache of compiled simulators, for measuring.

    Raises
    ------
    SpikewrightError
        If the folds are illegal or a tool fails.
    """
    plan = build(network, hardware)
    predicted = schedule(plan)
    layers = rows(plan, predicted.interval)
    slowest = max(layers, key=lambda row: row["busy"])
    found = {
        "lanes": plan.lanes,
        "budget": hardware.lanes,
        "interval": predicted.interval,
        "slowest": slowest["layer"],
        "slowest_busy": slowest["busy"],
        "busy": round(predicted.busy, 4),
        "layers": layers,
    }
    if images is None:
        return found
    with tempfile.TemporaryDirectory(prefix="spikewright-") as scratch:
        verilog = Path(scratch) / "verilog"
        emit(network, plan, verilog)
        result = cosimulate(
            verilog,
            plan,
            network,
            images,
            build_dir=build_dir or Path(scratch),
            shards=1,
            schedule=predicted,
        )
    measured = result.cycles.interval
    assert measured is not None
    useful = sum(row["operations"] for row in layers)
    return found | {
        "measured_interval": measured,
        "measured_busy": round(useful / (plan.lanes * measured), 4),
        "cycles_as_predicted": result.cycles_as_predicted,
        "mismatches": result.mismatches,
    }


def page(found: Mapping[str, Mapping[str, Any]], command: str) -> str:
    """Return the Markdown page of several networks, by name."""
    parts = ["# Lanes that work", f"`{command}`"]
    rows = [
        (
            name,
            result["lanes"],
            result["interval"],
            str(result.get("measured_interval", "")),
            result["slowest"],
            f"{result['slowest_busy']:.1%}",
            f"{result['busy']:.1%}",
        )
        for name, result in found.items()
    ]
    parts.append(table("<Network >Lanes >Interval >Measured <Slowest_layer >Busy >All_busy", rows))
    for name, result in found.items():
        layers = [
            (str(row["layer"]), row["pe"], row["simd"], row["lanes"], f"{row['busy']:.1%}")
            for row in result["layers"]
        ]
        parts += [f"## {name}", table("<Layer >pe >simd >Lanes >Busy", layers)]
    return "\n\n".join(parts) + "\n"


def samples(network: Network, count: int = SAMPLES, seed: int = 0) -> np.ndarray:
    """Return random images of the network's input, integers (count, channels, height, width)."""
    shape = (count, *network.sample_shape)
    return np.random.default_rng(seed).integers(0, network.input.high + 1, shape)
