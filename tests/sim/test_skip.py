import numpy as np
import pytest

from ir.golden import run
from sim.skip import control_rows, network_rows, random_rows, silent
from tests.networks import digits_network, random_images


def test_words_without_a_spike_are_counted():
    spikes = np.zeros((1, 2, 1, 4), int)
    spikes[0, 1, 0, 3] = 1
    assert silent(spikes, 1, 1) == 7 / 8
    assert silent(spikes, 2, 1) == 3 / 4
    assert silent(spikes, 1, 2) == 3 / 4
    assert silent(spikes, 2, 2) == 1 / 2
    assert silent(spikes, 4, 2) == 0


def test_random_words_are_silent_as_often_as_probability_says():
    found = list(random_rows())
    assert {row["steps"] for row in found} == {1, 4}
    for row in found:
        expected = (1 - row["density"]) ** (row["simd"] * row["steps"])
        assert row["silent"] == pytest.approx(expected, abs=0.01)
        assert row["best_gain"] == pytest.approx(1 / (1 - row["silent"]), rel=0.01)


def test_rows_of_a_network_are_those_of_the_layers_that_feed_weights():
    network = digits_network(steps=2)
    outputs = run(network, random_images(network, 0, 2)).outputs
    found = list(network_rows(network, outputs))
    names = {row["source"] for row in found}
    assert "tokenizer.0.pool" in names
    assert "input" not in names
    assert "block.0.q.lif" not in names  # attention takes it
    for row in found:
        assert row["silent"] == round(silent(outputs[row["source"]], row["simd"], row["steps"]), 4)


def test_finding_words_with_spikes_costs_more_than_one_lut_a_word():
    (row,) = control_rows((9,))
    assert row["luts"] > 9
