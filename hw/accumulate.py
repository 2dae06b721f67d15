"""Global sum: per channel, over all positions and time steps."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import memory

from hw.stream import Engine, advance, elements, resize, tree
from ir import readout


class Accumulate(Engine):
    """Sums of a sample, one word per channel group.

    Parameters
    ----------
    station : ir.readout.Accumulate

    Members
    -------
    i : In(stream)
    o : Out(stream)

    Timing
    ------
    Latency 1 cycle from the word that completes a sum. Only such words wait for the output.
    """

    station: readout.Accumulate

    def elaborate(self, platform: object) -> Module:
        m = Module()
        station = self.station
        m.submodules.sums = sums = memory.Memory(
            shape=station.o.width + self.parity_bits, depth=station.groups, init=[]
        )
        write, read = sums.write_port(), sums.read_port(domain="comb")
        full, taken, wrap, last = Signal(), Signal(), Signal(), Signal()
        group, position = Signal(range(station.groups)), Signal(range(station.positions))
        old, new = Signal(station.o.width), Signal(station.o.width)

        m.d.comb += [
            read.addr.eq(group),
            old.eq(Mux(position == 0, 0, read.data)),
            wrap.eq(group == station.groups - 1),
            last.eq(position == station.positions - 1),
            self.i.ready.eq(~last | ~full | self.o.ready),
            taken.eq(self.i.valid & self.i.ready),
            write.addr.eq(group),
            write.data.eq(self.guard(new)),
            write.en.eq(taken & ~last),
            self.o.valid.eq(full),
        ]
        self.check(m, taken & (position != 0), read.data)
        held, steps = elements(old, station.o), elements(self.i.payload, station.i)
        m.d.comb += new.eq(
            Cat(
                resize(before[0] + tree(lane), station.o.type.width)
                for before, lane in zip(held, steps, strict=True)
            )
        )
        with m.If(self.o.ready):
            m.d.sync += full.eq(0)
        with m.If(taken):
            advance(m, group, station.groups)
            with m.If(wrap):
                advance(m, position, station.positions)
            with m.If(last):
                m.d.sync += [full.eq(1), self.o.payload.eq(new)]
        return m
