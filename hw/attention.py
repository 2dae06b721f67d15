"""Spiking attention: q (k^T v) per head and step, by AND, count and accumulate."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import memory

from hw.stream import Engine, Pipeline, advance, elements, resize, tree
from ir import plan
from ir.types import IntType


class Attend(Engine):
    """Attention over the tokens of a sample, ``pe`` columns of a head per cycle.

    While k and v of a sample stream in, one bank of counters accumulates the matrix k^T v; then the
    q words stream through it while the other bank takes the next sample.

    Parameters
    ----------
    station : ir.plan.Attend

    Members
    -------
    q, k, v : In(stream)
        One head per word.
    o : Out(stream)
        ``pe`` columns of a head per word.

    Timing
    ------
    ``chunks`` cycles per head word on either side. Latency 2 cycles from q, which waits until all k
    and v words of its sample were taken.

    Source
    ------
    Spikformer (Zhou et al., 2023), spiking self-attention.
    """

    names = ("q", "k", "v")
    station: plan.Attend

    def elaborate(self, platform: object) -> Module:
        m = Module()
        station = self.station
        waiting = Signal(range(3))
        counted, applied = Signal(), Signal()
        m.d.sync += waiting.eq(waiting + counted - applied)

        count, apply = _Visit(m, station, "count"), _Visit(m, station, "apply")
        pipeline = Pipeline(m, 2, self.q.valid & (waiting != 0), self.o.ready)
        m.d.comb += [
            count.go.eq(self.k.valid & self.v.valid & (waiting != 2)),
            apply.go.eq(self.q.valid & (waiting != 0) & pipeline.enable[0]),
            counted.eq(count.go & count.last),
            applied.eq(apply.go & apply.last),
            self.k.ready.eq(count.go & count.last_chunk),
            self.v.ready.eq(count.go & count.last_chunk),
            self.q.ready.eq(apply.go & apply.last_chunk),
            self.o.valid.eq(pipeline.valid[1]),
        ]

        width = station.memory_bits // (2 * station.heads * station.chunks)
        contents = []
        updated = Signal(width)
        for bank in range(2):
            m.submodules[f"bank_{bank}"] = matrix = memory.Memory(
                shape=width, depth=station.heads * station.chunks, init=[]
            )
            write, read = matrix.write_port(), matrix.read_port(domain="comb")
            m.d.comb += [
                write.en.eq(count.go & (count.bank == bank)),
                write.addr.eq(count.address),
                write.data.eq(updated),
                read.addr.eq(
                    Mux((waiting != 0) & (apply.bank == bank), apply.address, count.address)
                ),
            ]
            contents.append(read.data)
        m.d.comb += updated.eq(self._update(m, count, Mux(count.bank, *contents[::-1])))

        spikes = Signal(station.i.width, reset_less=True)
        matrix_word = Signal(width, reset_less=True)
        with m.If(pipeline.enable[0]):
            m.d.sync += [
                spikes.eq(self.q.payload),
                matrix_word.eq(Mux(apply.bank, *contents[::-1])),
            ]
        with m.If(pipeline.enable[1]):
            m.d.sync += self.o.payload.eq(self._apply(spikes, matrix_word))
        return m

    def _counters(self, word: Value) -> list[list[list[Value]]]:
        """Return the counters of a memory word, by row d, column e of the chunk, and step."""
        station = self.station
        bits = IntType(0, station.tokens).width
        pe, steps = station.o.lanes, station.o.steps
        return [
            [
                [
                    word[((d * pe + e) * steps + t) * bits : ((d * pe + e) * steps + t + 1) * bits]
                    for t in range(steps)
                ]
                for e in range(pe)
            ]
            for d in range(station.head_width)
        ]

    def _update(self, m: Module, count: _Visit, word: Value) -> Value:
        """Return the memory word with the spikes of this visit counted in."""
        station = self.station
        columns = Signal(station.o.lanes * station.o.steps)
        with m.Switch(count.chunk):
            for chunk in range(station.chunks):
                with m.Case(chunk):
                    low = chunk * len(columns)
                    m.d.comb += columns.eq(self.v.payload[low : low + len(columns)])
        old = Signal(len(word))
        m.d.comb += old.eq(Mux(count.first, 0, word))
        rows, steps = elements(self.k.payload, station.inputs[1]), station.o.steps
        return Cat(
            (counter + (rows[d][t] & columns[e * steps + t]))[: len(counter)]
            for d, row in enumerate(self._counters(old))
            for e, column in enumerate(row)
            for t, counter in enumerate(column)
        )

    def _apply(self, spikes: Value, word: Value) -> Value:
        """Return the output word: for each column, the sum of the rows that q selects."""
        station = self.station
        q, matrix = elements(spikes, station.i), self._counters(word)
        width = station.o.type.width
        found = []
        for e in range(station.o.lanes):
            for t in range(station.o.steps):
                gated = [
                    matrix[d][e][t] & q[d][t][0].replicate(len(matrix[d][e][t]))
                    for d in range(station.head_width)
                ]
                found.append(resize(tree(gated), width))
        return Cat(found)


class _Visit:
    """Place of one side in the (token, head, chunk) walk over a sample, and its bank."""

    def __init__(self, m: Module, station: plan.Attend, name: str) -> None:
        self.go = Signal(name=f"{name}_go")
        self.bank = Signal(name=f"{name}_bank")
        self.address = Signal(range(station.heads * station.chunks), name=f"{name}_address")
        self.chunk = Signal(range(station.chunks), name=f"{name}_chunk")
        token = Signal(range(station.tokens), name=f"{name}_token")
        self.first: Value = token == 0
        self.last_chunk: Value = self.chunk == station.chunks - 1
        wrap = self.address == station.heads * station.chunks - 1
        self.last: Value = wrap & (token == station.tokens - 1)
        with m.If(self.go):
            advance(m, self.chunk, station.chunks)
            advance(m, self.address, station.heads * station.chunks)
            with m.If(wrap):
                advance(m, token, station.tokens)
            with m.If(self.last):
                m.d.sync += self.bank.eq(~self.bank)
