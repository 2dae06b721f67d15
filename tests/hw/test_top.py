from dataclasses import replace

import numpy as np
import pytest

from ir.fold import Hardware
from ir.image import images, restore
from ir.planner import build
from ir.sizing import fit
from tests.hw.bench import STALLS
from tests.hw.whole import Whole
from tests.networks import random_hardware, random_images, random_network


@pytest.mark.parametrize("seed", range(4))
def test_random_networks_equal_the_golden_model(seed: int) -> None:
    network = random_network(seed, size=4, width=4)
    plan = build(network, random_hardware(network, seed))
    samples = random_images(network, seed)
    Whole(network, plan, samples).check(network, samples)


@pytest.mark.parametrize("tables", [0, 0.7])
@pytest.mark.parametrize("seed", range(400, 404))
def test_samples_that_move_equal_the_golden_model(seed: int, tables: float) -> None:
    network = random_network(seed, steps=3, size=4, width=4, moving=True)
    assert network.edges["input"].steps == 3
    plan = build(network, random_hardware(network, seed, tables=tables))
    samples = random_images(network, seed)
    Whole(network, plan, samples, STALLS["bursts"], STALLS["one_in_four"]).check(network, samples)


@pytest.mark.parametrize("seed", range(300, 304))
def test_random_networks_with_tables_equal_the_golden_model(seed: int) -> None:
    network = random_network(seed, size=4, width=4)
    plan = build(network, random_hardware(network, seed, tables=0.7, widths="format"))
    samples = random_images(network, seed)
    Whole(network, plan, samples, STALLS["bursts"], STALLS["one_in_four"]).check(network, samples)


@pytest.mark.parametrize("sink", ["one_in_four", "bursts"])
@pytest.mark.parametrize("source", ["flowing", "mostly_stalled"])
def test_stalls_change_nothing_but_time(source: str, sink: str) -> None:
    network = random_network(11, attention=True, residual=True, pool=True, size=4, width=4)
    plan = fit(build(network, random_hardware(network, 3)))
    samples = random_images(network, 5)
    free = Whole(network, plan, samples)
    found = Whole(network, plan, samples, STALLS[source], STALLS[sink])
    found.check(network, samples)
    counters = found.counters
    assert counters["output_stalls"] > 0
    waited = counters["input_stalls"] + counters["output_stalls"]
    assert counters["cycles"] <= free.counters["cycles"] + waited


def test_counters() -> None:
    network = random_network(2, size=4, width=3)
    plan = build(network, Hardware(4096, network.steps))
    found = Whole(network, plan, random_images(network, 1, 4))
    last = found.moves["head"][:, -1]
    assert found.counters["latency"] == last[0]
    # The counters are sampled in the cycle of the last transfer, before they take it in.
    assert found.counters["cycles"] == last[-1]
    assert found.counters["samples"] == 3
    assert found.counters["interval"] == last[-2] - last[-3]
    assert found.counters["output_stalls"] == 0


@pytest.mark.parametrize("seed", range(6))
def test_flipped_images_equal_the_golden_model_of_the_flipped_arrays(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = random_network(seed + 40, size=3, width=3)
    plan = build(network, random_hardware(network, seed, widths="format"))
    contents = images(network, plan)
    name = sorted(contents)[int(rng.integers(len(contents)))]
    image = contents[name]
    words = list(image.words)
    words[int(rng.integers(len(words)))] ^= 1 << int(rng.integers(image.width))
    contents[name] = replace(image, words=tuple(words))
    flipped = restore(network, plan, contents)
    samples = random_images(network, seed)
    Whole(network, plan, samples, images=contents).check(flipped, samples)
