"""SpikingJelly's LIF neuron with the integer membrane of ``ir.neuron``, and its operations."""

from __future__ import annotations

import math
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
        return (x * ctx.scale).floor_()

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
    the surrogate gradient is applied to the membranes of all steps at once.
    """

    def floor_shift(self, x: Any, k: int) -> Any:
        return _FloorShift.apply(x, k)

    def clamp(self, x: Any, low: int, high: int) -> Any:
        return _Clamp.apply(x, low, high)

    def fires(self, h: Any, threshold: Any, fire: str) -> Any:
        h, threshold = h.detach(), threshold.detach()
        # Booleans that become floats would take several times as long.
        spikes = h.new_empty(torch.broadcast_shapes(h.shape, threshold.shape))
        return (torch.ge if fire == ">=" else torch.gt)(h, threshold, out=spikes)


class _ForwardOps(StraightOps):
    """The same without gradients; what a step has just computed is overwritten."""

    def floor_shift(self, x: Any, k: int) -> Any:
        return (x * 0.5**k).floor_()

    def clamp(self, x: Any, low: int, high: int) -> Any:
        return x.clamp_(low, high)


TORCH = TorchOps()
STRAIGHT = StraightOps()
_FORWARD = _ForwardOps()


class _Sequence(torch.autograd.Function):
    """All steps of :meth:`ir.neuron.Neuron.step` at once, (spikes, membranes).

    The gradient is the one that automatic differentiation finds through :data:`STRAIGHT` and the
    surrogate function, without keeping the tensors of every operation; a test compares them.
    """

    @staticmethod
    def forward(
        ctx: Any,
        currents: torch.Tensor,
        threshold: torch.Tensor,
        unit: torch.Tensor,
        integer: Neuron,
        alpha: float,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        v = torch.full_like(currents[0], integer.initial)
        spikes, membranes = torch.empty_like(currents), torch.empty_like(currents)
        for t, i in enumerate(currents.unbind(0)):
            membranes[t], spikes[t], v = integer.step(v, i, threshold, _FORWARD)
        ctx.save_for_backward(spikes, membranes, threshold, unit)
        ctx.integer, ctx.alpha = integer, alpha
        ctx.mark_non_differentiable(membranes)
        return spikes, membranes

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        spikes, membranes, threshold, unit = ctx.saved_tensors
        integer: Neuron = ctx.integer
        scale = unit * 0.5**integer.frac_bits
        distance = membranes - threshold
        if integer.fire == ">":
            distance -= 1
        of_distance = _atan_slope(distance * scale, ctx.alpha).mul_(grads[0])
        of_unit = torch.sum(distance.mul_(of_distance), 0).mul_(0.5**integer.frac_bits)
        of_membrane = of_distance.mul_(scale)
        of_threshold = -torch.sum(of_membrane, 0)
        of_currents = torch.empty_like(membranes)
        keeps_current, keeps_v = {
            "half": (0.5, 0.5),
            "shift": (1.0, 1 - 0.5**integer.leak_shift),
            "none": (1.0, 1.0),
        }[integer.charge]
        of_v = torch.zeros_like(membranes[0])
        for t in reversed(range(len(membranes))):
            if integer.reset == "zero":
                of_v.addcmul_(of_v, spikes[t], value=-1)
            elif integer.reset == "subtract":
                of_threshold.addcmul_(of_v, spikes[t], value=-1)
            of_v += of_membrane[t]
            torch.mul(of_v, keeps_current, out=of_currents[t])
            of_v *= keeps_v
        return (
            of_currents,
            of_threshold.sum_to_size(threshold.shape),
            of_unit.sum_to_size(unit.shape),
            None,
            None,
        )


class _FloatSequence(torch.autograd.Function):
    """All steps of SpikingJelly's LIF neuron, tau = 2, from rest; its spikes and its gradient."""

    @staticmethod
    def forward(ctx: Any, currents: torch.Tensor, threshold: float, alpha: float) -> torch.Tensor:
        spikes, distance = torch.empty_like(currents), torch.empty_like(currents)
        v = torch.zeros_like(currents[0])
        for t, i in enumerate(currents.unbind(0)):
            h = distance[t]
            torch.sub(i, v, out=h)
            h.mul_(0.5).add_(v)
            torch.ge(h, threshold, out=spikes[t])
            torch.addcmul(h, h, spikes[t], value=-1, out=v)
            h -= threshold
        ctx.save_for_backward(spikes, distance)
        ctx.alpha = alpha
        return spikes

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        spikes, distance = ctx.saved_tensors
        of_membrane = _atan_slope(distance.clone(), ctx.alpha).mul_(grads[0])
        of_v = torch.zeros_like(of_membrane[0])
        for t in reversed(range(len(of_membrane))):
            of_v.addcmul_(of_v, spikes[t], value=-1)
            of_v.add_(of_membrane[t]).mul_(0.5)
            of_membrane[t] = of_v
        return of_membrane, None, None


def _atan_slope(distance: torch.Tensor, alpha: float) -> torch.Tensor:
    """Return alpha/2 / (1 + (pi/2 alpha x)^2), the slope of SpikingJelly's surrogate, in place.

    Memory traffic is what training takes its time for.
    """
    distance.mul_(math.pi / 2 * alpha).square_().add_(1).reciprocal_()
    return distance.mul_(alpha / 2)


class LIF(neuron.LIFNode):
    """SpikingJelly's LIF neuron, tau = 2, which can also run on the integer membrane.

    ``lif(x)`` computes what SpikingJelly's float neuron does from rest. ``lif(currents, threshold,
    unit)`` executes :meth:`ir.neuron.Neuron.step`; the surrogate gradient sees the same distance to
    the threshold as the float neuron, (h - threshold) unit / 2^F.

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
            return _FloatSequence.apply(x_seq, self.v_threshold, self.surrogate_function.alpha)
        spikes, self.membranes = _Sequence.apply(
            x_seq, threshold, unit, self.integer, self.surrogate_function.alpha
        )
        return spikes
