"""Table synapse: what packer, schedule and hardware must agree on.

``group`` spikes of one word address a table that holds the sum of their weights; the entries of all
groups of an output are added. Tables are written at run time from a stream of weight codes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ir.errors import SpikewrightError
from ir.scheme import Scheme
from ir.types import IntType

ARITY = {"plain": 2, "ecp5": 2, "gowin": 2, "xc7": 3}
"""Operands of one adder, by fabric with LUT RAM; ``plain`` is the reference."""

_RANGES = {
    "pe": range(1, 1 << 16),
    "simd": range(1, 1 << 16),
    "group": range(1, 7),
    "loaders": range(1, 1 << 20),
    "banks": range(1, 3),
    "arity": range(2, 4),
}
_WRITE_LATENCY = 6

ARITY = {"plain": 2, "ecp5": 2, "gowin": 2, "xc7": 3}
"""Operands of one adder of the tree, by fabric; ``plain`` is the reference."""


@dataclass(frozen=True)
class Tables:
    """Tables of ``pe`` outputs over ``simd`` spikes, their loading and the sum of their entries.

    Every code has an entry, the illegal ones of a damaged image included: entries cover the range
    of :attr:`Scheme.code_type`, and the loader decodes as :meth:`Scheme.decode` does. For all
    formats that costs no bit over the legal codes alone.

    Entries are stored as ``sum - lowest``, so that they are unsigned; an output's sum is that of
    its entries plus :attr:`offset`. Lanes beyond ``simd`` have spike 0 and code 0.

    Table n belongs to output ``n % pe`` and group ``n // pe``; it is written by loader
    ``n % loaders`` from code word ``n // loaders``. So the loaders of one word write outputs that
    share spikes, and such tables lie side by side in one memory.

    Parameters
    ----------
    scheme : Scheme
    pe, simd : int
        Outputs, and spikes per word.
    group : int
        Spikes that address one table, 1..6; 4 fits a 16-word LUT RAM.
    loaders : int
        Tables that are written at the same time.
    banks : int
        1, or 2 to load one while the other is read.
    arity : int
        Operands of one adder of the tree, 2 or 3; see :data:`ARITY`.

    Raises
    ------
    SpikewrightError
        If a number is outside its range.

    Examples
    --------
    >>> tables = Tables(Scheme.parse("u4"), pe=8, simd=64, loaders=8, banks=2)
    >>> tables.groups, tables.entry_width, tables.sum_width, tables.latency, tables.load_cycles
    (16, 6, 10, 5, 262)
    """

    scheme: Scheme
    pe: int
    simd: int
    group: int = 4
    loaders: int = 1
    banks: int = 1
    arity: int = 2

    def __post_init__(self) -> None:
        for name, allowed in _RANGES.items():
            if getattr(self, name) not in allowed:
                raise SpikewrightError(
                    f"A table synapse cannot have {name} {getattr(self, name)}; "
                    f"allowed are {allowed[0]} to {allowed[-1]}."
                )

    @property
    def groups(self) -> int:
        """Tables of one output."""
        return -(-self.simd // self.group)

    @property
    def count(self) -> int:
        """Tables of all outputs."""
        return self.groups * self.pe

    @property
    def words(self) -> int:
        """Code words that fill one bank."""
        return -(-self.count // self.loaders)

    @property
    def word_width(self) -> int:
        """Width of a code word [bit]."""
        return self.loaders * self.group * self.scheme.bits

    @property
    def lowest(self) -> int:
        """Sum of weights that an entry of 0 stands for."""
        return self.group * self.scheme.code_type.low

    @property
    def entry(self) -> IntType:
        """Range of a stored entry."""
        return IntType(0, self.group * self.scheme.code_type.high - self.lowest)

    @property
    def entry_width(self) -> int:
        """Width of a stored entry [bit]."""
        return self.entry.width

    @property
    def offset(self) -> int:
        """What is added to the sum of an output's entries to give the sum of its weights."""
        return self.groups * self.lowest

    @property
    def sum_type(self) -> IntType:
        """Range of the sum of an output's entries."""
        return self.entry.times(self.groups)

    @property
    def sum_width(self) -> int:
        """Width of the sum of an output's entries [bit]."""
        return self.sum_type.width

    @property
    def levels(self) -> int:
        """Levels of the adder tree."""
        operands, levels = self.groups, 0
        while operands > 1:
            operands, levels = -(-operands // self.arity), levels + 1
        return levels

    @property
    def latency(self) -> int:
        """Cycles from a word of spikes to its sums: tables, then each level of the tree."""
        return 1 + self.levels

    @property
    def load_cycles(self) -> int:
        """Cycles that loading one bank takes: one per entry of each word, and six stages."""
        return self.words * (1 << self.group) + _WRITE_LATENCY

    @property
    def memory_bits(self) -> int:
        """Bits of all tables."""
        return self.banks * self.count * self.entry_width << self.group

    def order(self) -> np.ndarray:
        """Return what a code word holds: int64 (words, loaders, group) indices.

        An index is ``output * simd + lane``, or -1 where the code is padding and 0.
        """
        table = np.arange(self.words * self.loaders)
        lane = (table // self.pe)[:, None] * self.group + np.arange(self.group)
        index = (table % self.pe)[:, None] * self.simd + lane
        filled = (table < self.count)[:, None] & (lane < self.simd)
        return np.where(filled, index, -1).reshape(self.words, self.loaders, self.group)

    def pack(self, codes: np.ndarray) -> list[int]:
        """Return the code words that load weights.

        Loader l of a word lies at bits ``l * group * bits`` upwards, its lowest lane first.

        Parameters
        ----------
        codes : integers (pe, simd)
            Codes of :attr:`scheme`.

        Raises
        ------
        SpikewrightError
            If the shape is wrong or a number is no code.
        """
        codes = np.asarray(codes, dtype=np.int64)
        if codes.shape != (self.pe, self.simd):
            raise SpikewrightError(
                f"A table synapse of {self.pe} x {self.simd} weights was given {codes.shape}."
            )
        if codes.min() < 0 or codes.max() >> self.scheme.bits:
            raise SpikewrightError(
                f"A code of {self.scheme.name} must lie in 0 to {(1 << self.scheme.bits) - 1}; "
                f"found {codes.min()} to {codes.max()}."
            )
        padded = np.append(codes.reshape(-1), 0)[self.order()].reshape(self.words, -1)
        bits = self.scheme.bits
        return [sum(code << (k * bits) for k, code in enumerate(w)) for w in padded.tolist()]

    def entries(self, codes: np.ndarray) -> np.ndarray:
        """Return the stored entries of ``codes`` (pe, simd): int64 (groups, pe, 2^group)."""
        padded = np.zeros((self.pe, self.groups * self.group), np.int64)
        padded[:, : self.simd] = codes
        weights = self.scheme.decode(padded).reshape(self.pe, self.groups, self.group)
        address = np.arange(1 << self.group)
        spikes = address >> np.arange(self.group)[:, None] & 1
        return weights.transpose(1, 0, 2) @ spikes - self.lowest

    def sums(self, codes: np.ndarray, spikes: np.ndarray) -> np.ndarray:
        """Return the sums of entries, int64 (words, pe), for ``spikes`` (words, simd) of 0 or 1."""
        return np.asarray(spikes, np.int64) @ self.scheme.decode(codes).T - self.offset
