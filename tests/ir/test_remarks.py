"""Remarks name the layer and what is odd about it, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from ir import golden
from ir.layers import LIF, Input
from ir.network import Network
from ir.remarks import remarks
from tests.networks import Builder


@pytest.fixture
def network():
    """Return a lively network that takes every level of its formats."""
    b = Builder(np.random.default_rng(2), 3, neurons="default", schemes=("u2",))

    last = b.unit("stem", b.put(Input("input", (), (2, 4, 4), 15)), 8, 3, 1, 1)
    found = b.readout(b.unit("more", last, 8), 3)
    levels = found["head"].scheme.levels
    weight = np.resize(levels, found["head"].weight.shape).astype(np.int8)
    return changed(found, "head", weight=weight)


def changed(network, name, **values):
    layers = tuple(replace(x, **values) if x.name == name else x for x in network.layers)
    return Network(network.steps, layers, network.preprocessing)


def said(network):
    images = np.random.default_rng(0).integers(0, 16, (4, 2, 4, 4))
    return remarks(network, golden.run(network, images))


def test_nothing_is_said_of_a_lively_network(network):
    assert said(network) == []


@pytest.mark.parametrize(
    "threshold, noun, rate", [(1 << 20, "silent", "0.00%"), (-(1 << 20), "saturated", "100.00%")]
)
def test_silent_and_saturated_layers(network, threshold, noun, rate):
    lif = next(x for x in network.layers if isinstance(x, LIF))
    odd = changed(network, lif.name, threshold=np.full_like(lif.threshold, threshold))
    sentence = f"Layer {lif.name} is {noun}: {rate} of its neurons fire in a time step."
    assert said(odd)[0] == sentence


def test_clipped_membranes(network):
    lif = next(x for x in network.layers if isinstance(x, LIF))
    narrow = changed(network, lif.name, neuron=replace(lif.neuron, membrane_bits=11))
    found = [text for text in said(narrow) if "clips" in text]
    assert len(found) == 1
    assert found[0].startswith(f"Layer {lif.name} clips ")
    assert found[0].endswith("of its membranes to 11 bits.")


def test_unused_levels(network):
    weight = np.clip(network["head"].weight, 0, 1)
    levels = len(network["head"].scheme.levels)
    assert said(changed(network, "head", weight=weight)) == [
        f"Layer head uses 2 of the {levels} levels of {network['head'].scheme.name}."
    ]
