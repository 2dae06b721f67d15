"""ir.golden against an independent execution in plain Python loops, one number at a time."""

import numpy as np
import pytest

from ir.errors import SpikewrightError
from ir.golden import run, windows
from ir.layers import LIF, Add, Attention, Input, MaxPool, Readout, ShiftAdd, Synapse
from ir.network import Network
from ir.neuron import Neuron
from ir.scheme import Scheme
from tests.ir.test_neuron import naive
from tests.networks import digits_network, random_images, random_network


def execute(network, image):
    """Return ({layer: {(t, y, x, c): value}}, {lif: {...: h}}, label); all integers of Python."""
    values, membranes = {}, {}
    for layer in network.layers:
        edge = network.edges[layer.name]
        source = network.edges[layer.inputs[0]] if layer.inputs else None
        x = [values[name] for name in layer.inputs]
        out = values[layer.name] = {}
        keys = [
            (t, y, z, c)
            for t in range(edge.steps)
            for y in range(edge.height)
            for z in range(edge.width)
            for c in range(edge.channels)
        ]
        if isinstance(layer, Input):
            for t, y, z, c in keys:
                out[t, y, z, c] = int(image[t, c, y, z] if layer.moving else image[c, y, z])
        elif isinstance(layer, (Synapse, MaxPool)):
            side = layer.kernel
            for t, y, z, c in keys:
                taps = {}
                for ky in range(side):
                    for kx in range(side):
                        iy, ix = y * layer.stride - layer.padding + ky, z * layer.stride - layer.padding + kx
                        if 0 <= iy < source.height and 0 <= ix < source.width:
                            taps[ky, kx] = (t, iy, ix)
                if isinstance(layer, MaxPool):
                    out[t, y, z, c] = max(x[0][*place, c] for place in taps.values())
                else:
                    out[t, y, z, c] = sum(
                        int(layer.weight[c, i, ky, kx]) * x[0][*place, i]
                        for (ky, kx), place in taps.items()
                        for i in range(source.channels)
                    )
        elif isinstance(layer, LIF):
            membranes[layer.name] = {}
            for _, y, z, c in [key for key in keys if key[0] == 0]:
                v = layer.neuron.initial
                for t in range(network.steps):
                    total = x[0][t if source.steps > 1 else 0, y, z, c]
                    current = total * 2**layer.neuron.frac_bits + int(layer.bias[c])
                    h, spike, v = naive(layer.neuron, v, current, int(layer.threshold[c]))
                    out[t, y, z, c], membranes[layer.name][t, y, z, c] = spike, h
        elif isinstance(layer, ShiftAdd):
            by = layer.shifts.tolist()
            out |= {key: x[0][key] * 2 ** by[0][key[3]] + x[1][key] * 2 ** by[1][key[3]] for key in keys}
        elif isinstance(layer, Add):
            out |= {key: x[0][key] + x[1][key] for key in keys}
        elif isinstance(layer, Attention):
            side = edge.channels // layer.heads
            tokens = [(y, z) for y in range(edge.height) for z in range(edge.width)]
            q, k, v = x
            for t, y, z, c in keys:
                head = range(c // side * side, c // side * side + side)
                out[t, y, z, c] = sum(  # (q k^T) v, the other order of the same product
                    sum(q[t, y, z, d] & k[t, *token, d] for d in head) * v[t, *token, c]
                    for token in tokens
                )
        else:
            assert isinstance(layer, Readout)
            for key in keys:
                out[key] = int(layer.bias[key[3]]) + sum(
                    int(layer.weight[key[3], place[3]]) * value for place, value in x[0].items()
                )
    logits = [values[network.readout.name][0, 0, 0, c] for c in range(edge.channels)]
    return values, membranes, logits.index(max(logits))


def as_array(network, name, found):
    edge = network.edges[name]
    array = np.empty((edge.steps, edge.height, edge.width, edge.channels), np.int64)
    for key, value in found.items():
        array[key] = value
    return array.reshape(edge.steps, edge.positions, edge.channels)


def compare(network, images):
    trace = run(network, images)
    for n, image in enumerate(images):
        values, membranes, label = execute(network, image)
        for name, found in values.items():
            assert np.array_equal(trace.outputs[name][n], as_array(network, name, found)), name
        for name, found in membranes.items():
            assert np.array_equal(trace.membranes[name][n], as_array(network, name, found)), name
        assert trace.labels[n] == label
        assert trace.logits(network)[n].argmax() == label
    assert trace.membranes.keys() == {x.name for x in network.layers if x.kind == "lif"}
    return trace


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("seed", range(25))
def test_loops_and_golden_agree_on_everything(seed, moving):
    network = random_network(seed, size=4, width=4, moving=moving)
    compare(network, random_images(network, seed, 2))


def test_random_networks_spike_neither_never_nor_always():
    rates = []
    for seed in range(25):
        network = random_network(seed, size=4, width=4)
        trace = run(network, random_images(network, seed, 4))
        rates += [trace.outputs[name].mean() for name in trace.membranes]
    assert np.mean([0.02 < rate < 0.98 for rate in rates]) > 0.5


def test_digits_shaped_network_agrees():
    network = digits_network(width=4, heads=2, steps=2)
    compare(network, random_images(network, 0, 1))


def test_every_output_stays_in_the_range_of_its_edge():
    for seed in range(25):
        network = random_network(seed)
        trace = run(network, random_images(network, seed, 4))
        for name, values in trace.outputs.items():
            assert network.edges[name].type.contains(values), name


@pytest.mark.parametrize("bias", [[3, 5, 5], [5, 5, 5], [1, 0, 1], [-2, -1, -1]])
def test_lowest_of_equal_logits_wins(bias):
    one = np.ones(1, np.int64)
    u2 = Scheme.parse("u2")
    network = Network(
        1,
        (
            Input("input", (), (1, 1, 1), 1),
            LIF("lif", ("input",), Neuron(), one, one),
            Readout("head", ("lif",), u2, np.zeros((3, 1), np.int8), np.array(bias)),
        ),
    )
    trace = compare(network, np.ones((1, 1, 1, 1), np.uint8))
    assert trace.labels[0] == bias.index(max(bias))


def test_signed_activations_convolve():
    u3 = Scheme.parse("u3")
    rng = np.random.default_rng(0)

    def conv(name, source, out, channels):
        weight = rng.integers(-3, 4, (out, channels, 2, 2)).astype(np.int8)
        return Synapse(name, (source,), u3, weight, 1, 0)

    network = Network(
        1,
        (
            Input("input", (), (2, 4, 4), 65535),
            conv("a", "input", 3, 2),
            conv("b", "a", 2, 3),
            Readout("head", ("b",), u3, np.ones((2, 2), np.int8), np.array([0, 1])),
        ),
    )
    compare(network, random_images(network, 0, 2))


@pytest.mark.parametrize("seed", range(6))
def test_currents_are_pooled_and_added_before_a_neuron(seed):
    network = random_network(seed, shortcut=True, size=4, width=4)
    assert any(edge.type.signed for edge in network.edges.values())
    compare(network, random_images(network, seed, 2))


def test_padding_wins_over_no_negative_value():
    u3 = Scheme.parse("u3")
    network = Network(
        1,
        (
            Input("input", (), (1, 2, 2), 3),
            Synapse("conv", ("input",), u3, np.full((1, 1, 1, 1), -3, np.int8)),
            MaxPool("pool", ("conv",), 3, 1, 1),
            Readout("head", ("pool",), u3, np.ones((2, 1), np.int8), np.array([0, 1])),
        ),
    )
    trace = compare(network, np.full((1, 1, 2, 2), 2, np.uint8))
    assert (trace.outputs["pool"] == -6).all()


def test_windows_are_the_taps_in_order():
    x = np.arange(6).reshape(1, 1, 6, 1)
    taps = windows(x, (2, 3), 2, 1, 0)
    assert taps.shape == (1, 1, 2, 1, 2, 2)
    assert taps[0, 0, :, 0].tolist() == [[[0, 1], [3, 4]], [[1, 2], [4, 5]]]


def test_images_are_checked():
    network = random_network(0)
    with pytest.raises(SpikewrightError, match="Images have shape"):
        run(network, np.zeros((1, 9, 9, 9), np.uint8))
