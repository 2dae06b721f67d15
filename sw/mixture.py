"""Weights in several formats at once: mixed by probabilities, then convolved once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from ir.energy import FLOAT
from ir.scheme import Scheme
from sw import gumbel
from sw.model import Model
from sw.quant import to_int
from sw.space import Search


class _Mix(torch.autograd.Function):
    """Sum of p_k W_k; the gradient passes straight through the quantizers to the weight."""

    @staticmethod
    def forward(
        ctx: Any, weight: torch.Tensor, probabilities: torch.Tensor, formats: torch.Tensor
    ) -> torch.Tensor:
        ctx.save_for_backward(formats)
        return torch.tensordot(probabilities, formats, 1)

    @staticmethod
    def backward(ctx: Any, *grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (formats,) = ctx.saved_tensors
        of_weight = grad[0] if ctx.needs_input_grad[0] else None
        of_p = formats.flatten(1) @ grad[0].flatten() if ctx.needs_input_grad[1] else None
        return of_weight, of_p, None


class Mixture(nn.Module):
    """Parametrization of a weight tensor by a choice among formats.

    Layers are linear in their weights, so sum_k p_k f(x; W_k) = f(x; sum_k p_k W_k).

    Parameters
    ----------
    options : sequence of str
        Schemes, or ``fp32``.
    per_channel : bool
        Scales as in :func:`sw.quant.to_int`.
    """

    def __init__(self, options: Sequence[str], *, per_channel: bool) -> None:
        super().__init__()
        self.options = tuple(options)
        self.per_channel = per_channel
        self.alpha = nn.Parameter(torch.zeros(len(self.options)))
        self.drawn = self.probabilities
        # Formats of equal levels, such as u2 and pot2, are quantized once.
        levels = [_levels(name) for name in self.options]
        self.distinct = [self.options[levels.index(found)] for found in dict.fromkeys(levels)]
        alike = [[found == _levels(name) for found in levels] for name in self.distinct]
        self.alike = torch.tensor(alike, dtype=torch.float32)

    @property
    def probabilities(self) -> torch.Tensor:
        """Probabilities without noise, softmax(alpha), without gradient, float (options,)."""
        return self.alpha.detach().softmax(0)

    @property
    def choice(self) -> str:
        """The most probable format."""
        return self.options[int(self.alpha.argmax())]

    def draw(self, temperature: float, generator: torch.Generator, *, hard: bool) -> None:
        """Draw the probabilities with which the weights are mixed from now on."""
        self.drawn = gumbel.sample(self.alpha, temperature, generator, hard=hard)

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """Return the mixed weights, of the shape of ``weight``."""
        with torch.no_grad():
            formats = torch.stack([self.formatted(weight, name) for name in self.distinct])
        mixed: torch.Tensor = _Mix.apply(weight, self.alike @ self.drawn, formats)
        return mixed

    def formatted(self, weight: torch.Tensor, name: str) -> torch.Tensor:
        """Return the weights in one format, integers times scale."""
        if name == FLOAT:
            return weight
        integers, scale = to_int(weight, Scheme.parse(name), per_channel=self.per_channel)
        return integers * scale


def _levels(name: str) -> tuple[int, ...]:
    return () if name == FLOAT else tuple(Scheme.parse(name).levels.tolist())


def attach(model: Model, space: Search) -> dict[str, Mixture]:
    """Let every layer with weights mix its formats; return the mixtures by layer name."""
    found = {}
    parts = [(name, cell.conv, True) for name, cell in model.synapses()]
    for name, part, per_channel in [*parts, ("head", model.head.linear, False)]:
        found[name] = Mixture(space.options(name), per_channel=per_channel)
        parametrize.register_parametrization(part, "weight", found[name])
    return found


def learned(model: Model) -> dict[str, torch.Tensor]:
    """Return the state of a model with mixtures as that of one without: the unmixed weights."""
    return {
        name.replace("parametrizations.weight.original", "weight"): tensor
        for name, tensor in model.state_dict().items()
        if not name.endswith(".alpha")
    }
