"""Residual addition: the sum of two streams."""

from __future__ import annotations

from amaranth.hdl import Module, Signal

from hw.stream import Engine, elements
from ir import plan


class Join(Engine):
    """Element by element sum of two words.

    Parameters
    ----------
    station : ir.plan.Join

    Members
    -------
    i0, i1 : In(stream)
        Taken in one cycle.
    o : Out(stream)

    Timing
    ------
    Latency 1 cycle, throughput 1 transfer per cycle; respects backpressure.
    """

    station: plan.Join

    def elaborate(self, platform: object) -> Module:
        m = Module()
        (a, b), (o,) = self.inputs, self.outputs
        full, enable = Signal(), Signal()
        m.d.comb += [
            o.valid.eq(full),
            enable.eq(~full | o.ready),
            a.ready.eq(enable & b.valid),
            b.ready.eq(enable & a.valid),
        ]
        word = Signal(self.station.o.width, reset_less=True)
        m.d.comb += o.payload.eq(word)
        with m.If(enable):
            m.d.sync += full.eq(a.valid & b.valid)
            parts = zip(
                elements(word, self.station.o),
                elements(a.payload, self.station.inputs[0]),
                elements(b.payload, self.station.inputs[1]),
                strict=True,
            )
            for total, left, right in parts:
                m.d.sync += [t.eq(x + y) for t, x, y in zip(total, left, right, strict=True)]
        return m
