"""Mixed weights: the one convolution equals the sum of the branches, in value and gradient."""

import pytest
import torch
from torch.nn import functional

from ir.scheme import Scheme
from sw import config, gumbel
from sw.build import build
from sw.mixture import Mixture, attach, learned
from sw.quant import to_int

OPTIONS = ("fp32", "pot2", "pot4", "u2", "u4")


def branch(weight, name, per_channel=True):
    """Return the weights in one format, with a straight-through gradient."""
    if name == "fp32":
        return weight
    integers, scale = to_int(weight, Scheme.parse(name), per_channel=per_channel)
    return integers * scale


@pytest.fixture
def weight():
    return torch.randn(5, 3, 3, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("per_channel", [True, False])
def test_one_convolution_equals_the_sum_of_branches(weight, per_channel):
    x = torch.rand(2, 3, 6, 6, generator=torch.Generator().manual_seed(1))
    aim = torch.randn(2, 5, 6, 6, generator=torch.Generator().manual_seed(2))
    found = []
    for mixed in (True, False):
        w, p = weight.clone().requires_grad_(), torch.tensor([0.1, 0.3, 0.2, 0.15, 0.25])
        p.requires_grad_()
        if mixed:
            mixture = Mixture(OPTIONS, per_channel=per_channel)
            mixture.drawn = p
            y = functional.conv2d(x, mixture(w), padding=1)
        else:
            y = sum(
                p[k] * functional.conv2d(x, branch(w, name, per_channel), padding=1)
                for k, name in enumerate(OPTIONS)
            )
        ((y - aim) ** 2).sum().backward()
        found.append((y.detach(), w.grad, p.grad))
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("name", OPTIONS)
def test_a_hard_draw_gives_the_very_weights_of_the_format(weight, name):
    mixture = Mixture(OPTIONS, per_channel=True)
    mixture.drawn = torch.tensor([float(name == other) for other in OPTIONS])
    assert torch.equal(mixture(weight), branch(weight, name))


def test_formats_of_equal_levels_are_quantized_once():
    assert Mixture(OPTIONS, per_channel=True).distinct == ["fp32", "pot2", "pot4", "u4"]


def test_draws_come_from_the_alphas(weight):
    mixture = Mixture(OPTIONS, per_channel=True)
    mixture.alpha.data = torch.tensor([0.0, 1.0, 3.0, 0.5, 0.2])
    assert mixture.choice == "pot4"
    assert torch.equal(mixture.probabilities, mixture.alpha.data.softmax(0))
    mixture.draw(2.0, torch.Generator().manual_seed(4), hard=False)
    again = gumbel.sample(mixture.alpha, 2.0, torch.Generator().manual_seed(4), hard=False)
    assert torch.equal(mixture.drawn, again)
    mixture(weight).sum().backward()
    assert mixture.alpha.grad.abs().max() > 0


@pytest.mark.parametrize("fixture", ["tiny", "small_mlp"])
def test_every_layer_with_weights_takes_part(fixture, request, space):
    settings = request.getfixturevalue(fixture)
    first = settings.model.synapses[0]
    settings = config.parse(
        settings.model_dump(mode="json") | {"search": space | {"pinned": {first: "u8"}}}
    )
    model = build(settings, 10)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    mixtures = attach(model, settings.search)
    assert tuple(mixtures) == settings.model.synapses
    assert mixtures[first].options == ("u8",)
    assert mixtures["head"].per_channel is False
    after = learned(model)
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
