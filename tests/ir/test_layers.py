"""Shapes, ranges and refusals of each kind of layer."""

from dataclasses import replace

import numpy as np
import pytest

from ir.errors import SpikewrightError
from ir.layers import (
    KINDS,
    LIF,
    Add,
    Attention,
    Edge,
    Input,
    Layer,
    MaxPool,
    Readout,
    ShiftAdd,
    Synapse,
)
from ir.neuron import Neuron
from ir.scheme import Scheme
from ir.types import IntType

U4 = Scheme.parse("u4")
PIXELS = Edge(2, 5, 7, 1, IntType(0, 15))
SPIKES = Edge(6, 3, 2, 4, IntType(0, 1))


def weights(*shape):
    return np.ones(shape, np.int8)


def synapse(*shape, stride=1, padding=0):
    return Synapse("s", ("x",), U4, weights(*shape), stride, padding)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "size"),
    [(1, 1, 0, (5, 7)), (3, 1, 1, (5, 7)), (3, 2, 1, (3, 4)), (2, 3, 0, (2, 2)), (5, 1, 2, (5, 7))]
    + [(5, 9, 0, (1, 1)), (3, 3, 0, (1, 2))],
)
def test_sliding_windows_have_the_size_of_the_formula(kernel, stride, padding, size):
    for layer in (
        synapse(3, 2, kernel, kernel, stride=stride, padding=padding),
        MaxPool("p", ("x",), kernel, stride, padding),
    ):
        edge = layer.edge((PIXELS,), 4)
        assert (edge.height, edge.width) == size
        assert edge.positions == size[0] * size[1]
        assert edge.steps == 1


def test_shapes_and_ranges():
    assert Input("i", (), (2, 5, 7), 15).edge((), 4) == PIXELS
    assert synapse(3, 2, 1, 1).edge((PIXELS,), 4) == Edge(3, 5, 7, 1, IntType(0, 30))
    two = np.zeros(2, np.int64)
    assert LIF("l", ("x",), Neuron(), two, two).edge((PIXELS,), 4) == Edge(2, 5, 7, 4, IntType(0, 1))
    assert MaxPool("p", ("x",), 2, 2, 0).edge((PIXELS,), 4) == Edge(2, 2, 3, 1, IntType(0, 15))
    assert Add("a", ("x", "y")).edge((SPIKES, SPIKES), 4) == replace(SPIKES, type=IntType(0, 2))
    attended = Attention("t", ("q", "k", "v"), 3).edge((SPIKES,) * 3, 4)
    assert attended == replace(SPIKES, type=IntType(0, 6 * 2))  # tokens x head width


def test_sum_type_is_reached_and_never_left():
    rng = np.random.default_rng(0)
    for activation in (IntType(0, 1), IntType(0, 5), IntType(-3, 4)):
        layer = Synapse("s", ("x",), U4, rng.integers(-7, 8, (3, 2, 2, 2)).astype(np.int8))
        flat = layer.weight.reshape(3, -1).astype(int)
        found = layer.sum_type(activation)
        best = [np.where(row > 0, activation.high, activation.low) @ row for row in flat]
        worst = [np.where(row > 0, activation.low, activation.high) @ row for row in flat]
        assert found == IntType(min(0, *worst), max(0, *best))


def test_readout_range_is_reached():
    weight = np.array([[3, -2, 0, 1, 1, 1], [-1, -1, -1, -1, -1, -1]], np.int8)
    layer = Readout("r", ("x",), U4, weight, np.array([5, -7]))
    positions = SPIKES.positions * 4  # and steps
    expected = IntType(-6 * positions - 7, 6 * positions + 5)
    assert layer.edge((SPIKES,), 4) == Edge(2, 1, 1, 1, expected)


def test_kinds_are_named_after_their_classes():
    assert set(KINDS) == {"input", "synapse", "lif", "max_pool", "add", "shift_add", "attention", "readout"}
    assert all(cls.kind == name for name, cls in KINDS.items())


def test_plain_layer_has_no_edge():
    with pytest.raises(NotImplementedError):
        Layer("x", ()).edge((), 1)


six, five = np.zeros(6, np.int64), np.zeros(5, np.int64)
two = np.zeros((2, 6), np.int64)
WINDOWS = "allowed are kernel and stride of at least 1 and 0 <= 2 * padding < kernel."


@pytest.mark.parametrize(
    ("layer", "inputs", "sentence"),
    [
        (Input("i", (), (1, 2), 3), (), "Layer i (input) has shape (1, 2); allowed are three sizes"),
        (Input("i", (), (1, -2, 3), 3), (), "has shape (1, -2, 3); allowed are three sizes of 1..4096."),
        (Input("i", (), (1, 4097, 3), 3), (), "has shape (1, 4097, 3)"),
        (Input("i", (), (1, 2, 3), 0), (), "Layer i (input) has largest value 0; allowed are 1..65535."),
        (Input("i", (), (1, 2, 3), 65536), (), "has largest value 65536"),
        (synapse(3, 6), (SPIKES,), "Layer s (synapse) has weights of shape (3, 6); allowed is (out, in"),
        (synapse(3, 6, 1, 2), (SPIKES,), "has weights of shape (3, 6, 1, 2)"),
        (synapse(3, 5, 1, 1), (SPIKES,), "takes 5 channels but its input has 6."),
        (synapse(3, 6, 1, 1, stride=0), (SPIKES,), f"has kernel 1, stride 0, padding 0; {WINDOWS}"),
        (synapse(3, 6, 2, 2, padding=1), (SPIKES,), f"has kernel 2, stride 1, padding 1; {WINDOWS}"),
        (synapse(3, 6, 2, 2, padding=-1), (SPIKES,), f"padding -1; {WINDOWS}"),
        (synapse(3, 6, 3, 3), (SPIKES,), "kernel 3 and padding 0, too large for a 3 x 2 map."),
        (MaxPool("p", ("x",), 0, 1, 0), (SPIKES,), f"Layer p (max_pool) has kernel 0, stride 1, padding 0; {WINDOWS}"),
        (MaxPool("p", ("x",), 4, 1, 0), (SPIKES,), "kernel 4 and padding 0, too large for a 3 x 2 map."),
        (LIF("l", ("x",), Neuron(), five, six), (SPIKES,), "Layer l (lif) has threshold of shape (5,); allowed is (6,)."),
        (LIF("l", ("x",), Neuron(), six, five), (SPIKES,), "Layer l (lif) has bias of shape (5,); allowed is (6,)."),
        (Add("a", ("x", "y")), (SPIKES, replace(SPIKES, steps=1)), "allowed are equal shapes."),
        (Add("a", ("x", "y")), (SPIKES, replace(SPIKES, width=1)), "Layer a (add) adds Edge("),
        (ShiftAdd("h", ("x", "y"), two), (SPIKES, replace(SPIKES, steps=1)), "Layer h (shift_add) adds Edge("),
        (ShiftAdd("h", ("x", "y"), two[:, :5]), (SPIKES, SPIKES), "has shifts of shape (2, 5); allowed is (2, 6)."),
        (Attention("t", ("q", "k", "v"), 4), (SPIKES,) * 3, "Layer t (attention) has 4 heads; allowed are divisors of 6."),
        (Attention("t", ("q", "k", "v"), 0), (SPIKES,) * 3, "has 0 heads"),
        (Attention("t", ("q", "k", "v"), -2), (SPIKES,) * 3, "has -2 heads"),
        (
            Attention("t", ("q", "k", "v"), 3),
            (SPIKES, SPIKES, replace(SPIKES, channels=3)),
            "allowed are spikes of equal shape.",
        ),
        (
            Attention("t", ("q", "k", "v"), 3),
            (replace(SPIKES, type=IntType(0, 2)),) * 3,
            "allowed are spikes of equal shape.",
        ),
        (Readout("r", ("x",), U4, weights(4, 5), six[:4]), (SPIKES,), "Layer r (readout) has weights of shape (4, 5); allowed is (classes, 6)."),
        (Readout("r", ("x",), U4, weights(4, 6), six), (SPIKES,), "has bias of shape (6,); allowed is (4,)."),
    ],
)  # fmt: skip
def test_refusals_name_the_layer_and_what_is_allowed(layer, inputs, sentence):
    with pytest.raises(SpikewrightError) as caught:
        layer.edge(inputs, 4)
    text = str(caught.value)
    assert sentence in text
    assert text.startswith(f"Layer {layer.name} ({layer.kind}) ")
    assert text.endswith(".")


def test_shifted_sums_have_the_range_of_the_very_shifts():
    layer = ShiftAdd("h", ("x", "y"), np.array([[0, 2, 1], [3, 0, 1]]))
    a, b = (Edge(3, 1, 1, 2, IntType(low, 1)) for low in (-2, 0))
    assert layer.edge((a, b), 2).type == IntType(-8, 9)
    assert layer.sum_type(a.type, b.type, np.array([[0], [0]])) == IntType(-2, 2)


def test_a_synapse_steps_by_one_unless_told():
    plain = Synapse("s", ("x",), U4, weights(3, 6, 1, 1))
    assert plain.edge((SPIKES,), 4) == synapse(3, 6, 1, 1).edge((SPIKES,), 4)
