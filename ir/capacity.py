"""Capacity: which layers' weights stay on the chip, which must stream, and at what rate.

A bound from the weights alone, known before training and before any fold: whatever is built, every
weight that does not stay on the chip crosses the external memory's bus once for each frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ir.layers import Readout, Synapse
from ir.mapping import block
from ir.network import Network
from ir.usage import Usage

_LUT_BITS = {"xc7": 64}
"""Bits that a LUT holds as read-only memory; 16 where nothing else is said."""


@dataclass(frozen=True)
class Memory:
    """A memory that can hold weights.

    Parameters
    ----------
    name : str
    bytes : int
    bytes_per_second : int
        Peak rate of reading.
    """

    name: str
    bytes: int
    bytes_per_second: int


@dataclass(frozen=True)
class Weights:
    """The weights of one layer.

    Parameters
    ----------
    layer, format : str
    bits : int
        Size [bit] as packed codes.
    cumulative_bits : int
        What stays on the chip of this layer and those before it [bit].
    streams : bool
        Whether they do not fit beside those before, and come from external memory.
    """

    layer: str
    format: str
    bits: int
    cumulative_bits: int
    streams: bool


@dataclass(frozen=True)
class Rate:
    """What a memory allows.

    Parameters
    ----------
    memory : Memory
    bits : int
        What is read of it for each frame [bit].
    fits : bool
        Whether it holds that.
    """

    memory: Memory
    bits: int
    fits: bool

    @property
    def frames_per_second(self) -> float | None:
        """Frames for whose weights its rate suffices [1/s]; None where it holds too little or none.

        Examples
        --------
        >>> Rate(Memory("SDRAM", 1000, 500), 4000, True).frames_per_second
        1.0
        """
        return self.memory.bytes_per_second * 8 / self.bits if self.fits and self.bits else None


@dataclass(frozen=True)
class Capacity:
    """Where the weights of a network lie.

    Parameters
    ----------
    weights : tuple of Weights
        In network order.
    rates : tuple of Rate
        Of the chip first, then of each external memory, as if it alone were used.
    """

    weights: tuple[Weights, ...]
    rates: tuple[Rate, ...]

    @property
    def bits(self) -> int:
        """Size [bit] of all weights."""
        return sum(each.bits for each in self.weights)

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of the layers whose weights stream."""
        return tuple(each.layer for each in self.weights if each.streams)


def on_chip(fabric: str, blocks: int, clock_hz: float) -> Memory:
    """Return block RAMs as one memory, each read through one port as wide as it gets.

    Examples
    --------
    >>> on_chip("ecp5", 2, 10e6)
    Memory(name='block RAM', bytes=4608, bytes_per_second=90000000)
    """
    width, depth = block(fabric)
    return Memory("block RAM", blocks * width * depth // 8, round(blocks * width * clock_hz / 8))


def ceiling(fabric: str, budget: Usage) -> int:
    """Return the bits that a budget holds with every LUT a read-only memory: more never fit.

    Examples
    --------
    >>> ceiling("ice40", Usage(lut=100, block_ram=1))
    5696
    """
    width, depth = block(fabric)
    return budget.block_ram * width * depth + budget.lut * _LUT_BITS.get(fabric, 16)


def capacity(
    network: Network, chip: Memory, external: Sequence[Memory] = (), *, resident: bool = False
) -> Capacity:
    """Return which weights stay on the chip and how often a second the others can be read.

    Layers stay in network order, as long as the chip holds them; a later, smaller one may stay
    after a larger one had to stream.

    Parameters
    ----------
    network : Network
    chip : Memory
        What is left of it for weights.
    external : sequence of Memory
    resident : bool
        Whether a design is known that keeps all weights on the chip: small ones lie in LUTs, so
        that more may fit than ``chip`` holds.
    """
    rows, held, streamed = [], 0, 0
    for layer in network.layers:
        if not isinstance(layer, (Synapse, Readout)):
            continue
        bits = layer.weight.size * layer.scheme.bits
        streams = not resident and held + bits > 8 * chip.bytes
        held, streamed = held + bits * (not streams), streamed + bits * streams
        rows.append(Weights(layer.name, layer.scheme.name, bits, held, streams))
    rates = [Rate(chip, held, True)]
    rates += [Rate(each, streamed, streamed <= 8 * each.bytes) for each in external]
    return Capacity(tuple(rows), tuple(rates))
