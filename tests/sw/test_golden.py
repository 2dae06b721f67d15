"""The PyTorch golden model equals the NumPy one on every layer."""

import itertools

import numpy as np
import pytest
import torch

from ir import golden as numpy_golden
from ir.errors import SpikewrightError
from ir.layers import LIF, Add, Attention, Input, MaxPool, Readout, Synapse
from ir.network import Network
from ir.neuron import CHARGES, FIRES, RESETS, Neuron
from ir.scheme import Scheme
from sw import exact, golden
from tests import networks


def synapse(rng, name, source, scheme, outputs, inputs, kernel, stride=1, padding=0):
    levels = Scheme.parse(scheme).levels
    weight = rng.choice(levels, (outputs, inputs, kernel, kernel)).astype(np.int8)
    return Synapse(name, (source,), Scheme.parse(scheme), weight, stride, padding)


def lif(rng, name, source, neuron, channels, reach):
    one = 1 << neuron.frac_bits
    threshold = rng.integers(0, reach * one, channels)
    return LIF(name, (source,), neuron, threshold, rng.integers(-3 * one, 3 * one, channels))


def random_network(seed, neuron, stride=2, padding=0, high=16, steps=3):
    """Return a network with every kind of layer; the map shrinks from 9 x 7 to tokens."""
    rng = np.random.default_rng(seed)
    layers = [
        Input("input", (), (2, 9, 7), high),
        synapse(rng, "conv", "input", "pot4", 6, 2, 3, stride, padding),
        lif(rng, "conv_lif", "conv", neuron, 6, 4 * high),
        MaxPool("pool", ("conv_lif",), 2, 1, 0),
        synapse(rng, "deep", "pool", "u4", 6, 6, 1),
        lif(rng, "deep_lif", "deep", neuron, 6, 4),
        Add("add", ("pool", "deep_lif")),
    ]
    for noun, scheme in (("q", "pot2"), ("k", "u2"), ("v", "pot3")):
        layers.append(synapse(rng, noun, "add", scheme, 6, 6, 1))
        layers.append(lif(rng, f"{noun}_lif", noun, neuron, 6, 2))
    weight = rng.integers(-127, 128, (5, 6)).astype(np.int8)
    layers += [
        Attention("attention", ("q_lif", "k_lif", "v_lif"), 2),
        lif(rng, "attention_lif", "attention", neuron, 6, 2),
        Readout("head", ("attention_lif",), Scheme("u", 8), weight, rng.integers(-9, 9, 5)),
    ]
    return Network(steps, tuple(layers))


def check_equal(network, images, batch_size=3):
    expected = numpy_golden.run(network, images)
    found = golden.run(network, images, batch_size)
    assert list(found.outputs) == list(expected.outputs)
    for noun in ("outputs", "membranes"):
        for name, value in getattr(expected, noun).items():
            other = getattr(found, noun)[name]
            assert other.dtype == np.int64
            np.testing.assert_array_equal(other, value, err_msg=f"{noun} of {name}")
    np.testing.assert_array_equal(found.labels, expected.labels)
    return found


def images_of(network, count, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, network.input.high + 1, (count, *network.input.shape)).astype(np.uint16)


@pytest.mark.parametrize(
    ("charge", "fire", "reset"), list(itertools.product(CHARGES, FIRES, RESETS))
)
def test_every_neuron_equals_numpy(charge, fire, reset):
    neuron = Neuron(charge, fire, reset, leak_shift=2, frac_bits=3, membrane_bits=11, initial=-5)
    network = random_network(1, neuron)
    found = check_equal(network, images_of(network, 4))
    fired = [found.outputs[layer.name].mean() for layer in network.layers if layer.kind == "lif"]
    assert min(fired) > 0
    assert max(fired) < 1


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (1, 1), (2, 0), (2, 1), (3, 1)])
@pytest.mark.parametrize("seed", [2, 3])
def test_strides_and_paddings_equal_numpy(stride, padding, seed):
    network = random_network(seed, Neuron(), stride, padding)
    check_equal(network, images_of(network, 5, seed))


@pytest.mark.parametrize("seed", range(6))
def test_samples_that_move_equal_numpy(seed):
    network = networks.random_network(seed, steps=3, moving=True)
    check_equal(network, networks.random_images(network, seed, 4))


@pytest.mark.parametrize("seed", range(4))
def test_membrane_shortcuts_equal_numpy(seed):
    network = networks.random_network(seed, shortcut=True)
    check_equal(network, networks.random_images(network, seed, 4))


def test_sums_beyond_float32_stay_exact():
    network = random_network(4, Neuron(membrane_bits=40), high=65535)
    weight = np.full((6, 2, 3, 3), 64, dtype=np.int8)
    weight[:, 0, 0, 0] = 1
    layer = Synapse("conv", ("input",), Scheme("pot", 4), weight, 2, 0)
    network = Network(3, (network.layers[0], layer, *network.layers[2:]))
    found = check_equal(network, images_of(network, 3))
    assert found.outputs["conv"].max() > exact.FLOAT32_BOUND
    assert (found.outputs["conv"] % 2 == 1).any()


def test_batches_change_nothing():
    network = random_network(5, Neuron())
    images = images_of(network, 7)
    labels, logits = golden.predict(network, images, batch_size=2)
    whole = golden.run(network, images, batch_size=7)
    np.testing.assert_array_equal(labels, whole.labels)
    np.testing.assert_array_equal(logits, whole.logits(network))
    assert len(list(golden.batches(network, images, 2))) == 4


def test_no_images_give_an_empty_trace():
    network = random_network(5, Neuron())
    found = golden.run(network, images_of(network, 0))
    assert found.outputs["head"].shape == (0, 1, 1, 5)


def test_ties_go_to_the_lowest_label():
    network = random_network(6, Neuron())
    head = Readout(
        "head",
        ("attention_lif",),
        Scheme("u", 8),
        np.zeros((4, 6), np.int8),
        np.array([1, 7, 7, 0]),
    )
    network = Network(3, (*network.layers[:-1], head))
    labels, _ = golden.predict(network, images_of(network, 3))
    assert labels.tolist() == [1, 1, 1]


def test_wrong_images_are_refused():
    network = random_network(5, Neuron())
    with pytest.raises(SpikewrightError, match=r"Images hold values 0\.\.99; allowed are 0\.\.16"):
        golden.run(network, np.where(np.eye(9, 7), 99, 0)[None, None].repeat(2, 1))
    with pytest.raises(SpikewrightError, match="Images have shape"):
        golden.predict(network, np.zeros((1, 2, 9, 8), np.uint8))


def test_exact_convolution_takes_the_smallest_exact_format():
    weight = torch.full((1, 1, 1, 1), 4.0)
    x = torch.ones(1, 1, 1, 1)
    assert exact.conv2d(x, weight, (1 << 22) - 1).dtype == torch.float32
    assert exact.conv2d(x, weight, 1 << 22).dtype == torch.float64
    with pytest.raises(OverflowError, match="exact in no floating-point format"):
        exact.conv2d(x, weight, 1 << 51)
