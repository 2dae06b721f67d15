"""Counter of the spikes that pass on a link."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.stream import elements, tree
from ir import plan


class Spikes(wiring.Component):
    """Non-zero elements of all words that move.

    Parameters
    ----------
    link : ir.plan.Link

    Members
    -------
    move : In(1)
        A word is transferred.
    payload : In(link.width)
    count : Out(32)
        Elements so far, modulo 2^32.

    Timing
    ------
    A word counts two cycles after its transfer.
    """

    def __init__(self, link: plan.Link) -> None:
        self.link = link
        super().__init__({"move": In(1), "payload": In(link.width), "count": Out(32)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        fired = [element.any() for lane in elements(self.payload, self.link) for element in lane]
        total = tree(fired)
        found = Signal.like(total)
        m.d.sync += found.eq(0)
        with m.If(self.move):
            m.d.sync += found.eq(total)
        m.d.sync += self.count.eq(self.count + found)
        return m
