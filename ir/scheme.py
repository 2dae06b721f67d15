"""Weight formats: integers, their codes, and how many bits a code takes.

A *code* is what the memory image holds; *decoding* gives the integer that is multiplied. The float
scale between integer and trained weight never reaches the hardware.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ir.errors import SpikewrightError
from ir.types import IntType

_NAME = re.compile(r"(u|pot)([1-9])")
_BITS = {"u": range(2, 9), "pot": range(2, 5), "binary": range(1, 2), "ternary": range(2, 3)}
ALLOWED = "u2..u8, pot2..pot4, binary and ternary"
"""Names of all schemes, as refusals say them."""


@dataclass(frozen=True)
class Scheme:
    """Weight format of one layer: uniform, power-of-two, binary or ternary.

    ``u<b>``, 2..8 bits, holds the integers -(2^(b-1)-1)..2^(b-1)-1 as two's complement.
    ``pot<b>``, 2..4 bits, holds 0 and ±2^p, p = 0..2^(b-1)-2, as a sign bit above a magnitude code
    (0 for zero, p + 1 for 2^p). ``binary`` holds ±1 as a sign bit, so that code 0 is no zero.
    ``ternary`` holds 0 and ±1 as two's complement, as ``u2`` does; its operations are counted as
    additions.

    Parameters
    ----------
    kind : str
        ``"u"``, ``"pot"``, ``"binary"`` or ``"ternary"``.
    bits : int
        Code width [bit].

    Raises
    ------
    SpikewrightError
        If the scheme is not one of those above.

    Source
    ------
    SpikeHQ: uniform and power-of-two quantizers with a zero level, symmetric. Binary: BESTformer
    (SEEDS.md 2.4).

    Examples
    --------
    >>> Scheme.parse("pot3").levels.tolist()
    [-4, -2, -1, 0, 1, 2, 4]
    >>> Scheme.parse("pot3").encode(np.array([-4, 0, 1, 2])).tolist()
    [7, 0, 1, 2]
    """

    kind: str
    bits: int

    def __post_init__(self) -> None:
        if self.bits not in _BITS.get(self.kind, ()):
            raise SpikewrightError(
                f"Scheme {self.kind}{self.bits} is unknown; allowed are {ALLOWED}."
            )

    @classmethod
    def parse(cls, name: str) -> Scheme:
        """Return the scheme called ``name``, such as ``"u4"`` or ``"pot2"``."""
        if name in ("binary", "ternary"):
            return cls(name, _BITS[name][0])
        match = _NAME.fullmatch(name) if isinstance(name, str) else None
        if match is None:
            raise SpikewrightError(f"Scheme {name!r:.40} is unknown; allowed are {ALLOWED}.")
        return cls(match[1], int(match[2]))

    @property
    def name(self) -> str:
        """Name as in run files: ``u4``, ``pot2``, ``binary``."""
        return f"{self.kind}{self.bits}" if self.kind in ("u", "pot") else self.kind

    @property
    def power_of_two(self) -> bool:
        """Whether a weight is a shift."""
        return self.kind == "pot"

    @property
    def signs(self) -> bool:
        """Whether weights are ±1 or 0, so that activations are only added and subtracted."""
        return self.kind in ("binary", "ternary")

    @property
    def has_zero(self) -> bool:
        """Whether a weight may be 0."""
        return self.kind != "binary"

    @property
    def max_exponent(self) -> int:
        """Largest exponent of a power-of-two scheme."""
        return (1 << (self.bits - 1)) - 2

    @property
    def levels(self) -> np.ndarray:
        """All integers of the scheme, ascending, int64."""
        if not self.has_zero:
            return np.array([-1, 1], dtype=np.int64)
        if self.power_of_two:
            powers = 1 << np.arange(self.max_exponent + 1, dtype=np.int64)
            return np.concatenate([-powers[::-1], [0], powers])
        top = (1 << (self.bits - 1)) - 1
        return np.arange(-top, top + 1, dtype=np.int64)

    @property
    def code_type(self) -> IntType:
        """Range of :meth:`decode` over *every* code, a damaged image's illegal ones included."""
        if self.power_of_two:
            return IntType(-(1 << self.max_exponent), 1 << self.max_exponent)
        if not self.has_zero:
            return IntType(-1, 1)
        return IntType.of_width(self.bits, signed=True)

    def encode(self, integers: np.ndarray) -> np.ndarray:
        """Return the codes, uint8, of ``integers``.

        Raises
        ------
        SpikewrightError
            If an integer is not a level of the scheme.
        """
        integers = np.asarray(integers, dtype=np.int64)
        wrong = ~np.isin(integers, self.levels)
        if wrong.any():
            raise SpikewrightError(
                f"Weight {int(integers[wrong].flat[0])} is not a level of {self.name}; "
                f"its levels run from {self.levels[0]} to {self.levels[-1]}."
            )
        if not self.has_zero:
            return (integers < 0).astype(np.uint8)
        if not self.power_of_two:
            return (integers & ((1 << self.bits) - 1)).astype(np.uint8)
        magnitude = np.zeros_like(integers)
        filled = integers != 0
        magnitude[filled] = np.log2(np.abs(integers[filled])).astype(np.int64) + 1
        return (magnitude | ((integers < 0).astype(np.int64) << (self.bits - 1))).astype(np.uint8)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Return the integers, int64, that the hardware multiplies by for any ``codes``."""
        codes = np.asarray(codes, dtype=np.int64)
        sign = codes >> (self.bits - 1) & 1
        if not self.has_zero:
            return 1 - 2 * sign
        if not self.power_of_two:
            return codes - (sign << self.bits)
        magnitude = codes & ((1 << (self.bits - 1)) - 1)
        value = np.where(magnitude > 0, 1 << np.maximum(magnitude - 1, 0), 0)
        return np.where(sign == 1, -value, value)
