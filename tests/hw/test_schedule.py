"""The generated hardware moves every word in the very cycle that ``ir.schedule`` predicts."""

import numpy as np
import pytest

from ir.fold import Fold, Hardware
from ir.layers import Add, Attention, Input
from ir.planner import build
from ir.schedule import schedule
from ir.sizing import fit
from tests.hw.whole import Whole
from tests.networks import (
    Builder,
    meeting_network,
    random_hardware,
    random_images,
    random_network,
)

SAMPLES = 4
MEETING = ("maximum", "join", "align")


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


@pytest.mark.parametrize("seed", range(400, 406))
def test_every_transfer_is_predicted_with_slices_of_time(seed: int) -> None:
    steps, moving = (2, 3, 4, 6)[seed % 4], seed > 403
    network = random_network(seed, steps=steps, moving=moving, size=3, width=4)
    hardware = random_hardware(network, seed, tables=0.3 * (seed % 2), slices=0.8)
    plan = fit(build(network, hardware))
    compare(network, plan).check(network, random_images(network, 1, SAMPLES))


@pytest.mark.parametrize("tables", [0, 0.7])
@pytest.mark.parametrize("seed", range(3))
def test_every_transfer_is_predicted_of_samples_that_move(seed: int, tables: float) -> None:
    network = random_network(seed, steps=3, size=4, width=4, moving=True)
    compare(network, fit(build(network, random_hardware(network, seed, tables=tables))))


def test_attention_and_residual() -> None:
    network = random_network(7, attention=True, residual=True, pool=True, size=4, width=4)
    compare(network, fit(build(network, Hardware(600, network.steps))))


@pytest.mark.parametrize("seed", [1, 2])
def test_currents_are_pooled_and_added_before_a_neuron(seed: int) -> None:
    network = random_network(seed, shortcut=True, attention=False, residual=False, size=4, width=4)
    plan = fit(build(network, random_hardware(network, seed)))
    compare(network, plan).check(network, random_images(network, 1, SAMPLES))


@pytest.mark.parametrize("slices", [1, 2, 4])
def test_sums_and_pools_of_slices_of_time_equal_the_golden_model(slices: int) -> None:
    network = meeting_network(4)
    folds = dict.fromkeys("ab", Fold(4, 2)) | dict.fromkeys(("a.pool", "b.pool"), Fold(1, 1))
    plan = fit(build(network, Hardware(200, 4 // slices, folds)))
    assert {s.i.time for s in plan.stations if s.kind in MEETING} == {slices}
    compare(network, plan).check(network, random_images(network, 1, SAMPLES))


@pytest.mark.parametrize(
    "fold",
    [Fold(1, 2, "kv"), Fold(4, 1, "kv"), Fold(1, 2, "qk"), Fold(2, 4, "qk"), Fold(4, 1, "qk")],
    ids=str,
)
def test_attention_in_every_order(fold: Fold) -> None:
    b = Builder(np.random.default_rng(3), 2)
    last = b.put(Input("input", (), (2, 2, 2), 3))
    q, k, v = (b.unit(name, last, 4) for name in "qkv")
    mixed = b.put(Attention("attention", (q, k, v), 2))
    network = b.readout(b.put(Add("add", (q, b.lif("lif", mixed)))), 3)
    plan = fit(build(network, Hardware(120, 2, {"attention": fold})))
    samples = random_images(network, 1, SAMPLES)
    compare(network, plan).check(network, samples)


def compare(network, plan) -> Whole:
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
    return found
