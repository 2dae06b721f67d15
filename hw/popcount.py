"""Counts of matching spikes."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Value

from hw.stream import tree


def matches(pairs: Sequence[tuple[Value, Value]]) -> Value:
    """Return how many pairs are both one."""
    return tree([a & b for a, b in pairs])
