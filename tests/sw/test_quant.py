"""Quantizers give levels of the scheme, the nearest ones, at a good scale."""

import numpy as np
import pytest
import torch

from ir.errors import SpikewrightError
from ir.scheme import Scheme
from sw.quant import rounded, to_int

SCHEMES = [f"u{b}" for b in range(2, 9)] + [f"pot{b}" for b in range(2, 5)] + ["binary", "ternary"]


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


@pytest.mark.parametrize("name", SCHEMES)
def test_integers_are_all_levels_of_the_scheme_and_nearest(name):
    scheme = Scheme.parse(name)
    weight = normal(4, 30_000) * torch.tensor([[1e-3], [1.0], [20.0], [0.3]])
    weight[1] **= 3  # heavy tails reach the outermost levels
    integers, scale = to_int(weight, scheme)
    assert set(integers.unique().long().tolist()) == set(scheme.levels.tolist())
    distance = (weight / scale)[..., None] - torch.from_numpy(scheme.levels)
    nearest = distance.abs().min(-1).values
    torch.testing.assert_close((weight / scale - integers).abs(), nearest)


@pytest.mark.parametrize("name", SCHEMES)
def test_scale_minimises_the_error_of_normal_weights(name):
    scheme = Scheme.parse(name)
    weight = normal(1, 400_000)

    def error(scale):
        levels = torch.from_numpy(scheme.levels).double()
        middles = (levels[1:] + levels[:-1]) / 2
        quantized = levels[torch.bucketize(weight / scale, middles)] * scale
        return float(((quantized - weight) ** 2).mean())

    _, scale = to_int(weight, scheme)
    assert error(scale) < error(scale * 1.1)
    assert error(scale) < error(scale / 1.1)


def test_scales_are_per_output_or_for_all():
    weight = normal(3, 5, 2, 2) * torch.tensor([1.0, 10.0, 100.0]).view(3, 1, 1, 1)
    _, scale = to_int(weight, Scheme("u", 4))
    assert scale.shape == (3, 1, 1, 1)
    assert scale[2, 0, 0, 0] > 10 * scale[0, 0, 0, 0]
    _, scale = to_int(weight[:, :, 0, 0], Scheme("u", 4), per_channel=False)
    assert scale.shape == (1, 1)


def test_zero_rows_stay_zero():
    weight = normal(2, 8)
    weight[0] = 0
    integers, scale = to_int(weight, Scheme("pot", 3))
    assert integers[0].abs().max() == 0
    assert integers[1].abs().max() > 0
    assert scale[0] == 1


def test_gradient_passes_straight_through():
    weight = normal(2, 8).requires_grad_()
    integers, scale = to_int(weight, Scheme("u", 2))
    (integers * scale).sum().backward()
    torch.testing.assert_close(weight.grad, torch.ones_like(weight))
    x = torch.tensor([0.5, 1.5, -0.4], requires_grad=True)
    y = rounded(x)
    y.sum().backward()
    assert y.tolist() == [0.0, 2.0, 0.0]
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(value):
    weight = normal(2, 2)
    weight[0, 1] = value
    with pytest.raises(SpikewrightError, match="NaN or infinite"):
        to_int(weight, Scheme("u", 4))
