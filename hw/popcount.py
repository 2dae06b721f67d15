"""Counts of matching spikes: AND, then additions, in several styles."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Signal, Value

from hw.stream import tree

STYLES = ("tree", "counters3", "counters6", "pairs")


def matches(m: Module, pairs: Sequence[tuple[Value, Value]], style: str = "tree") -> Value:
    """Return how many pairs are both one.

    Parameters
    ----------
    m : Module
        Receives the counters.
    pairs : sequence of (Value, Value)
        Single bits.
    style : str
        ``tree``: a balanced tree of ``+``, the reference. ``counters3`` and ``counters6``: columns
        of bits shrink through 3:2 or 6:3 counters until one addition is left. ``pairs``: two pairs
        become a number of two bits, which four inputs decide, and a tree adds those numbers.
        Mapped for the clocks of boards no other takes fewer LUTs than ``tree`` on every fabric:
        ``python benchmarks/popcount.py``.

    Source
    ------
    Counter trees: Wallace (1964), Dadda (1965).
    """
    bits: list[Value] = [a & b for a, b in pairs]
    if style == "tree":
        return tree(bits)
    if style == "pairs":
        numbers = [Cat(a ^ b, a & b) for a, b in zip(bits[::2], bits[1::2], strict=False)]
        return tree(numbers + bits[len(bits) - len(bits) % 2 :])
    return _added(_shrunk(m, bits, 3 if style == "counters3" else 6))


def _shrunk(m: Module, bits: Sequence[Value], size: int) -> list[list[Value]]:
    """Return columns, lowest weight first, of at most two bits each."""
    columns = [list(bits)]
    while max(map(len, columns)) > 2:
        following: list[list[Value]] = [[] for _ in range(len(columns) + 3)]
        for weight, column in enumerate(columns):
            rest = list(column)
            while len(rest) > 2:
                taken = size if len(rest) >= size else 3
                for k, bit in enumerate(_counter(m, rest[:taken])):
                    following[weight + k].append(bit)
                rest = rest[taken:]
            following[weight] += rest
        while not following[-1]:
            following.pop()
        columns = following
    return columns


def _counter(m: Module, bits: Sequence[Value]) -> list[Value]:
    """Return the number of ones among three or six bits, lowest bit first."""
    if len(bits) == 3:
        a, b, c = bits
        counted = Signal(2, name="counter")
        m.d.comb += counted.eq(Cat(a ^ b ^ c, (a & b) | (a & c) | (b & c)))
        return list(counted)
    low, high = _counter(m, bits[:3]), _counter(m, bits[3:])
    carry = Signal(name="carry")
    m.d.comb += carry.eq(low[0] & high[0])
    return [low[0] ^ high[0], *_counter(m, [low[1], high[1], carry])]


def _added(columns: list[list[Value]]) -> Value:
    rows = [Cat(column[k] if k < len(column) else 0 for column in columns) for k in range(2)]
    return (rows[0] + rows[1])[: len(columns) + 1]
