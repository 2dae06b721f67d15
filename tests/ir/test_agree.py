"""Folds that fit together: equal pe where currents meet, divisible words elsewhere."""

from math import gcd

import pytest

from ir.fold import Fold, Hardware
from ir.folding import cycles, solve
from ir.layers import Synapse
from ir.planner import build
from sim.specimen import Shape, spikformer

SHAPE = Shape(stem=8, width=16, depth=2, heads=4, shortcut=True, tokenizer=((8, True), (16, False)))
MEETING = ["tokenizer.1.conv"] + [f"block.{n}.{k}" for n in range(2) for k in ("proj", "fc2")]


def tables(network, folds):
    return {n: f for n, f in folds.items() if isinstance(network[n], Synapse)}


@pytest.mark.parametrize("lanes", [300, 400, 900])
def test_currents_that_meet_have_words_of_one_width(lanes):
    network = spikformer(SHAPE)
    hardware = Hardware(lanes, 4, kind="table")
    folds = solve(network, hardware)
    assert len({folds[name].pe for name in MEETING}) == 1
    plan = build(network, hardware)
    assert plan.lanes <= lanes
    # No order-changing buffer holds currents: those in front of tables and attention hold spikes.
    assert all(s.i.type.low == 0 for s in plan.stations if s.kind == "reorder")


def test_words_divide_each_other():
    """Pixels are of one lane and spikes of ``pe``; what follows takes multiples or parts of them."""
    network = spikformer(SHAPE)
    folds = solve(network, Hardware(400, 4, kind="table"))
    pairs = [("tokenizer.0.conv", "tokenizer.1.conv")]
    pairs += [(f"block.{n}.fc1", f"block.{n}.fc2") for n in range(2)]
    pairs += [("tokenizer.1.conv", f"block.0.{k}") for k in "qkv"]
    for first, second in pairs:
        pe, simd = folds[first].pe, folds[second].simd
        assert gcd(pe, simd) in (pe, simd)


def test_without_a_common_width_each_layer_takes_its_smallest_fold():
    network = spikformer(SHAPE)
    named = {
        "block.0.proj": Fold(2, 4, kind="table"),
        "block.1.proj": Fold(4, 4, kind="table"),
    }
    folds = solve(network, Hardware(900, 4, named, kind="table"))
    assert {name: folds[name].pe for name in named} == {"block.0.proj": 2, "block.1.proj": 4}


def test_agreement_costs_no_cycles():
    """Where the budget of lanes does not suffice for words that fit, folds are as before."""
    network = spikformer(SHAPE)
    pace = []
    for lanes in range(80, 400, 20):
        folds = solve(network, Hardware(lanes, 4, kind="table"))
        pace.append(max(cycles(network[n], f, network) for n, f in folds.items()))
    assert pace == sorted(pace, reverse=True)
