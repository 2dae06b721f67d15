"""SLIP in hardware: delimiters and escapes of :mod:`ir.protocol`."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ir.protocol import END, ESCAPE, ESCAPED_END, ESCAPED_ESCAPE, Code

BYTE = data.StructLayout({"data": 8, "code": 8})
"""A byte from a line; ``code`` says what was wrong with it, or was lost before it."""

TOKEN = data.StructLayout({"data": 8, "end": 1, "code": 8})
"""A byte of a frame, or its end, which has no data."""

FRAMED = data.StructLayout({"data": 8, "end": 1})
"""The same on the way out, where nothing is wrong."""


class Unescape(wiring.Component):
    """Bytes from a line to bytes of frames and their ends.

    Members
    -------
    i : In(stream of data, code)
    o : Out(stream of data, end, code)
        A wrong escape has code ``ESCAPE``.

    Timing
    ------
    Latency 0; an escape gives no token.
    """

    def __init__(self) -> None:
        super().__init__({"i": In(stream.Signature(BYTE)), "o": Out(stream.Signature(TOKEN))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        i, o = self.i, self.o
        escaped, code = Signal(), Signal(8)
        escape, wrong = Signal(), Signal()
        byte = i.payload.data
        m.d.comb += [
            escape.eq(~escaped & (byte == ESCAPE)),
            wrong.eq(escaped & (byte != ESCAPED_END) & (byte != ESCAPED_ESCAPE)),
            o.valid.eq(i.valid & ~escape),
            i.ready.eq(o.ready | escape),
            o.payload.end.eq(byte == END),
            o.payload.data.eq(
                Mux(~escaped, byte, Mux(byte == ESCAPED_END, END, ESCAPE)),
            ),
        ]
        with m.If(i.payload.code != 0):
            m.d.comb += o.payload.code.eq(i.payload.code)
        with m.Elif(code != 0):
            m.d.comb += o.payload.code.eq(code)
        with m.Elif(wrong):
            m.d.comb += o.payload.code.eq(Code.ESCAPE)
        with m.If(i.valid & i.ready):
            # A code that comes with an escape goes on with the byte behind it.
            m.d.sync += [escaped.eq(escape), code.eq(Mux(escape, i.payload.code, 0))]
        return m


class Escape(wiring.Component):
    """Bytes of frames and their ends to bytes for a line.

    Members
    -------
    i : In(stream of data, end)
    o : Out(stream of 8)
        Every frame has a delimiter on either side.

    Timing
    ------
    Latency 0; one more cycle for a delimiter in front and for each escape.
    """

    def __init__(self) -> None:
        super().__init__({"i": In(stream.Signature(FRAMED)), "o": Out(stream.Signature(8))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        i, o = self.i, self.o
        begun, escaped, special = Signal(), Signal(), Signal()
        byte = i.payload.data
        m.d.comb += [
            special.eq(~i.payload.end & ((byte == END) | (byte == ESCAPE))),
            o.valid.eq(i.valid),
            o.payload.eq(Mux(i.payload.end | ~begun, END, byte)),
            i.ready.eq(o.ready & begun & (~special | escaped)),
        ]
        with m.If(begun & special):
            substitute = Mux(byte == END, ESCAPED_END, ESCAPED_ESCAPE)
            m.d.comb += o.payload.eq(Mux(escaped, substitute, ESCAPE))
        with m.If(o.valid & o.ready):
            m.d.sync += [
                begun.eq(~(begun & i.payload.end)),
                escaped.eq(begun & special & ~escaped),
            ]
        return m
