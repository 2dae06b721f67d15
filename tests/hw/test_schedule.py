"""The generated hardware moves every word in the very cycle that ``ir.schedule`` predicts."""

import numpy as np
import pytest

from ir.fold import Hardware
from ir.planner import build
from ir.schedule import schedule
from ir.sizing import fit
from tests.hw.whole import Whole
from tests.networks import random_hardware, random_images, random_network

SAMPLES = 4


@pytest.mark.parametrize("fitted", [False, True], ids=["generous", "fitted"])
@pytest.mark.parametrize("seed", range(100, 106))
def test_every_transfer_is_predicted(seed: int, fitted: bool) -> None:
    network = random_network(seed, size=4, width=4)
    plan = build(network, random_hardware(network, seed))
    plan = fit(plan) if fitted else plan
    compare(network, plan)


@pytest.mark.parametrize("seed", range(206, 210))
def test_every_transfer_is_predicted_with_tables(seed: int) -> None:
    network = random_network(seed, size=3, width=4, residual=True)
    compare(network, fit(build(network, random_hardware(network, seed, tables=0.7))))


def test_attention_and_residual() -> None:
    network = random_network(7, attention=True, residual=True, pool=True, size=4, width=4)
    compare(network, fit(build(network, Hardware(600, network.steps))))


def compare(network, plan) -> None:
    predicted = schedule(plan, SAMPLES)
    samples = random_images(network, 1, SAMPLES)
    found = Whole(network, plan, samples)
    for layer, moves in found.moves.items():
        wanted = predicted.moves[plan.probes[layer].name]
        assert np.array_equal(moves, wanted), f"layer {layer}: {moves} instead of {wanted}"
    assert found.counters["latency"] == predicted.latency
    assert found.counters["input_stalls"] >= 0
    last = found.moves["head"][:, -1]
    assert last[-1] - last[-2] == predicted.interval
