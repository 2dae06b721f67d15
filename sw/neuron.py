"""SpikingJelly's LIF neuron with the integer membrane of ``ir.neuron``, and its operations."""

from __future__ import annotations

from typing import Any

import torch
from spikingjelly.activation_based import neuron, surrogate

from ir.neuron import Neuron


class TorchOps:
    """Operations on integer tensors."""

    def floor_shift(self, x: Any, k: int) -> Any:
        return x >> k

    def clamp(self, x: Any, low: int, high: int) -> Any:
        return torch.clamp(x, low, high)

    def fires(self, h: Any, threshold: Any, fire: str) -> Any:
        return (h >= threshold if fire == ">=" else h > threshold).to(h.dtype)


class _FloorShift(torch.autograd.Function):
    """floor(x / 2^k); the gradient is that of x / 2^k."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, k: int) -> torch.Tensor:
        ctx.scale = 0.5**k
        return torch.floor(x * ctx.scale)

    @staticmethod
    def backward(ctx: Any, *grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        return grad[0] * ctx.scale, None


class _Clamp(torch.autograd.Function):
    """Limit to low..high; the gradient passes straight through."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, low: int, high: int) -> torch.Tensor:
        return x.clamp(low, high)

    @staticmethod
    def backward(ctx: Any, *grad: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return grad[0], None, None


class StraightOps:
    """Operations on float tensors that hold integers; gradients pass straight through.

    ``fires`` gives no gradient: the reset is detached, as SpikingJelly's ``detach_reset`` does, and
    :class:`LIF` applies the surrogate gradient to the membranes of all steps at once.
    """

    def floor_shift(self, x: Any, k: int) -> Any:
        return _FloorShift.apply(x, k)

    def clamp(self, x: Any, low: int, high: int) -> Any:
        return _Clamp.apply(x, low, high)

    def fires(self, h: Any, threshold: Any, fire: str) -> Any:
        h, threshold = h.detach(), threshold.detach()
        return (h >= threshold if fire == ">=" else h > threshold).to(h.dtype)


TORCH = TorchOps()
STRAIGHT = StraightOps()


class LIF(neuron.LIFNode):
    """SpikingJelly's LIF neuron, tau = 2, which can also run on the integer membrane.

    ``lif(x)`` is the float neuron of SpikingJelly. ``lif(currents, threshold, unit)`` executes
    :meth:`ir.neuron.Neuron.step`; the surrogate gradient sees the same distance to the threshold
    as the float neuron, (h - threshold) unit / 2^F.

    Parameters
    ----------
    integer : Neuron
        Integer neuron; charge ``half``, reset ``zero`` match SpikingJelly's.
    v_threshold : float
        Float threshold theta: 1, or 0.5 behind the attention.

    Source
    ------
    SpikingJelly 2.0, ``activation_based.neuron.LIFNode`` with ``decay_input``.
    """

    def __init__(self, integer: Neuron, v_threshold: float = 1.0) -> None:
        super().__init__(
            tau=2.0,
            decay_input=True,
            v_threshold=v_threshold,
            v_reset=0.0,
            surrogate_function=surrogate.ATan(),
            detach_reset=True,
            step_mode="m",
        )
        self.integer = integer
        self.membranes: torch.Tensor | None = None

    def multi_step_forward(
        self,
        x_seq: torch.Tensor,
        threshold: torch.Tensor | None = None,
        unit: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return spikes, float (T, ...).

        Parameters
        ----------
        x_seq : float (T, ...)
            Input; with ``threshold``, currents in units of 2^-F of a weight unit.
        threshold, unit : float, broadcastable to ``x_seq[0]``
            Threshold in the units of the currents; float value of one weight unit.
        """
        if threshold is None or unit is None:
            return super().multi_step_forward(x_seq)
        v = torch.full_like(x_seq[0], self.integer.initial)
        membranes = []
        for i in x_seq.unbind(0):
            h, _, v = self.integer.step(v, i, threshold, STRAIGHT)
            membranes.append(h)
        stacked = torch.stack(membranes)
        self.membranes = stacked.detach()
        # The surrogate fires on >= 0; integers exceed a threshold when they reach the next one.
        distance = stacked - (threshold if self.integer.fire == ">=" else threshold + 1)
        return self.surrogate_function(distance * (unit * 0.5**self.integer.frac_bits))
