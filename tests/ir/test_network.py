from dataclasses import replace

import numpy as np
import pytest

from ir.errors import SpikewrightError
from ir.layers import LIF, Add, Input, Layer, MaxPool, Readout, ShiftAdd, Synapse
from ir.network import Network
from ir.neuron import Neuron
from ir.scheme import Scheme
from tests.networks import digits_network, random_network

U4, POT3 = Scheme.parse("u4"), Scheme.parse("pot3")
ONE = np.ones(1, np.int64)
INPUT = Input("input", (), (1, 2, 2), 3)
CONV = Synapse("conv", ("input",), U4, np.ones((1, 1, 1, 1), np.int8))
SPIKES = LIF("lif", ("conv",), Neuron(), ONE, ONE)
HEAD = Readout("head", ("lif",), U4, np.ones((2, 1), np.int8), np.zeros(2, np.int64))
LAYERS = (INPUT, CONV, SPIKES, HEAD)


def swapped(layer):
    return tuple(layer if other.name == layer.name else other for other in LAYERS)


class Odd(Layer):
    """A kind that nobody knows."""

    kind = "odd"


class Derived(MaxPool):
    """Claims the kind of another class."""


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        ((), "Network must begin with its input layer."),
        (LAYERS[1:], "Network must begin with its input layer."),
        (LAYERS[:-1], "Network must end with its readout layer."),
        ((INPUT, replace(INPUT, name="b"), *LAYERS[1:]), "Network has 2 input layers; allowed is 1."),
        ((*LAYERS, replace(HEAD, name="b")), "Network has 2 readout layers; allowed is 1."),
        ((*LAYERS[:3], MaxPool("pool", ("lif",), 1, 1, 0), HEAD), "Layer pool feeds no other layer."),
        ((INPUT, SPIKES, CONV, HEAD), "Layer lif takes 'conv', which is no earlier layer."),
        (swapped(replace(CONV, inputs=("nothing",))), "Layer conv takes 'nothing', which is no earlier layer."),
        (swapped(replace(CONV, inputs=("input", "input"))), "Layer conv has 2 inputs; allowed is 1."),
        (swapped(replace(SPIKES, inputs=())), "Layer lif has 0 inputs; allowed is 1."),
        ((*LAYERS[:3], Add("add", ("lif",)), replace(HEAD, inputs=("add",))), "Layer add has 1 inputs; allowed is 2."),
        ((*LAYERS[:3], ShiftAdd("s", ("lif",), ONE), replace(HEAD, inputs=("s",))), "Layer s has 1 inputs; allowed is 2."),
        (
            (*LAYERS[:3], ShiftAdd("s", ("lif", "lif"), np.array([[0], [16]])), replace(HEAD, inputs=("s",))),
            "Layer s (shift_add) has shifts 0..16; allowed are 0..15.",
        ),
        (
            (*LAYERS[:3], ShiftAdd("s", ("lif", "lif"), np.array([[-1], [0]])), replace(HEAD, inputs=("s",))),
            "Layer s (shift_add) has shifts -1..0; allowed are 0..15.",
        ),
        ((INPUT, CONV, replace(CONV, inputs=("conv",)), SPIKES, HEAD), "Layer name conv is used twice."),
        ((INPUT, CONV, SPIKES, Odd("o", ("lif",)), replace(HEAD, inputs=("o",))), "Layer o is of unknown kind 'odd'."),
        (
            (INPUT, CONV, SPIKES, Derived("o", ("lif",), 1, 1, 0), replace(HEAD, inputs=("o",))),
            "Layer o is of unknown kind 'max_pool'.",
        ),
        (swapped(replace(CONV, weight=np.full((1, 1, 1, 1), np.nan))), "Layer conv (synapse) has weight that is no filled array of signed integers."),
        (swapped(replace(CONV, weight=np.ones((1, 1, 1, 1), np.uint8))), "Layer conv (synapse) has weight that is no"),
        (swapped(replace(CONV, weight=np.ones((0, 1, 1, 1), np.int8))), "has weight that is no filled array"),
        (swapped(replace(CONV, weight=[[[[1]]]])), "has weight that is no filled array"),
        (swapped(replace(CONV, weight=np.full((1, 1, 1, 1), 8, np.int8))), "Layer conv (synapse) has weights 8..8; u4 allows -8..7."),
        (swapped(replace(CONV, scheme=POT3, weight=np.full((1, 1, 1, 1), 3, np.int8))), "Layer conv (synapse) has weight 3, which is no level of pot3."),
        (swapped(replace(HEAD, weight=np.full((2, 1), -9, np.int8))), "Layer head (readout) has weights -9..-9; u4 allows -8..7."),
        (swapped(replace(HEAD, bias=np.zeros(2))), "Layer head (readout) has bias that is no"),
        (swapped(replace(SPIKES, threshold=np.full(1, 1 << 47))), "Layer lif (lif) has threshold beyond 48 bits."),
        (swapped(replace(SPIKES, bias=np.full(1, -(1 << 47) - 1))), "Layer lif (lif) has bias beyond 48 bits."),
        (swapped(replace(SPIKES, bias=np.ones(2, np.int64))), "Layer lif (lif) has bias of shape (2,); allowed is (1,)."),
    ],
)  # fmt: skip
def test_illegal_networks_are_refused(layers, sentence):
    with pytest.raises(SpikewrightError) as caught:
        Network(4, layers)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("steps", [0, -1, 65])
def test_time_steps_out_of_range_are_refused(steps):
    with pytest.raises(SpikewrightError, match=rf"{steps} time steps; allowed are 1\.\.64"):
        Network(steps, LAYERS)


@pytest.mark.parametrize(
    "name",
    ["../up", "a/b", "A", "1a", "a..b", "a.", ".a", "", "a b", "a\n", "a-b", "é", "a" * 65, "\0"],
)
def test_illegal_layer_names_are_refused_in_one_short_sentence(name):
    layers = (INPUT, replace(CONV, name=name), replace(SPIKES, inputs=(name,)), HEAD)
    with pytest.raises(SpikewrightError, match="is illegal; allowed are lower-case words") as caught:
        Network(1, layers)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_legal_network_knows_its_parts():
    network = Network(3, LAYERS)
    assert network.input is INPUT
    assert network.readout is HEAD
    assert network["lif"] is SPIKES
    with pytest.raises(KeyError):
        network["nothing"]
    assert network.quantization == {"conv": "u4", "head": "u4"}
    assert list(network.edges) == ["input", "conv", "lif", "head"]
    assert network.edges["lif"].steps == 3 and network.edges["conv"].steps == 1


def test_shapes_flow_through_a_whole_network():
    edges = digits_network(width=8, steps=2).edges
    sizes = {name: (e.channels, e.height, e.width, e.steps) for name, e in edges.items()}
    assert sizes["tokenizer.0.conv"] == (4, 8, 8, 1)
    assert sizes["tokenizer.0.pool"] == (4, 4, 4, 2)
    assert sizes["block.0.attention"] == (8, 4, 4, 2)
    assert sizes["block.0.fc1.conv"] == (16, 4, 4, 2)
    assert edges["position.add"].type.high == 2
    assert edges["block.0.mlp_add"].type.high == 4


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (np.zeros((1, 1, 2, 3), np.uint8), "Images have shape (1, 1, 2, 3); allowed is (count, 1, 2, 2)."),
        (np.zeros((1, 2, 2), np.uint8), "Images have shape (1, 2, 2)"),
        (np.zeros((1, 1, 2, 2)), "Images have dtype float64; allowed are integers."),
        (np.zeros((1, 1, 2, 2), bool), "Images have dtype bool"),
        (np.full((1, 1, 2, 2), 4), "Images hold values 4..4; allowed are 0..3."),
        (np.full((1, 1, 2, 2), -1), "Images hold values -1..-1; allowed are 0..3."),
    ],
)  # fmt: skip
def test_images_that_do_not_fit_are_refused(images, sentence):
    with pytest.raises(SpikewrightError) as caught:
        Network(1, LAYERS).check_images(images)
    assert sentence in str(caught.value)


def test_images_that_fit_become_int64():
    images = np.array([[[[0, 3], [1, 2]]]], np.uint8)
    checked = Network(1, LAYERS).check_images(images)
    assert checked.dtype == np.int64
    assert (checked == images).all()
    assert Network(1, LAYERS).check_images(images[:0]).shape == (0, 1, 2, 2)


def test_samples_that_move_have_a_frame_per_step():
    still, moving = (random_network(5, steps=3, moving=value) for value in (False, True))
    assert moving.sample_shape == (3, *still.sample_shape)
    assert (still.edges["input"].steps, moving.edges["input"].steps) == (1, 3)
    images = np.zeros((2, *moving.sample_shape), np.uint8)
    assert moving.check_images(images).shape == images.shape
    with pytest.raises(SpikewrightError, match=r"Images have shape \(2, 3, .*allowed is \(count, \d"):
        still.check_images(images)


def test_random_networks_are_reproducible_and_varied():
    for seed in range(30):
        a, b = random_network(seed), random_network(seed)
        assert a.edges == b.edges
        for layer in a.layers:
            for noun in layer.arrays:
                assert (getattr(layer, noun) == getattr(b[layer.name], noun)).all()
    kinds = {layer.kind for seed in range(30) for layer in random_network(seed).layers}
    assert len(kinds) == 8
