"""Straight-through weight quantizers: trained weights become the integers that are exported."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from ir.errors import SpikewrightError
from ir.scheme import Scheme

# Quantization step that minimises the squared error of normally distributed weights, in units of
# their mean magnitude (found numerically; tests/sw/test_quant.py checks that each is a minimum).
_STEP = {
    "binary": 1.0,
    "ternary": 1.533,
    "u2": 1.533,
    "u3": 0.8164,
    "u4": 0.4430,
    "u5": 0.2424,
    "u6": 0.1321,
    "u7": 0.07183,
    "u8": 0.03865,
    "pot2": 1.533,
    "pot3": 0.6500,
    "pot4": 0.08218,
}


class _Nearest(torch.autograd.Function):
    """The nearest of sorted levels; the gradient passes straight through."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, levels: torch.Tensor, middles: torch.Tensor
    ) -> torch.Tensor:
        return levels[torch.bucketize(x, middles)]

    @staticmethod
    def backward(ctx: Any, *grad: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return grad[0], None, None


class _Round(torch.autograd.Function):
    """Round half to even; the gradient passes straight through."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return torch.round(x)

    @staticmethod
    def backward(ctx: Any, *grad: torch.Tensor) -> torch.Tensor:
        return grad[0]


def to_int(
    weight: torch.Tensor, scheme: Scheme, *, per_channel: bool = True
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (integers, scale): the weights are about integers x scale.

    Parameters
    ----------
    weight : float (out, ...)
    scheme : Scheme
        Every integer is one of its levels, the one nearest to weight / scale.
    per_channel : bool
        One scale for each output, or one for all.

    Returns
    -------
    integers : float (out, ...)
        Of the dtype of ``weight``; the gradient passes straight through.
    scale : float (out, 1, ...) or (1, 1, ...)
        Positive, without gradient; 1 where all weights are zero.

    Raises
    ------
    SpikewrightError
        If a weight is not finite.

    Source
    ------
    Straight-through estimator: Bengio et al. 2013. Steps: Max, "Quantizing for minimum distortion",
    1960, for a normal distribution.
    """
    if not torch.isfinite(weight).all():
        raise SpikewrightError(
            "Weights hold NaN or infinite values; only finite ones can be quantized."
        )
    magnitude = weight.detach().abs()
    axes = tuple(range(1 if per_channel else 0, weight.ndim))
    scale = magnitude.mean(axes, keepdim=True) * _STEP[scheme.name]
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    levels, middles = _levels(scheme, weight.dtype)
    return _Nearest.apply(weight / scale, levels, middles), scale


def rounded(x: torch.Tensor) -> torch.Tensor:
    """Return ``x`` rounded half to even; the gradient passes straight through."""
    return _Round.apply(x)


@cache
def _levels(scheme: Scheme, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    levels = torch.from_numpy(scheme.levels).to(dtype)
    return levels, (levels[1:] + levels[:-1]) / 2
