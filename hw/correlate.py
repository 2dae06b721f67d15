"""Attention map: dot products of spikes, by AND and count."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value

from hw.popcount import matches
from hw.stream import Engine, Pipeline, accumulators, elements
from ir import attention


class Correlate(Engine):
    """Dot products of the query with ``keys`` keys, for every head of a word and every step.

    Parameters
    ----------
    station : ir.attention.Correlate

    Members
    -------
    q, k : In(stream)
        Taken in one cycle; ``chunks`` words make one output word.
    o : Out(stream)
        Element (head, key), keys innermost.

    Timing
    ------
    Latency 2 cycles from the last of ``chunks`` words, throughput 1 word per cycle. The
    accumulators are the output register: while a complete sum waits, no word is added.

    Source
    ------
    Spikformer (Zhou et al., 2023), the map q k^T of spiking self-attention.
    """

    names = ("q", "k")
    station: attention.Correlate

    def elaborate(self, platform: object) -> Module:
        m = Module()
        station, free = self.station, Signal()
        pipeline = Pipeline(m, 1, self.q.valid & self.k.valid, free)
        m.d.comb += [
            self.q.ready.eq(pipeline.enable[0] & self.k.valid),
            self.k.ready.eq(pipeline.enable[0] & self.q.valid),
        ]
        accumulators(m, self.o, station.o, pipeline, free, self._dots(m), station.chunks)
        return m

    def _dots(self, m: Module) -> list[Value]:
        station = self.station
        q = elements(self.q.payload, station.i)
        k = elements(self.k.payload, station.inputs[1])
        size, pe = station.i.lanes // station.parallel, station.i.lanes
        found = []
        for head in range(station.parallel):
            for key in range(station.keys):
                for t in range(station.o.steps):
                    pairs = [
                        (q[lane][t], k[key * pe + lane][t])
                        for lane in range(head * size, (head + 1) * size)
                    ]
                    found.append(matches(m, pairs))
        return found
