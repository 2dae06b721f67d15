"""The four operations execute one neuron; the trainable one has the gradients it promises."""

import itertools

import numpy as np
import pytest
import torch
from spikingjelly.activation_based import neuron as spikingjelly
from spikingjelly.activation_based import surrogate

from ir.neuron import CHARGES, FIRES, INTEGER, RESETS, Neuron
from sw.neuron import LIF, STRAIGHT, TORCH

STEPS = 6


def currents_for(neuron, seed=0):
    """Return currents that hit both saturations, both sides of the threshold, and odd values."""
    top = neuron.membrane.high
    edges = [0, 1, -1, top, -top, 2 * top + 3, -2 * top - 3, top // 2 + 1]
    noise = np.random.default_rng(seed).integers(-3 * top // 2, 2 * top, (STEPS, 200))
    return np.concatenate([np.array([edges] * STEPS), noise], axis=1)


def run(neuron, currents, threshold, ops, v):
    rows = []
    for i in currents:
        h, spike, v = neuron.step(v, i, threshold, ops)
        rows.append((h, spike, v))
    return rows


@pytest.mark.parametrize("charge, fire, reset", list(itertools.product(CHARGES, FIRES, RESETS)))
def test_four_operations_are_equal(charge, fire, reset):
    neuron = Neuron(charge, fire, reset, leak_shift=3, membrane_bits=10, initial=-7)
    currents, threshold = currents_for(neuron), 37
    start = np.full(currents.shape[1], neuron.initial)
    expected = np.array(run(neuron, currents, threshold, INTEGER, start))
    python = [
        run(neuron, [int(i) for i in column], threshold, INTEGER, neuron.initial)
        for column in currents.T
    ]
    np.testing.assert_array_equal(np.array(python).transpose(1, 2, 0), expected)
    whole = run(
        neuron,
        torch.from_numpy(currents),
        torch.tensor(threshold),
        TORCH,
        torch.from_numpy(start),
    )
    np.testing.assert_array_equal([[x.numpy() for x in row] for row in whole], expected)
    for dtype in (torch.float32, torch.float64):
        straight = run(
            neuron,
            torch.from_numpy(currents).to(dtype),
            torch.tensor(threshold, dtype=dtype),
            STRAIGHT,
            torch.from_numpy(start).to(dtype),
        )
        np.testing.assert_array_equal([[x.numpy() for x in row] for row in straight], expected)
    h, spikes = expected[:, 0], expected[:, 1]
    assert set(np.unique(spikes)) == {0, 1}
    assert h.max() == neuron.membrane.high
    assert h.min() == neuron.membrane.low or charge == "half"
    assert (h == threshold).any() or charge != "half"


@pytest.mark.parametrize("fire", FIRES)
def test_layer_fires_like_the_neuron_at_the_threshold(fire):
    neuron = Neuron(fire=fire, frac_bits=2)
    currents = torch.tensor([[2.0 * 11, 2.0 * 12, 2.0 * 13]])
    spikes = LIF(neuron)(currents, torch.tensor(12.0), torch.tensor(0.37))
    expected = {">=": [[0.0, 1.0, 1.0]], ">": [[0.0, 0.0, 1.0]]}
    assert spikes.tolist() == expected[fire]


def test_layer_equals_numpy_and_keeps_its_membranes():
    neuron = Neuron(frac_bits=4, membrane_bits=12)
    currents = currents_for(neuron)
    lif = LIF(neuron)
    spikes = lif(torch.from_numpy(currents).float(), torch.tensor(100.0), torch.tensor(0.01))
    rows = run(neuron, currents, 100, INTEGER, np.zeros(currents.shape[1], np.int64))
    np.testing.assert_array_equal(spikes, [row[1] for row in rows])
    np.testing.assert_array_equal(lif.membranes, [row[0] for row in rows])


@pytest.mark.parametrize("threshold", [1.0, 0.5])
def test_float_mode_is_spikingjellys_neuron(threshold):
    start = torch.randn(5, 4, 40, generator=torch.Generator().manual_seed(1)) * 3
    weight = torch.randn(start.shape, generator=torch.Generator().manual_seed(2))
    reference = spikingjelly.LIFNode(
        tau=2.0,
        decay_input=True,
        v_threshold=threshold,
        v_reset=0.0,
        surrogate_function=surrogate.ATan(),
        detach_reset=True,
        step_mode="m",
    )
    found = []
    for neuron in (LIF(Neuron(), threshold), reference):
        x = start.clone().requires_grad_()
        spikes = neuron(x)
        (spikes * weight).sum().backward()
        found.append((spikes.detach(), x.grad))
    (ours, ours_grad), (theirs, theirs_grad) = found
    assert torch.equal(ours, theirs)
    assert 0.1 < ours.mean() < 0.9
    torch.testing.assert_close(ours_grad, theirs_grad)
    reference.reset()
    still = start[:1].expand(5, 4, 40)
    assert torch.equal(LIF(Neuron(), threshold)(still), reference(still))


def test_fine_units_approach_the_float_neuron():
    x = torch.randn(8, 400, generator=torch.Generator().manual_seed(2)) * 2
    unit = torch.tensor(2.0**-6)
    neuron = Neuron(frac_bits=8, membrane_bits=24)
    integer = LIF(neuron)(torch.round(x * 2**14), torch.tensor(2.0**14), unit)
    assert 0.1 < integer.mean() < 0.9
    assert (integer != LIF(neuron)(x)).float().mean() < 0.002


def test_gradient_equals_the_float_neurons():
    """Integer and float neuron see one surrogate gradient, whatever the unit."""
    x = (torch.randn(4, 50, generator=torch.Generator().manual_seed(3)) * 2).double()
    whole = torch.round(x * 2**14) / 2**14
    left, right = whole.clone().requires_grad_(), whole.clone().requires_grad_()
    LIF(Neuron())(left).sum().backward()
    one, unit = 2.0**14, torch.tensor(2.0**-6, dtype=torch.double)
    LIF(Neuron())(right * one, torch.tensor(one, dtype=torch.double), unit).sum().backward()
    assert left.grad.abs().max() > 0.1
    torch.testing.assert_close(right.grad, left.grad, atol=1e-3, rtol=1e-2)


@pytest.mark.parametrize("charge, fire, reset", list(itertools.product(CHARGES, FIRES, RESETS)))
def test_gradient_is_that_of_automatic_differentiation(charge, fire, reset):
    neuron = Neuron(charge, fire, reset, leak_shift=2, frac_bits=3, membrane_bits=10, initial=5)
    start = torch.from_numpy(currents_for(neuron)).double()[:, None, :, None]
    lif = LIF(neuron)
    grads = []
    weight = torch.randn(start.shape, generator=torch.Generator().manual_seed(0)).double()
    for fused in (True, False):
        currents = start.clone().requires_grad_()
        threshold = torch.full((start.shape[2], 1), 90.0).double().requires_grad_()
        unit = torch.full((start.shape[2], 1), 0.1).double().requires_grad_()
        if fused:
            spikes = lif(currents, threshold, unit)
        else:
            rows = run(
                neuron, currents, threshold, STRAIGHT, torch.full_like(start[0], neuron.initial)
            )
            distance = torch.stack([row[0] for row in rows]) - threshold - int(fire == ">")
            spikes = lif.surrogate_function(distance * unit / 2**neuron.frac_bits)
        (spikes * weight).sum().backward()
        grads.append((spikes.detach(), currents.grad, threshold.grad, unit.grad))
    for left, right in zip(*grads, strict=True):
        assert left.abs().max() > 0
        torch.testing.assert_close(left, right)


def test_gradient_passes_saturation_and_floor():
    x = torch.tensor([[700.0, -900.0, 3.0]], requires_grad=True)
    neuron = Neuron(membrane_bits=8, frac_bits=0)
    h, _, _ = neuron.step(torch.zeros(3), x[0], torch.tensor(50.0), STRAIGHT)
    h.sum().backward()
    assert h.tolist() == [127.0, -128.0, 1.0]
    assert x.grad.tolist() == [[0.5, 0.5, 0.5]]
