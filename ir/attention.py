"""Stations of spiking attention: q (k^T v) by :class:`Attend`, (q k^T) v by the other three.

Both orders give the same integers. With N tokens and head width D, the first costs N D D
lane-operations a head and side, the second N N D.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ir.plan import Station
from ir.types import IntType


@dataclass(frozen=True)
class Attend(Station):
    """Spiking attention q (k^T v): ``simd`` rows of ``pe`` columns of k^T v per cycle.

    While k and v of a sample stream in, bank ``sample mod 2`` of the matrix k^T v accumulates;
    then the q words stream through it. Input words carry one head, or several whose columns are
    then all computed at once; output words carry ``pe`` columns.

    Parameters
    ----------
    tokens, heads, head_width : int
    simd : int
        Rows per cycle; divides the head width.
    """

    kind: ClassVar[str] = "attend"

    tokens: int
    heads: int
    head_width: int
    simd: int

    @property
    def parallel(self) -> int:
        """Heads computed at once."""
        return self.i.lanes // self.head_width

    @property
    def words(self) -> int:
        """Input words per token."""
        return self.heads // self.parallel

    @property
    def chunks(self) -> int:
        """Output words per input word."""
        return self.i.lanes // self.o.lanes

    @property
    def rows(self) -> int:
        """Cycles per output word: head width / simd."""
        return self.head_width // self.simd

    @property
    def visits(self) -> int:
        """Cycles per input word, on either side."""
        return self.chunks * self.rows

    @property
    def depth(self) -> int:
        """Words of one bank of the matrix memory."""
        return self.words * self.visits

    @property
    def counters(self) -> int:
        """Counters in a word of the matrix memory."""
        return self.simd * self.o.lanes * self.i.steps

    @property
    def lanes(self) -> int:
        return 2 * self.counters

    @property
    def operations(self) -> int:
        return self.tokens * self.depth * self.lanes

    @property
    def count(self) -> IntType:
        """Range of a counter."""
        return IntType(0, self.tokens)

    @property
    def memory_bits(self) -> int:
        """Size of both banks of k^T v [bit]."""
        return 2 * self.depth * self.counters * self.count.width


@dataclass(frozen=True)
class Recall(Station):
    """Two banks of tokens; a complete sample is read once for every query token.

    A word out carries the same channels of ``keys`` tokens, first token lowest. Words leave in the
    order (query token, head, group of tokens, chunk of the head).

    Parameters
    ----------
    tokens : int
    groups : int
        Input words per token.
    chunks : int
        Input words per head, 1 if a word carries whole heads.
    """

    kind: ClassVar[str] = "recall"

    tokens: int
    groups: int
    chunks: int

    @property
    def keys(self) -> int:
        """Tokens per output word."""
        return self.o.lanes // self.i.lanes

    @property
    def memory_bits(self) -> int:
        """Size of both banks [bit]."""
        return 2 * self.i.words * self.i.width


@dataclass(frozen=True)
class Correlate(Station):
    """Dot products of a query with ``keys`` keys: AND and count, over ``chunks`` words of a head.

    Inputs are ``pe`` channels of the query, and of each key. The output holds element
    (head, key), keys innermost.

    Parameters
    ----------
    parallel : int
        Heads per word.
    chunks : int
        Words per head.
    """

    kind: ClassVar[str] = "correlate"

    parallel: int
    chunks: int

    @property
    def keys(self) -> int:
        """Keys per word."""
        return self.inputs[1].lanes // self.i.lanes

    @property
    def lanes(self) -> int:
        return self.inputs[1].lanes * self.i.steps

    @property
    def operations(self) -> int:
        return self.i.words * self.lanes


@dataclass(frozen=True)
class Mix(Station):
    """Sum of value words, each weighted with its entry of the attention map.

    Inputs are map words, one per word of values, and words of ``keys`` x ``pe`` values. Of every
    ``visits`` x ``chunks`` words the last ``chunks`` complete one output word each.

    Parameters
    ----------
    parallel : int
        Heads per word.
    visits : int
        Groups of keys: tokens / keys.
    chunks : int
        Words per head.
    """

    kind: ClassVar[str] = "mix"

    parallel: int
    visits: int
    chunks: int

    @property
    def keys(self) -> int:
        """Values that are added up per cycle."""
        return self.i.lanes // self.parallel

    @property
    def lanes(self) -> int:
        return self.inputs[1].lanes * self.i.steps

    @property
    def operations(self) -> int:
        return self.i.words * self.lanes

    @property
    def memory_bits(self) -> int:
        """Size of the running sums [bit]."""
        return self.chunks * self.o.width
