"""Bytes of a line that cannot wait."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.buffer import Buffer
from hw.slip import BYTE
from ir import plan as plans
from ir.protocol import Code
from ir.types import IntType
from ir.wrapping import LINE


class Inbox(wiring.Component):
    """Keeps bytes of a line that cannot wait; knows when it lost some.

    Parameters
    ----------
    depth : int
        Bytes kept.

    Members
    -------
    valid, data, code : In
        A byte, in the cycle in which it must be taken.
    o : Out(stream of data, code)
        A byte before which others were lost has code ``OVERRUN``.
    """

    def __init__(self, depth: int = LINE) -> None:
        link = plans.Link("bytes", 1, 2, 1, IntType(0, 255))
        self.bytes = Buffer(plans.Buffer("bytes", (link,), (link,), depth))
        super().__init__(
            {"valid": In(1), "data": In(8), "code": In(8), "o": Out(stream.Signature(BYTE))}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.bytes = bytes = self.bytes
        lost = Signal()
        m.d.comb += [
            bytes.i.valid.eq(self.valid),
            bytes.i.payload.eq(Cat(self.data, Mux(lost, Code.OVERRUN, self.code))),
            self.o.valid.eq(bytes.o.valid),
            Cat(self.o.payload.data, self.o.payload.code).eq(bytes.o.payload),
            bytes.o.ready.eq(self.o.ready),
        ]
        with m.If(self.valid):
            m.d.sync += lost.eq(~bytes.i.ready)
        return m
