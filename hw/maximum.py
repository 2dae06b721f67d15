"""Max pooling: the largest of consecutive words."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value

from hw.stream import Engine, advance, elements
from ir import plan


class Maximum(Engine):
    """Largest of ``taps`` words, lane by lane and step by step.

    Parameters
    ----------
    station : ir.plan.Maximum

    Members
    -------
    i : In(stream)
    o : Out(stream)

    Timing
    ------
    A maximum is offered from the cycle after its last word; while it waits, the next word is taken
    in the cycle in which it leaves.
    """

    station: plan.Maximum

    def elaborate(self, platform: object) -> Module:
        m = Module()
        station = self.station
        full, largest = Signal(), Signal(station.o.width, reset_less=True)
        tap = Signal(range(station.taps))
        m.d.comb += [
            self.o.valid.eq(full),
            self.o.payload.eq(largest),
            self.i.ready.eq(~full | self.o.ready),
        ]
        with m.If(self.i.ready):
            m.d.sync += full.eq(self.i.valid & (tap == station.taps - 1))
        with m.If(self.i.valid & self.i.ready):
            advance(m, tap, station.taps)
            with m.If(tap == 0):
                m.d.sync += largest.eq(self.i.payload)
            with m.Else():
                self._compare(m, largest)
        return m

    def _compare(self, m: Module, largest: Signal) -> None:
        if self.station.i.type.binary:
            m.d.sync += largest.eq(largest | self.i.payload)
            return
        for old, new in zip(_flat(self, largest), _flat(self, self.i.payload), strict=True):
            with m.If(new > old):
                m.d.sync += old.eq(new)


def _flat(engine: Maximum, word: Value) -> list[Value]:
    return [value for lane in elements(word, engine.station.i) for value in lane]
