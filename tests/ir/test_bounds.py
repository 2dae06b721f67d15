"""Networks that the memories of a build can hold, and those that they cannot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ir import golden
from ir.bounds import check
from ir.errors import SpikewrightError
from ir.fold import Hardware
from ir.image import images
from ir.layers import LIF, Attention, Readout, ShiftAdd, Synapse
from ir.planner import build
from ir.store import Export
from tests.networks import digits_network, random_hardware, random_images, random_network


def with_layer(network, name, **changes):
    layers = [replace(x, **changes) if x.name == name else x for x in network.layers]
    return replace(network, layers=tuple(layers))


def first(network, kind):
    return next(layer for layer in network.layers if isinstance(layer, kind))


def drawn(network, seed, *, ends=False):
    """Return a network with other random weights, neurons and shifts within the build's fields."""
    rng, layers = np.random.default_rng(seed), []
    for layer in network.layers:
        if isinstance(layer, (Synapse, Readout)):
            levels = layer.scheme.levels[[0, -1]] if ends else layer.scheme.levels
            layer = replace(layer, weight=rng.choice(levels, layer.weight.shape).astype(np.int8))
        for noun in ("threshold", "bias"):
            if isinstance(layer, LIF) or (isinstance(layer, Readout) and noun == "bias"):
                values = getattr(layer, noun)
                layer = replace(layer, **{noun: rng.permutation(values)})
        layers.append(layer)
    return replace(network, layers=tuple(layers))


def contained(network, plan, seed):
    """Refuse a build in which a value of any layer lies outside the range of its link."""
    high = network.input.high
    extreme = np.full((1, *network.sample_shape), high)
    for pixels in (extreme, random_images(network, seed, 2)):
        outputs = golden.run(network, pixels).outputs
        for layer, link in plan.probes.items():
            assert link.type.contains(outputs[layer]), layer


def test_the_build_takes_its_own_network():
    for seed in range(12):
        network = random_network(seed)
        check(network, Export(network, random_hardware(network, seed, tables=0.3, slices=0.3)))


@pytest.mark.parametrize("largest", [False, True])
def test_what_is_taken_never_leaves_the_ranges_of_the_build(largest):
    """Weights at either end of their format into builds of any, or the other way round."""
    taken = {"actual": 0, "format": 0}
    for seed in range(24):
        network = random_network(seed, attention=False, residual=False)
        other = drawn(network, seed + 1, ends=True)
        if not largest:
            network, other = other, network
        for widths in taken:
            hardware = random_hardware(network, seed, widths=widths)
            plan = build(network, hardware)
            try:
                check(other, Export(network, hardware))
            except SpikewrightError:
                assert widths == "actual"
                continue
            taken[widths] += 1
            images(other, plan)
            contained(other, plan, seed)
    assert taken["format"] == 24
    assert (0 if largest else 2) <= taken["actual"] < 24, taken


def test_smaller_weights_fit_and_larger_ones_do_not():
    """The largest weights of a format fit only a build that was made of them."""
    network = digits_network()
    hardware = Hardware(96, network.steps)
    small, large = (
        replace(
            network,
            layers=tuple(
                replace(x, weight=np.full_like(x.weight, x.scheme.levels[-1] if largest else 1))
                if isinstance(x, (Synapse, Readout))
                else x
                for x in network.layers
            ),
        )
        for largest in (False, True)
    )
    plan = build(large, hardware)
    check(large, Export(large, hardware))
    contained(large, plan, 1)
    with pytest.raises(
        SpikewrightError,
        match=r"^Layer tokenizer.0.conv has values in -?\d+..\d+; the build allows -?\d+..\d+\.$",
    ):
        check(large, Export(small, hardware))


@pytest.fixture(scope="module")
def built():
    network = random_network(5, attention=True, residual=True, pool=True, shortcut=True, steps=2)
    return Export(network, random_hardware(network, 5))


def refusal(network, built):
    with pytest.raises(SpikewrightError) as found:
        check(network, built)
    return str(found.value)


def test_neurons_beyond_their_fields(built):
    lif = first(built.network, LIF)
    for noun in ("threshold", "bias"):
        values = getattr(lif, noun).copy()
        values[0] = 1 << 20
        said = refusal(with_layer(built.network, lif.name, **{noun: values}), built)
        assert said.startswith(f"Layer {lif.name} has "), said
        assert "; the build allows " in said


def test_a_shift_beyond_its_field(built):
    add = first(built.network, ShiftAdd)
    shifts = add.shifts.copy()
    shifts[0, 0] = 15
    assert refusal(with_layer(built.network, add.name, shifts=shifts), built).startswith(
        f"Layer {add.name} has "
    )


def test_a_bias_of_the_readout_beyond_its_field(built):
    head = first(built.network, Readout)
    bias = head.bias.copy()
    bias[0] = 1 << 16
    said = refusal(with_layer(built.network, head.name, bias=bias), built)
    assert said.startswith(f"Layer {head.name} has "), said


def test_other_layers(built):
    network = built.network
    conv, lif = (first(network, kind) for kind in (Synapse, LIF))
    scheme = "u8" if conv.scheme.name != "u8" else "u7"
    other = type(conv.scheme).parse(scheme)
    weight = np.zeros_like(conv.weight)
    neuron = replace(lif.neuron, initial=lif.neuron.initial + 1)
    for changed, begin in (
        (
            with_layer(network, conv.name, scheme=other, weight=weight),
            f"Layer {conv.name} has scheme",
        ),
        (with_layer(network, lif.name, neuron=neuron), f"Layer {lif.name} has neuron Neuron("),
        (
            with_layer(network, network.input.name, high=network.input.high + 1),
            "Layer input has high",
        ),
        (replace(network, steps=3), "Network has time steps 3; the build has 2."),
    ):
        assert refusal(changed, built).startswith(begin), begin
    attention = first(network, Attention)
    assert attention.heads > 1
    said = refusal(with_layer(network, attention.name, heads=1), built)
    assert said.startswith(f"Layer {attention.name} has heads 1; the build has ")
    shorter = digits_network()
    assert refusal(shorter, built).startswith("Network has ")


def test_other_shapes():
    network, wider = digits_network(), digits_network(width=16)
    said = refusal(wider, Export(network, Hardware(96, network.steps)))
    assert said.startswith("Layer tokenizer.0.conv has "), said
    assert "; the build has " in said
