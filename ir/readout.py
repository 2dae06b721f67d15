"""Stations of the readout: sums over positions and steps, and the largest logit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ir.plan import Station
from ir.types import IntType


@dataclass(frozen=True)
class Accumulate(Station):
    """Sum over all positions and time steps, per channel.

    Parameters
    ----------
    positions, groups : int
    """

    kind: ClassVar[str] = "accumulate"

    positions: int
    groups: int

    @property
    def runs(self) -> int:
        """Runs over all positions per sample, each with sums of its own."""
        return self.i.words // (self.positions * self.groups)

    @property
    def memory_bits(self) -> int:
        """Size of the running sums [bit]."""
        return self.groups * self.o.width


@dataclass(frozen=True)
class Classify(Station):
    """Adds the bias to each logit and tracks the largest; the lowest index wins ties.

    Parameters
    ----------
    classes : int
    bias : IntType
        Signed field of the bias memory, one word per class.
    """

    kind: ClassVar[str] = "classify"

    classes: int
    bias: IntType

    @property
    def memory_bits(self) -> int:
        """Size of the bias memory [bit]."""
        return self.classes * self.bias.width
