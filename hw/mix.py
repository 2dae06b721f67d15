"""Weighted sum of value words: an attention map times the values."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import memory

from hw.stream import Engine, Pipeline, advance, elements, resize, tree
from ir import attention


class Mix(Engine):
    """Adds ``keys`` gated map entries per output channel and cycle.

    Parameters
    ----------
    station : ir.attention.Mix

    Members
    -------
    map, v : In(stream)
        Taken in one cycle.
    o : Out(stream)
        One word per chunk of a query's head, after the last group of keys.

    Timing
    ------
    Latency 2 cycles from the word that completes a sum. Only such words wait for the output.
    """

    names = ("map", "v")
    station: attention.Mix

    def elaborate(self, platform: object) -> Module:
        m = Module()
        station = self.station
        full, free, adding = Signal(), Signal(), Signal()
        chunk, visit = Signal(range(station.chunks)), Signal(range(station.visits))
        last = visit == station.visits - 1
        m.d.comb += free.eq(~last | ~full | self.o.ready)
        pipeline = Pipeline(m, 1, self.map.valid & self.v.valid, free)
        m.d.comb += [
            self.map.ready.eq(pipeline.enable[0] & self.v.valid),
            self.v.ready.eq(pipeline.enable[0] & self.map.valid),
            adding.eq(pipeline.valid[0] & free),
            self.o.valid.eq(full),
        ]
        m.submodules.sums = sums = memory.Memory(
            shape=station.o.width + self.parity_bits, depth=station.chunks, init=[]
        )
        write, read = sums.write_port(), sums.read_port(domain="comb")
        width = station.o.type.width
        totals = []
        for k, mixed in enumerate(self._mixed()):
            held = Signal(mixed.shape(), name=f"sum_{k}", reset_less=True)
            with m.If(pipeline.enable[0]):
                m.d.sync += held.eq(mixed)
            before = Mux(visit == 0, 0, read.data[k * width : (k + 1) * width])
            totals.append(resize(before + held, width))
        new = Signal(station.o.width)
        m.d.comb += [
            new.eq(Cat(totals)),
            read.addr.eq(chunk),
            write.addr.eq(chunk),
            write.data.eq(self.guard(new)),
            write.en.eq(adding & ~last),
        ]
        self.check(m, adding & (visit != 0), read.data)
        with m.If(self.o.ready):
            m.d.sync += full.eq(0)
        with m.If(adding):
            advance(m, chunk, station.chunks)
            with m.If(chunk == station.chunks - 1):
                advance(m, visit, station.visits)
            with m.If(last):
                m.d.sync += [full.eq(1), self.o.payload.eq(new)]
        return m

    def _mixed(self) -> list[Value]:
        """Return, by lane and step, the sum of the entries whose values spike."""
        station = self.station
        entries = elements(self.map.payload, station.i)
        v = elements(self.v.payload, station.inputs[1])
        size = station.o.lanes // station.parallel
        bits = station.i.type.width
        return [
            tree(
                [
                    entries[lane // size * station.keys + key][t]
                    & v[key * station.o.lanes + lane][t].replicate(bits)
                    for key in range(station.keys)
                ]
            )
            for lane in range(station.o.lanes)
            for t in range(station.o.steps)
        ]
