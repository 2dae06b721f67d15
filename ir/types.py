"""Integer types with a known range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ir.errors import SpikewrightError


@dataclass(frozen=True)
class IntType:
    """Integers from ``low`` to ``high``, both included.

    Parameters
    ----------
    low, high : int
        Range; ``low <= high``.

    Raises
    ------
    SpikewrightError
        If the range is empty.

    Examples
    --------
    >>> IntType(0, 4).width, IntType(-3, 3).width, IntType(0, 0).width
    (3, 3, 1)
    >>> IntType.of_width(4, signed=True)
    IntType(low=-8, high=7)
    """

    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise SpikewrightError(
                f"An integer range must not be empty: low {self.low} is above high {self.high}."
            )

    @classmethod
    def of_width(cls, width: int, *, signed: bool) -> IntType:
        """Return the full range of ``width`` [bit] two's complement or unsigned integers."""
        if signed:
            return cls(-(1 << (width - 1)), (1 << (width - 1)) - 1)
        return cls(0, (1 << width) - 1)

    @classmethod
    def of(cls, values: np.ndarray) -> IntType:
        """Return the range of integers that are all known."""
        return cls(int(values.min()), int(values.max()))

    @property
    def signed(self) -> bool:
        """Whether negative values occur."""
        return self.low < 0

    @property
    def width(self) -> int:
        """Smallest width [bit] that holds the range; at least 1."""
        if self.signed:
            return max((-self.low - 1).bit_length(), max(self.high, 0).bit_length()) + 1
        return max(1, self.high.bit_length())

    @property
    def binary(self) -> bool:
        """Whether the values are spikes, {0, 1}."""
        return self.low >= 0 and self.high <= 1

    def hull(self, *others: IntType) -> IntType:
        """Return the smallest type that holds this one and ``others``."""
        return IntType(
            min(self.low, *(o.low for o in others)), max(self.high, *(o.high for o in others))
        )

    def __add__(self, other: IntType) -> IntType:
        return IntType(self.low + other.low, self.high + other.high)

    def times(self, count: int) -> IntType:
        """Return the range of a sum of ``count`` such integers."""
        return IntType(self.low * count, self.high * count)

    def contains(self, values: np.ndarray | int) -> bool:
        """Return whether every element of ``values`` lies in the range."""
        array = np.asarray(values)
        return array.size == 0 or bool(array.min() >= self.low and array.max() <= self.high)
