"""Shift-align addition: the sum of two streams whose scales differ by powers of two."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, Value

from hw.memory import Memory
from hw.stream import Engine, Pipeline, advance, elements, resize
from ir import plan
from ir.image import Image


class Align(Engine):
    """Element by element sum of two words, each element shifted left by its channel's count.

    Parameters
    ----------
    station : ir.plan.Align
    image : ir.image.Image
        Shifts.

    Members
    -------
    i0, i1 : In(stream)
        Taken in one cycle.
    o : Out(stream)

    Timing
    ------
    Latency 2 cycles, throughput 1 transfer per cycle; respects backpressure.
    """

    station: plan.Align

    def __init__(self, station: plan.Align, image: Image) -> None:
        super().__init__(station)
        self.memory = self.shifts = Memory(image.width, station.groups, image.name, image.words)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        station = self.station
        m.submodules.shifts = shifts = self.shifts
        self.gather(m, shifts)
        (a, b), (o,) = self.inputs, self.outputs
        pipeline = Pipeline(m, 2, a.valid & b.valid, o.ready)
        address = Signal(len(shifts.address))
        m.d.comb += [
            o.valid.eq(pipeline.valid[1]),
            a.ready.eq(pipeline.enable[0] & b.valid),
            b.ready.eq(pipeline.enable[0] & a.valid),
            shifts.enable.eq(pipeline.enable[0]),
            shifts.address.eq(address),
        ]
        word_of_run = Signal(range(station.run))
        with m.If(a.valid & a.ready):
            advance(m, word_of_run, station.run)
            with m.If(word_of_run == station.run - 1):
                advance(m, address, station.groups)
        words: list[list[list[Value]]] = []
        for port, link in zip(self.inputs, station.inputs, strict=True):
            word = Signal(link.width, name=f"word_{len(words)}", reset_less=True)
            with m.If(pipeline.enable[0]):
                m.d.sync += word.eq(port.payload)
            words.append(elements(word, link))
        bits, width = station.shift.width, station.o.type.width
        sums = []
        for lane, pair in enumerate(zip(*words, strict=True)):
            by = [shifts.data[(2 * lane + k) * bits : (2 * lane + k + 1) * bits] for k in range(2)]
            for left, right in zip(*pair, strict=True):
                sums.append(resize((left << by[0]) + (right << by[1]), width))
        with m.If(pipeline.enable[1]):
            m.d.sync += o.payload.eq(Cat(sums))
        return m
