"""Layers of the integer network: frozen descriptions that know their shapes and ranges.

Data between layers are integers of shape (steps, positions, channels); positions run row by row
over a height x width map (tokens are the positions of a small map). ``steps`` is 1 on a *static*
edge (an image that does not change in time, and the currents it causes) and T elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from ir.errors import SpikewrightError
from ir.neuron import Neuron
from ir.scheme import Scheme
from ir.types import IntType


@dataclass(frozen=True)
class Edge:
    """Shape and range of what flows out of a layer.

    Parameters
    ----------
    channels, height, width : int
    steps : int
        1 for a static edge, T otherwise.
    type : IntType
        Range of one element.
    """

    channels: int
    height: int
    width: int
    steps: int
    type: IntType

    @property
    def positions(self) -> int:
        """Pixels or tokens, height x width."""
        return self.height * self.width


@dataclass(frozen=True, eq=False)
class Layer:
    """Something with a name, named inputs, and one output edge."""

    kind: ClassVar[str] = ""
    arrays: ClassVar[tuple[str, ...]] = ()

    name: str
    inputs: tuple[str, ...]

    def edge(self, inputs: tuple[Edge, ...], steps: int) -> Edge:
        """Return the output edge for the given input edges.

        Raises
        ------
        SpikewrightError
            If the shapes or ranges of the inputs do not fit the layer.
        """
        raise NotImplementedError

    def refuse(self, reason: str) -> SpikewrightError:
        """Return the refusal of this layer for ``reason``."""
        return SpikewrightError(f"Layer {self.name} ({self.kind}) {reason}.")


@dataclass(frozen=True, eq=False)
class Input(Layer):
    """Source of samples: raw unsigned pixels or counts, uint (steps, positions, channels).

    Parameters
    ----------
    shape : tuple of int
        (channels, height, width).
    high : int
        Largest pixel value, 1..65535.
    moving : bool
        Whether a sample is a frame per time step, instead of one image that stands still.
    """

    kind: ClassVar[str] = "input"

    shape: tuple[int, int, int]
    high: int
    moving: bool = False

    def edge(self, inputs: tuple[Edge, ...], steps: int) -> Edge:
        if len(self.shape) != 3 or min(self.shape) < 1 or max(self.shape) > 4096:
            raise self.refuse(f"has shape {self.shape}; allowed are three sizes of 1..4096")
        if not 1 <= self.high <= 65535:
            raise self.refuse(f"has largest value {self.high}; allowed are 1..65535")
        return Edge(*self.shape, steps if self.moving else 1, IntType(0, self.high))


@dataclass(frozen=True, eq=False)
class Synapse(Layer):
    """Weights of a convolution; a linear layer is the convolution of kernel 1 over tokens.

    Output: currents, sum over taps and input channels of weight x activation; padding counts as 0.

    Parameters
    ----------
    scheme : Scheme
        Weight format; every weight is one of its levels.
    weight : int8 or int16 (out, in, kernel, kernel)
        Decoded integers.
    stride, padding : int
        ``2 * padding < kernel``.
    """

    kind: ClassVar[str] = "synapse"
    arrays: ClassVar[tuple[str, ...]] = ("weight",)

    scheme: Scheme
    weight: np.ndarray
    stride: int = 1
    padding: int = 0

    @property
    def kernel(self) -> int:
        """Side of the square kernel."""
        return int(self.weight.shape[2])

    @property
    def fan_in(self) -> int:
        """Inputs of one output."""
        return int(np.prod(self.weight.shape[1:]))

    @cached_property
    def _reach(self) -> tuple[np.ndarray, np.ndarray]:
        """Sums of the positive weights of each output, and of the negative ones without sign."""
        weight = self.weight.reshape(self.weight.shape[0], -1)
        positive = np.maximum(weight, 0).sum(1, dtype=np.int64)
        return positive, positive - weight.sum(1, dtype=np.int64)

    def sum_type(self, activation: IntType) -> IntType:
        """Return the range of the sums from the worst case of the very weights."""
        positive, negative = self._reach
        up, down = max(0, activation.high), max(0, -activation.low)
        high = (positive * up + negative * down).max(initial=0)
        low = -(positive * down + negative * up).max(initial=0)
        return IntType(int(low), int(high))

    def edge(self, inputs: tuple[Edge, ...], steps: int) -> Edge:
        (source,) = inputs
        if self.weight.ndim != 4 or self.weight.shape[2] != self.weight.shape[3]:
            raise self.refuse(
                f"has weights of shape {self.weight.shape}; allowed is (out, in, kernel, kernel)"
            )
        if self.weight.shape[1] != source.channels:
            raise self.refuse(
                f"takes {self.weight.shape[1]} channels but its input has {source.channels}"
            )
        height, width = map_size(self, source, self.kernel, self.stride, self.padding)
        return Edge(self.weight.shape[0], height, width, source.steps, self.sum_type(source.type))


@dataclass(frozen=True, eq=False)
class LIF(Layer):
    """Leaky integrate-and-fire neurons, one per position and channel; output: spikes.

    The current of a step is ``(sum << frac_bits) + bias``. A static input is repeated T times.

    Parameters
    ----------
    neuron : Neuron
    threshold, bias : int64 (channels,)
        In units of 2^-frac_bits of a weight unit.
    """

    kind: ClassVar[str] = "lif"
    arrays: ClassVar[tuple[str, ...]] = ("threshold", "bias")

    neuron: Neuron
    threshold: np.ndarray
    bias: np.ndarray

    def edge(self, inputs: tuple[Edge, ...], steps: int) -> Edge:
        (source,) = inputs
        for noun in self.arrays:
            shape = getattr(self, noun).shape
            if shape != (source.channels,):
                raise self.refuse(f"has {noun} of shape {shape}; allowed is ({source.channels},)")
        return Edge(source.channels, source.height, source.width, steps, IntType(0, 1))


@dataclass(frozen=True, eq=False)
class MaxPool(Layer):
    """Maximum over square windows (for spikes: OR); padding is ignored, below every value.

    Parameters
    ----------
    kernel, stride, padding : int
        ``2 * padding < kernel``.
    """

    kind: ClassVar[str] = "max_pool"

    kernel: int
    stride: int
    padding: int

    def edge(self, inputs: tuple[Edge, ...], steps: int) -> Edge:
        (source,) = inputs
        height, width = map_size(self, source, self.kernel, self.stride, self.padding)
        return Edge(source.channels, height, width, source.steps, source.type)


@dataclass(frozen=True, eq=False)
class Add(Layer):
    """Integer residual sum of two inputs of one shape."""

    kind: ClassVar[str] = "add"

    def edge(self, inputs: tuple[Edge, ...], steps: int) -> Edge:
        a, b = inputs
        if (a.channels, a.height, a.width, a.steps) != (b.channels, b.height, b.width, b.steps):
            raise self.refuse(f"adds {a} and {b}; allowed are equal shapes")
        return Edge(a.channels, a.height, a.width, a.steps, a.type + b.type)


@dataclass(frozen=True, eq=False)
class ShiftAdd(Layer):
    """Sum of two inputs of one shape whose scales differ by powers of two, per channel.

    Output: ``(a << shifts[0]) + (b << shifts[1])``, for currents of several layers that meet before
    a neuron (membrane shortcut).

    Parameters
    ----------
    shifts : int64 (2, channels)
        0..15.

    Source
    ------
    Spikingformer (Zhou et al., 2023) adds currents; one scale per channel makes the sum exact.
    """

    kind: ClassVar[str] = "shift_add"
    arrays: ClassVar[tuple[str, ...]] = ("shifts",)

    shifts: np.ndarray

    def sum_type(self, a: IntType, b: IntType, shifts: np.ndarray | None = None) -> IntType:
        """Return the range of the sums for the very shifts, or for others, int (2, any)."""
        left, right = (1 << (self.shifts if shifts is None else shifts).astype(np.int64)).tolist()
        lows = [a.low * x + b.low * y for x, y in zip(left, right, strict=True)]
        highs = [a.high * x + b.high * y for x, y in zip(left, right, strict=True)]
        return IntType(min(lows), max(highs))

    def edge(self, inputs: tuple[Edge, ...], steps: int) -> Edge:
        a, b = inputs
        if (a.channels, a.height, a.width, a.steps) != (b.channels, b.height, b.width, b.steps):
            raise self.refuse(f"adds {a} and {b}; allowed are equal shapes")
        if self.shifts.shape != (2, a.channels):
            raise self.refuse(
                f"has shifts of shape {self.shifts.shape}; allowed is (2, {a.channels})"
            )
        return Edge(a.channels, a.height, a.width, a.steps, self.sum_type(a.type, b.type))


@dataclass(frozen=True, eq=False)
class Attention(Layer):
    """Spiking attention without softmax: q (k^T v) per head and step, an exact integer.

    Inputs are the spikes q, k, v; head h owns channels h D..(h + 1) D - 1. The scale, a power of
    two, belongs to the threshold of the neuron that follows.

    Parameters
    ----------
    heads : int
        H; divides the channels.

    Source
    ------
    Spikformer (Zhou et al., 2023), spiking self-attention.
    """

    kind: ClassVar[str] = "attention"

    heads: int

    def edge(self, inputs: tuple[Edge, ...], steps: int) -> Edge:
        q, k, v = inputs
        if not (q == k == v) or not q.type.binary:
            raise self.refuse(f"attends over {q}, {k} and {v}; allowed are spikes of equal shape")
        if self.heads < 1 or q.channels % self.heads:
            raise self.refuse(f"has {self.heads} heads; allowed are divisors of {q.channels}")
        high = q.positions * (q.channels // self.heads)
        return Edge(q.channels, q.height, q.width, q.steps, IntType(0, high))


@dataclass(frozen=True, eq=False)
class Readout(Layer):
    """Classifier: integer sum over time and positions, then a linear head; output: logits.

    The label is the index of the largest logit, the lowest one of equals.

    Parameters
    ----------
    scheme : Scheme
    weight : int8 or int16 (classes, channels)
    bias : int64 (classes,)
        Already multiplied by T x positions.
    """

    kind: ClassVar[str] = "readout"
    arrays: ClassVar[tuple[str, ...]] = ("weight", "bias")

    scheme: Scheme
    weight: np.ndarray
    bias: np.ndarray

    def edge(self, inputs: tuple[Edge, ...], steps: int) -> Edge:
        (source,) = inputs
        if self.weight.ndim != 2 or self.weight.shape[1] != source.channels:
            raise self.refuse(
                f"has weights of shape {self.weight.shape}; allowed is (classes, {source.channels})"
            )
        if self.bias.shape != self.weight.shape[:1]:
            raise self.refuse(
                f"has bias of shape {self.bias.shape}; allowed is ({self.weight.shape[0]},)"
            )
        total = source.type.times(source.steps * source.positions)
        weight = self.weight.astype(np.int64)
        ends = np.stack([weight * total.low, weight * total.high])
        low = int((ends.min(0).sum(1) + self.bias).min())
        high = int((ends.max(0).sum(1) + self.bias).max())
        return Edge(self.weight.shape[0], 1, 1, 1, IntType(low, high))


KINDS: dict[str, type[Layer]] = {
    cls.kind: cls for cls in (Input, Synapse, LIF, MaxPool, Add, ShiftAdd, Attention, Readout)
}


def map_size(layer: Layer, source: Edge, kernel: int, stride: int, padding: int) -> tuple[int, int]:
    """Return (height, width) of a sliding-window output.

    Raises
    ------
    SpikewrightError
        If kernel, stride or padding are illegal or the window does not fit the map.
    """
    if kernel < 1 or stride < 1 or padding < 0 or 2 * padding >= kernel:
        raise layer.refuse(
            f"has kernel {kernel}, stride {stride}, padding {padding}; allowed are kernel and "
            f"stride of at least 1 and 0 <= 2 * padding < kernel"
        )
    height = (source.height + 2 * padding - kernel) // stride + 1
    width = (source.width + 2 * padding - kernel) // stride + 1
    if source.height + 2 * padding < kernel or source.width + 2 * padding < kernel:
        raise layer.refuse(
            f"has kernel {kernel} and padding {padding}, too large for a "
            f"{source.height} x {source.width} map"
        )
    return height, width
