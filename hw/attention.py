"""Spiking attention: q (k^T v) per head and step, by AND, count and accumulate."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value

from hw.ram import Ram
from hw.stream import Engine, Pipeline, accumulators, advance, tree
from ir import attention


class Attend(Engine):
    """Attention over the tokens of a sample: ``simd`` rows of ``pe`` columns of k^T v per cycle.

    While k and v of a sample stream in, one bank of counters accumulates the matrix k^T v; then the
    q words stream through it while the other bank takes the next sample.

    Parameters
    ----------
    station : ir.attention.Attend

    Members
    -------
    q, k, v : In(stream)
        One or several heads per word.
    o : Out(stream)
        ``pe`` columns of a head, or of several, per word.

    Timing
    ------
    ``visits`` cycles per input word on either side. Latency 3 cycles from the last visit of an
    output word; q waits until all k and v words of its sample were taken.

    Source
    ------
    Spikformer (Zhou et al., 2023), spiking self-attention.
    """

    names = ("q", "k", "v")
    station: attention.Attend

    def elaborate(self, platform: object) -> Module:
        m = Module()
        station = self.station
        waiting = Signal(range(3))
        counted, applied, free = Signal(), Signal(), Signal()
        m.d.sync += waiting.eq(waiting + counted - applied)

        count, apply = _Visit(m, station, "count"), _Visit(m, station, "apply")
        pipeline = Pipeline(m, 2, self.q.valid & (waiting != 0), free)
        m.d.comb += [
            count.go.eq(self.k.valid & self.v.valid & (waiting != 2)),
            apply.go.eq(self.q.valid & (waiting != 0) & pipeline.enable[0]),
            counted.eq(count.go & count.last),
            applied.eq(apply.go & apply.last),
            self.k.ready.eq(count.go & count.last_visit),
            self.v.ready.eq(count.go & count.last_visit),
            self.q.ready.eq(apply.go & apply.last_visit),
        ]

        width = station.counters * station.count.width
        contents, rams = [], []
        updated = Signal(width)
        for bank in range(2):
            written = count.go & (count.bank == bank)
            if station.depth == 1:
                word = Signal(width, name=f"bank_{bank}", reset_less=True)
                with m.If(written):
                    m.d.sync += word.eq(updated)
                contents.append(word)
                continue
            # A word is read one visit ahead.
            m.submodules[f"bank_{bank}"] = matrix = Ram(width, station.depth)
            rams.append(matrix)
            ahead = Mux((waiting != 0) & (apply.bank == bank), apply.next, count.next)
            m.d.comb += [
                matrix.write_enable.eq(written),
                matrix.write_address.eq(count.address),
                matrix.write_data.eq(updated),
                matrix.read_enable.eq(1),
                matrix.read_address.eq(ahead),
            ]
            contents.append(matrix.read_data)
        self.gather(m, *rams)
        m.d.comb += updated.eq(self._update(m, count, Mux(count.bank, *contents[::-1])))

        spikes = Signal(station.parallel * station.simd * station.i.steps, reset_less=True)
        matrix_word = Signal(width, reset_less=True)
        with m.If(pipeline.enable[0]):
            m.d.sync += [
                spikes.eq(self._rows(m, self.q.payload, apply)),
                matrix_word.eq(Mux(apply.bank, *contents[::-1])),
            ]
        sums = self._apply(spikes, matrix_word)
        accumulators(m, self.o, station.o, pipeline, free, sums, station.rows)
        return m

    def _counters(self, word: Value) -> list[list[list[list[Value]]]]:
        """Return the counters of a memory word, by head, row, column and step."""
        station = self.station
        bits, steps = station.count.width, station.o.steps
        columns = station.o.lanes // station.parallel
        found = iter(word[k * bits : (k + 1) * bits] for k in range(station.counters))
        return [
            [
                [[next(found) for _ in range(steps)] for _ in range(columns)]
                for _ in range(station.simd)
            ]
            for _ in range(station.parallel)
        ]

    def _rows(self, m: Module, payload: Value, visit: _Visit) -> Value:
        """Return the channels of the visit's rows of each head."""
        station = self.station
        size = station.simd * station.i.steps
        return Cat(_part(m, head, visit.row, station.rows, size) for head in self._heads(payload))

    def _heads(self, payload: Value) -> list[Value]:
        station = self.station
        size = station.head_width * station.i.steps
        return [payload[g * size : (g + 1) * size] for g in range(station.parallel)]

    def _update(self, m: Module, count: _Visit, word: Value) -> Value:
        """Return the memory word with the spikes of this visit counted in."""
        station = self.station
        steps, columns = station.o.steps, station.o.lanes // station.parallel
        k = self._rows(m, self.k.payload, count)
        v = Cat(
            _part(m, head, count.chunk, station.chunks, columns * steps)
            for head in self._heads(self.v.payload)
        )
        old = Signal(len(word))
        m.d.comb += old.eq(Mux(count.first, 0, word))
        return Cat(
            (counter + (k[(g * station.simd + d) * steps + t] & v[(g * columns + e) * steps + t]))[
                : len(counter)
            ]
            for g, head in enumerate(self._counters(old))
            for d, row in enumerate(head)
            for e, column in enumerate(row)
            for t, counter in enumerate(column)
        )

    def _apply(self, spikes: Value, word: Value) -> list[Value]:
        """Return, for each column and step, the sum of the rows that q selects."""
        station = self.station
        steps, size = station.i.steps, station.simd
        found = []
        for g, head in enumerate(self._counters(word)):
            for e in range(station.o.lanes // station.parallel):
                for t in range(steps):
                    gated = [
                        head[d][e][t]
                        & spikes[(g * size + d) * steps + t].replicate(station.count.width)
                        for d in range(size)
                    ]
                    found.append(tree(gated))
        return found


def _part(m: Module, word: Value, index: Signal, count: int, size: int) -> Value:
    """Return part ``index`` of ``count`` parts of ``size`` bits."""
    if count == 1:
        return word[:size]
    part = Signal(size)
    with m.Switch(index):
        for k in range(count):
            with m.Case(k):
                m.d.comb += part.eq(word[k * size : (k + 1) * size])
    return part


class _Visit:
    """Place of one side in the (token, word, chunk, row) walk over a sample, and its bank."""

    def __init__(self, m: Module, station: attention.Attend, name: str) -> None:
        depth = station.depth
        self.go = Signal(name=f"{name}_go")
        self.bank = Signal(name=f"{name}_bank")
        self.address = Signal(range(depth), name=f"{name}_address")
        self.next = Signal(range(depth), name=f"{name}_next")
        self.chunk = Signal(range(station.chunks), name=f"{name}_chunk")
        self.row = Signal(range(station.rows), name=f"{name}_row")
        token = Signal(range(station.tokens), name=f"{name}_token")
        self.first: Value = token == 0
        last_row = self.row == station.rows - 1
        self.last_visit: Value = last_row & (self.chunk == station.chunks - 1)
        wrap = self.address == depth - 1
        self.last: Value = wrap & (token == station.tokens - 1)
        m.d.comb += self.next.eq(self.address)
        m.d.sync += self.address.eq(self.next)
        with m.If(self.go):
            advance(m, self.row, station.rows)
            with m.If(last_row):
                advance(m, self.chunk, station.chunks)
            m.d.comb += self.next.eq(Mux(wrap, 0, self.address + 1))
            with m.If(wrap):
                advance(m, token, station.tokens)
            with m.If(self.last):
                m.d.sync += self.bank.eq(~self.bank)
