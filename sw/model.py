"""What all kinds of models share: three forms, a trace, and a linear head on sums of spikes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import torch
from spikingjelly.activation_based import layer
from torch import nn

from sw import exact
from sw.cell import MODES, Cell
from sw.quant import rounded, to_int
from sw.sections import Quantization

Trace = dict[str, torch.Tensor]


class Model(nn.Module):
    """A network in one of three forms, which all its parts share.

    Parameters
    ----------
    steps : int
        Time steps T.

    Examples
    --------
    ``model.mode = "folded"; model.eval()`` makes the model equal to the integer network that
    :func:`sw.export.convert` returns, spike for spike.
    """

    head: Head

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps
        self._mode = MODES[0]

    @property
    def mode(self) -> str:
        """Form of the network: ``float``, ``quantized`` or ``folded``."""
        return self._mode

    @mode.setter
    def mode(self, mode: str) -> None:
        if mode not in MODES:
            raise ValueError(f"Mode is {mode!r}; allowed are {', '.join(MODES)}.")
        self._mode = mode
        for part in self._parts():
            part.mode = mode

    def _parts(self) -> Iterator[Any]:
        """Yield the modules below this one that have a form."""
        for part in self.modules():
            if part is not self and hasattr(part, "mode"):
                yield cast("Any", part)

    def synapses(self) -> Iterator[tuple[str, Cell]]:
        """Yield name in the integer network and cell of every layer with weights but the head."""
        raise NotImplementedError

    def forward(self, images: torch.Tensor, trace: Trace | None = None) -> torch.Tensor:
        """Return logits, float (batch, classes).

        Parameters
        ----------
        images : uint8 (batch, channels, height, width), or (batch, T, ...) where they move
        trace : dict, optional
            Filled with the output of every layer by its name in the integer network, each
            (batch, T or 1, positions, channels).
        """
        raise NotImplementedError


class Head(nn.Module):
    """Linear classifier on the sum over tokens and time; one weight scale for all classes."""

    def __init__(self, channels: int, classes: int, high: int, quantization: Quantization) -> None:
        super().__init__()
        self.linear = layer.Linear(channels, classes)
        self.scheme = quantization.scheme("head")
        self.high = high
        self.mode = "float"

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (logits of float scale, integer logits), both (batch, classes)."""
        count = x.shape[0] * x.shape[3] * x.shape[4]
        total = x.sum((0, 3, 4))
        if self.mode == "float":
            logits = self.linear(total / count)
            return logits, logits
        weight, bias, scale = self.fold(count)
        sums = exact.conv2d(total[..., None, None], weight[..., None, None], self.high * count)
        whole = sums.flatten(1).double() + bias
        return (whole * (scale / count)).float(), whole

    def fold(self, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return (integer weights, bias, scale) for sums over ``count`` = T x N values."""
        weight, scale = to_int(self.linear.weight, self.scheme, per_channel=False)
        bias = self.linear.bias.double() / scale.double().flatten() * count
        return weight, rounded(bias) if self.mode == "folded" else bias, scale.double().flatten()


def frames(images: torch.Tensor) -> torch.Tensor:
    """Return images as frames, float32 (T or 1, batch, channels, height, width)."""
    whole = images.to(torch.float32)
    return whole.transpose(0, 1) if images.ndim == 5 else whole[None]


def record(trace: Trace | None, name: str, x: torch.Tensor) -> None:
    """Note in ``trace`` what layer ``name`` put out, (T or 1, batch, channels, height, width)."""
    if trace is not None:
        trace[name] = x.detach().flatten(3).permute(1, 0, 3, 2)
