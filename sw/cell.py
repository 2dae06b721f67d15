"""The cell of the network, synapse -> batch norm -> LIF, in its three forms."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from spikingjelly.activation_based import layer
from torch import nn

from ir.neuron import Neuron
from ir.scheme import Scheme
from sw import exact
from sw.neuron import LIF
from sw.quant import rounded, to_int

MODES = ("float", "quantized", "folded")
_TINY = 1e-6


@dataclass(frozen=True)
class Folded:
    """Batch norm folded into the neuron: what the hardware holds, still with gradients.

    Parameters
    ----------
    weight : float32 (out, in, kernel, kernel)
        Integers; the sign of channels with a negative batch-norm factor is flipped.
    threshold, bias : float64 (out,)
        In units of 2^-F of a weight unit; integers in mode ``folded``.
    unit : float64 (out,)
        Float value of one weight unit at the input of the neuron, s |a|.
    """

    weight: torch.Tensor
    threshold: torch.Tensor
    bias: torch.Tensor
    unit: torch.Tensor


class Cell(nn.Module):
    """Convolution without bias, batch norm and LIF neurons; kernel 1 is a linear layer over tokens.

    Modes: ``float`` runs SpikingJelly's modules. ``quantized`` runs integer weights and the integer
    membrane; thresholds and biases follow from batch norm (batch statistics in training mode,
    running ones in evaluation mode) and are not rounded. ``folded`` runs the integers that are
    exported, with the running statistics frozen.

    Parameters
    ----------
    inputs, outputs, kernel : int
        Padding keeps the size of the map; ``kernel`` is odd.
    high : int
        Largest input value: pixel, spike or residual sum.
    scheme : Scheme
        Weight format.
    neuron : Neuron
        Integer neuron, charge ``half`` and reset ``zero``.

    Source
    ------
    Folding: SEEDS.md section 0, "Batch-norm folding without multipliers".
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, high: int, scheme: Scheme, neuron: Neuron
    ) -> None:
        super().__init__()
        self.conv = layer.Conv2d(
            inputs, outputs, kernel, padding=kernel // 2, bias=False, step_mode="m"
        )
        self.norm = layer.BatchNorm2d(outputs, step_mode="m")
        self.lif = LIF(neuron)
        self.high = high
        self.scheme = scheme
        self.mode = "float"

    def forward(self, x: torch.Tensor, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (sums, spikes).

        Parameters
        ----------
        x : float (T or 1, batch, in, height, width)
            A static input is computed once and repeated.
        steps : int
            Time steps T.

        Returns
        -------
        sums : (T or 1, batch, out, height, width)
            Integer sums before the bias; in mode ``float``, the output of batch norm.
        spikes : float (T, batch, out, height, width)
        """
        if self.mode == "float":
            sums = self.norm(self.conv(x))
            return sums, self.lif(sums.expand(steps, *sums.shape[1:]))
        weight, scale, sign = self._integers()
        flat = exact.conv2d(x.flatten(0, 1), weight, self.high, padding=self.conv.padding[0])
        if self.mode == "quantized" and self.training:
            mean, variance = self._batch_statistics(flat, scale * sign)
            folded = self._fold(weight, scale, sign, mean, variance)
        else:
            folded = self.fold()
        sums = flat.view(*x.shape[:2], *flat.shape[1:])
        return sums, integer_lif(self.lif, sums, folded, self._reach(folded), steps)

    def fold(self) -> Folded:
        """Return weights, thresholds and biases from the running statistics."""
        weight, scale, sign = self._integers()
        mean, variance = self.norm.running_mean, self.norm.running_var
        assert mean is not None
        assert variance is not None
        return self._fold(weight, scale, sign, mean.double(), variance.double())

    def _integers(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return (flipped integers, scales, signs of the batch-norm factors)."""
        weight, scale = to_int(self.conv.weight, self.scheme)
        # A factor of zero has sign zero, and with it a row of zero weights.
        sign = torch.sign(self._factor().detach())
        return weight * sign.view(-1, 1, 1, 1), scale.flatten().double(), sign.double()

    def _factor(self) -> torch.Tensor:
        """Return the factors of batch norm, none of them 0 where no weight can be 0."""
        factor = self.norm.weight
        return factor if self.scheme.has_zero else torch.where(factor == 0, _TINY, factor)

    def _batch_statistics(
        self, sums: torch.Tensor, factor: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (mean, variance) of ``factor * sums`` over the batch; move the running ones."""
        count = sums.numel() // sums.shape[1]
        mean = sums.sum((2, 3)).double().sum(0) / count
        variance = ((sums * sums).sum((2, 3)).double().sum(0) / count - mean**2).clamp(min=0)
        mean, variance = mean * factor, variance * factor**2
        norm = self.norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert norm.momentum is not None
        with torch.no_grad():
            unbiased = variance * (count / max(count - 1, 1))
            norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), norm.momentum)
            norm.running_var.lerp_(unbiased.to(norm.running_var.dtype), norm.momentum)
        return mean, variance

    def _fold(
        self,
        weight: torch.Tensor,
        scale: torch.Tensor,
        sign: torch.Tensor,
        mean: torch.Tensor,
        variance: torch.Tensor,
    ) -> Folded:
        norm, neuron = self.norm, self.lif.integer
        factor = self._factor().double() / torch.sqrt(variance + norm.eps)
        offset = norm.bias.double() - factor * mean
        unit = scale * factor.abs()
        unit = torch.where(sign == 0, torch.ones_like(unit), unit)
        one = float(1 << neuron.frac_bits)
        threshold = self.lif.v_threshold / unit * one
        bias = offset / unit * one
        if self.mode == "folded":
            threshold, bias = rounded(threshold), rounded(bias)
        # A larger bias saturates the membrane, or keeps it silent, just the same.
        limit = float(1 << neuron.membrane_bits)
        bias = bias.clamp(-limit, limit)
        beyond = self._current(weight, bias).clamp(max=neuron.membrane.high) + 1
        return Folded(weight, torch.minimum(threshold, beyond), bias, unit)

    def _current(self, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Return the largest current of every channel, at least 0, float64 (out,)."""
        sums = weight.detach().clamp(min=0).double().sum((1, 2, 3)) * self.high
        return (sums * (1 << self.lif.integer.frac_bits) + bias.detach()).clamp(min=0).ceil()

    def _reach(self, folded: Folded) -> float:
        """Return a bound of every number that the membrane computes."""
        sums = folded.weight.detach().abs().double().sum((1, 2, 3)) * self.high
        current = sums * (1 << self.lif.integer.frac_bits) + folded.bias.detach().abs()
        return reach(self.lif.integer, float(current.max()))


def reach(neuron: Neuron, current: float) -> float:
    """Return a bound of |v + i| and of |h - threshold| for currents up to ``current``."""
    assert (neuron.charge, neuron.reset) == ("half", "zero")
    return 2 * max(current, abs(neuron.initial)) + 2


def integer_lif(
    lif: LIF, sums: torch.Tensor, folded: Folded, bound: float, steps: int
) -> torch.Tensor:
    """Return the spikes of integer neurons, (T, batch, out, height, width).

    Parameters
    ----------
    sums : (T or 1, batch, out, height, width)
        Integers.
    folded : Folded
    bound : float
        Largest magnitude that the membrane computes; decides between float32 and float64.
    """
    dtype = exact.dtype_for(bound)
    one = float(1 << lif.integer.frac_bits)
    # Constants as whole maps: broadcasting over small maps would cost most of the time.
    threshold, bias, unit = (
        constants.to(dtype).view(-1, 1, 1).expand(sums.shape[2:]).contiguous()
        for constants in (folded.threshold, folded.bias, folded.unit)
    )
    currents = sums.to(dtype) * one + bias
    spikes = lif(currents.expand(steps, *currents.shape[1:]), threshold, unit)
    return spikes.to(torch.float32)


def fixed(lif: LIF, channels: int, scale: float) -> Folded:
    """Return the constants of neurons without batch norm, behind the attention.

    Parameters
    ----------
    scale : float
        Float value of one unit of the attention, a power of two up to 1.
    """
    # Sums are integers, so rounding up changes no spike where 2^F is too coarse.
    threshold = math.ceil(lif.v_threshold / scale * (1 << lif.integer.frac_bits))
    full = torch.full((channels,), float(threshold), dtype=torch.float64)
    zero = torch.zeros_like(full)
    return Folded(torch.empty(0), full, zero, torch.full_like(full, scale))
