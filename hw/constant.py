"""Table synapse with constant tables, for layers whose weights are fixed at synthesis."""

from __future__ import annotations

import numpy as np
from amaranth.hdl import Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.adder import Number, tree
from ir.tables import ARITY

GROUP = {"plain": 4, "ecp5": 4, "ice40": 4, "gowin": 4, "xc7": 6}
"""Spikes of one table, by fabric: the inputs of a look-up table."""


class Constant(wiring.Component):
    """Sums of constant weights of ``pe`` outputs under ``simd`` spikes.

    A table is a function of ``group`` spikes, one look-up table a bit. Each has its own lowest
    entry, which is stored as 0.

    Parameters
    ----------
    weights : integers (pe, simd)
    fabric : str
        ``plain``, ``ecp5``, ``ice40``, ``gowin`` or ``xc7``.
    group : int, optional
        Spikes of one table; that of :data:`GROUP` if not given.

    Attributes
    ----------
    offsets : list of int
        What is added to the sum of an output to give the sum of its weights.
    latency : int
        Registers from spikes to sums.
    sum_width : int
        Bits of one output's sum.

    Members
    -------
    spikes : In(simd)
    enable : In(1)
        The registers advance.
    sums : Out(pe * sum_width)
        Sums of the outputs above :attr:`offsets`, output 0 lowest; unsigned.

    Timing
    ------
    Latency ``latency`` cycles with ``enable``, one word a cycle.

    Raises
    ------
    ValueError
        If ``weights`` is no matrix or the fabric is unknown.
    """

    def __init__(
        self, weights: np.ndarray, fabric: str = "plain", group: int | None = None
    ) -> None:
        weights = np.asarray(weights, np.int64)
        if weights.ndim != 2 or not weights.size:
            raise ValueError(f"Constant tables get weights {weights.shape}; allowed is a matrix")
        if fabric not in GROUP:
            raise ValueError(f"Fabric {fabric!r} is unknown; allowed are {', '.join(GROUP)}")
        self.fabric, self.group = fabric, group or GROUP[fabric]
        self.arity = ARITY.get(fabric, 2)
        pe, simd = weights.shape
        groups = -(-simd // self.group)
        padded = np.zeros((pe, groups * self.group), np.int64)
        padded[:, :simd] = weights
        address = np.arange(1 << self.group)
        spikes = address >> np.arange(self.group)[:, None] & 1
        entries = padded.reshape(pe, groups, self.group) @ spikes
        self._entries = entries - entries.min(2, keepdims=True)
        self.offsets = entries.min(2).sum(1).tolist()
        high = int(self._entries.max(2).sum(1).max())
        self.sum_width = max(1, high.bit_length())
        self.latency = 1
        while groups > 1:
            groups, self.latency = -(-groups // self.arity), self.latency + 1
        super().__init__({"spikes": In(simd), "enable": In(1), "sums": Out(pe * self.sum_width)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        group = self.group
        rows = []
        for p, row in enumerate(self._entries.tolist()):
            numbers = []
            for g, entries in enumerate(row):
                high = max(entries)
                entry = Signal(max(1, high.bit_length()), name=f"entry_{g}_{p}", reset_less=True)
                lanes = self.spikes[g * group : (g + 1) * group]
                with m.If(self.enable):
                    m.d.sync += entry.eq(_lookup(entries[: 1 << len(lanes)], lanes, len(entry)))
                numbers.append(Number((entry,), high))
            rows.append(numbers)
        sums = tree(
            m, rows, fabric=self.fabric, arity=self.arity, enable=self.enable, platform=platform
        )
        for p, total in enumerate(sums):
            m.d.comb += self.sums[p * self.sum_width : (p + 1) * self.sum_width].eq(total)
        return m


def _lookup(entries: list[int], address: Value, width: int) -> Value:
    """Return ``entries[address]``."""
    content = Const(sum(entry << (k * width) for k, entry in enumerate(entries)))
    content = Const(content.value, len(entries) * width)
    return content.word_select(address, width)
