"""Anchors: planned from one number of lanes, counted without memories, the reduced one co-simulated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hw.emit import emit
from ir.fold import Hardware
from ir.planner import build
from ir.schedule import schedule
from ir.sizing import fit
from sim.anchor import ANCHORS, load
from sim.cosimulate import cosimulate
from sim.lint import lint
from sim.scale import count, measure, page, scale
from sim.shard import Stalls
from sim.specimen import Shape, spikformer

TINY = Shape(size=4, channels=2, tokenizer=((4, False), (4, True)), width=4, heads=2, steps=2)
NETWORKS = {"plain": TINY, "xc7": replace(TINY, shortcut=True)}


@pytest.mark.parametrize(
    ("name", "kcycles"),
    [
        ("spikformer-1-384", 250),
        pytest.param("spikingformer-4-256", 220, marks=pytest.mark.slow),
    ],
)
def test_whole_networks_keep_most_lanes_busy(name, kcycles, tmp_path):
    anchor = load(name)
    row = scale(anchor, tmp_path, luts=False)
    assert row["interval"] < kcycles * 1000
    assert row["lanes"] <= anchor.hardware.lanes
    useful = sum(layer["busy"] * layer["lanes"] for layer in row["layers"]) / row["lanes"]
    assert row["busy"] == pytest.approx(useful, abs=1e-3)
    assert row["busy"] >= 0.8
    assert max(layer["busy"] for layer in row["layers"]) >= 0.95
    text = page([row], "command")
    assert f"| Spikewright | {name}, 4 | {row['lanes']:,}, {row['busy']:.1%} |" in text
    for other in anchor.published:
        assert f"| {other} | {name}, 4 |" in text


@pytest.mark.parametrize("fabric", ["plain", pytest.param("xc7", marks=pytest.mark.slow)])
def test_tables_in_verilator(fabric, builds, tmp_path):
    network = spikformer(NETWORKS[fabric])
    plan = fit(build(network, Hardware(120, 2, fabric=fabric, kind="table")))
    kinds = {station.kind for station in plan.stations}
    assert kinds >= {"tile", "reorder", "stepwise", "window"}
    assert kinds & {"join", "align"}
    emit(network, plan, tmp_path / "v")
    assert not {"LATCH", "UNOPTFLAT", "MULTIDRIVEN"} & lint(tmp_path / "v").keys()
    pixels = np.random.default_rng(1).integers(0, 17, (6, *network.input.shape))
    for stalls in (None, Stalls(seed=2)):
        found = cosimulate(
            tmp_path / "v",
            plan,
            network,
            pixels,
            build_dir=builds,
            shards=1,
            stalls=stalls,
            schedule=schedule(plan, len(pixels)),
        )
        assert (found.mismatches, found.first_difference) == (0, None)
        assert found.cycles_as_predicted, found.runs[0].cycles.first_difference


@pytest.mark.slow
def test_memories_are_counted_apart(tmp_path):
    network = spikformer(TINY)
    emit(network, build(network, Hardware(120, 2, fabric="xc7", kind="table")), tmp_path / "v")
    usage, engines = count(tmp_path / "v", tmp_path)
    assert usage.lut == sum(engines.values())
    assert usage.dsp == 0
    assert usage.block_ram == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ANCHORS)
def test_anchors_are_as_predicted(name, builds):
    """The full-size networks too: several minutes and gigabytes each."""
    found = measure(load(name), builds)
    assert found["mismatches"] == 0, found["first_difference"]
    assert found["cycles_as_predicted"]
