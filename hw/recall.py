"""Tokens of a sample, read again for every query token."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal

from hw.loops import Loop, Walk
from hw.ram import Ram
from hw.stream import Engine, advance
from ir import attention


class Recall(Engine):
    """Two banks of tokens; while one fills, the other is read once per query token.

    Parameters
    ----------
    station : ir.attention.Recall

    Members
    -------
    i : In(stream)
        Words of a sample, token by token.
    o : Out(stream)
        The same channels of ``keys`` tokens per word.

    Timing
    ------
    Latency 1 cycle from the read, throughput 1 word per cycle; a sample is read when it is whole.
    """

    station: attention.Recall

    def elaborate(self, platform: object) -> Module:
        m = Module()
        station = self.station
        keys, groups, chunks = station.keys, station.groups, station.chunks
        visits = station.tokens // keys
        waiting = Signal(range(3))
        filled, used = Signal(), Signal()
        m.d.sync += waiting.eq(waiting + filled - used)

        take, token_done, row_done = Signal(), Signal(), Signal()
        group, key, row = Signal(range(groups)), Signal(range(keys)), Signal(range(visits))
        depth = 2 * visits * groups
        base, target = Signal(range(depth)), Signal(range(depth))
        m.d.comb += [
            self.i.ready.eq(waiting != 2),
            take.eq(self.i.valid & self.i.ready),
            token_done.eq(take & (group == groups - 1)),
            row_done.eq(token_done & (key == keys - 1)),
            filled.eq(row_done & (row == visits - 1)),
        ]
        with m.If(take):
            advance(m, group, groups)
            advance(m, target, depth)
        with m.If(token_done):
            advance(m, key, keys)
        with m.If(row_done):
            advance(m, row, visits)
            m.d.sync += base.eq(Mux(target == depth - 1, 0, target + 1))
        with m.If(token_done & ~row_done):
            m.d.sync += target.eq(base)

        full, enable, issue = Signal(), Signal(), Signal()
        m.d.comb += [enable.eq(~full | self.o.ready), issue.eq(enable & (waiting != 0))]
        with m.If(enable):
            m.d.sync += full.eq(waiting != 0)
        nest = [
            Loop(chunks, address=1),
            Loop(visits, address=groups),
            Loop(groups // chunks, address=chunks),
            Loop(station.tokens),
            Loop(2, address=visits * groups),
            Loop(0),
        ]
        walk = Walk(m, nest, issue)
        source = Signal(range(depth))
        following = source + walk.hop("address", depth)
        m.d.comb += used.eq(issue & walk.last[:-1].all())
        with m.If(issue):
            m.d.sync += source.eq(Mux(following >= depth, following - depth, following))

        rams = [Ram(station.i.width, depth) for _ in range(keys)]
        self.gather(m, *rams)
        words = []
        for k, held in enumerate(rams):
            m.submodules[f"key_{k}"] = held
            m.d.comb += [
                held.write_enable.eq(take & (key == k)),
                held.write_address.eq(target),
                held.write_data.eq(self.i.payload),
                held.read_enable.eq(issue),
                held.read_address.eq(source),
            ]
            words.append(held.read_data)
        m.d.comb += [self.o.valid.eq(full), self.o.payload.eq(Cat(words))]
        return m
