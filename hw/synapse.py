"""Synapse engine: folded matrix product of activations and weights from a memory image."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value

from hw import pe
from hw.memory import Memory
from hw.stream import Engine, Pipeline, advance, elements
from ir import plan
from ir.image import Image


class Synapse(Engine):
    """``pe`` outputs of ``simd`` inputs and the time steps of a word per cycle.

    Parameters
    ----------
    station : ir.plan.Synapse
    image : ir.image.Image
        Weight codes.

    Members
    -------
    i : In(stream)
        ``simd`` activations; ``synapse_fold`` words make one output word.
    o : Out(stream)
        ``pe`` sums.

    Timing
    ------
    Latency 3 cycles from the last of ``synapse_fold`` words, throughput 1 word per cycle. The
    accumulators are the output register: while a complete sum waits, no word is added.
    """

    station: plan.Synapse

    def __init__(self, station: plan.Synapse, image: Image) -> None:
        super().__init__(station)
        depth = station.neuron_fold * station.synapse_fold
        self.memory = self.weights = Memory(image.width, depth, image.name, image.words)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        station = self.station
        m.submodules.weights = weights = self.weights
        self.gather(m, weights)
        complete = Signal()
        free = Signal()
        m.d.comb += free.eq(~complete | self.o.ready)
        pipeline = Pipeline(m, 2, self.i.valid, free)

        word = Signal(station.i.width, reset_less=True)
        address = Signal(len(weights.address))
        m.d.comb += [
            self.i.ready.eq(pipeline.enable[0]),
            weights.enable.eq(pipeline.enable[0]),
            weights.address.eq(address),
        ]
        with m.If(pipeline.enable[0]):
            m.d.sync += word.eq(self.i.payload)
        with m.If(self.i.valid & self.i.ready):
            advance(m, address, weights.depth)
            self._again(m, address)

        sums = self._sums(m, word)
        adding = Signal()
        visit = Signal(range(station.synapse_fold))
        m.d.comb += [adding.eq(pipeline.valid[1] & free), self.o.valid.eq(complete)]
        with m.If(self.o.ready):
            m.d.sync += complete.eq(0)
        with m.If(adding):
            advance(m, visit, station.synapse_fold)
            m.d.sync += complete.eq(visit == station.synapse_fold - 1)
        width = station.o.type.width
        for k, total in enumerate(sums):
            name = f"{k // station.o.steps}_{k % station.o.steps}"
            held = Signal(total.shape(), name=f"sum_{name}", reset_less=True)
            added = Signal(width, name=f"accumulator_{name}", reset_less=True)
            with m.If(pipeline.enable[1]):
                m.d.sync += held.eq(total)
            with m.If(adding):
                m.d.sync += added.eq(Mux(visit == 0, 0, added) + held)
            m.d.comb += self.o.payload[k * width : (k + 1) * width].eq(added)
        return m

    def _again(self, m: Module, address: Signal) -> None:
        """Let the next time slice of the same outputs read their weights again."""
        station = self.station
        fold, slices = station.synapse_fold, station.o.time
        if slices == 1 or station.neuron_fold == 1:
            return
        word, time_slice = Signal(range(fold)), Signal(range(slices))
        advance(m, word, fold)
        with m.If(word == fold - 1):
            advance(m, time_slice, slices)
            with m.If(time_slice != slices - 1):
                m.d.sync += address.eq(address - (fold - 1))

    def _sums(self, m: Module, word: Value) -> list[Value]:
        """Return the sums of one visit, by lane and step, before any accumulation."""
        station = self.station
        activations, bits = elements(word, station.i), station.scheme.bits
        codes = [
            self.weights.data[k * bits : (k + 1) * bits] for k in range(station.pe * station.simd)
        ]
        return [
            total
            for p in range(station.pe)
            for total in pe.products(
                m,
                station.scheme,
                station.i.type,
                codes[p * station.simd : (p + 1) * station.simd],
                activations,
            )
        ]
