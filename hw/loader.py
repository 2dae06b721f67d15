"""Loader of a table synapse: from weight codes to table entries, one entry a cycle and loader."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.stream import resize
from ir.scheme import Scheme
from ir.tables import Tables


class Loader(wiring.Component):
    """Computes the entries of ``loaders`` tables at a time.

    The entries of a table follow each other in Gray-code order, so that each is its predecessor
    plus or minus one weight.

    Parameters
    ----------
    tables : ir.tables.Tables

    Members
    -------
    load, loading, code_enable, codes
        As in :class:`hw.table.Table`.
    address : Out(group)
        Entry that is written.
    entries : Out(loaders * entry_width)
        What is written, loader 0 lowest.
    write : Out(words)
        Bit k: the tables of code word k are written at the end of this cycle.

    Timing
    ------
    See :class:`hw.table.Table`.
    """

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        super().__init__(
            {
                "load": In(1),
                "loading": Out(1),
                "code_enable": Out(1),
                "codes": In(tables.word_width),
                "address": Out(tables.group),
                "entries": Out(tables.loaders * tables.entry_width),
                "write": Out(tables.words),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        tables = self.tables
        group, bits, width = tables.group, tables.scheme.bits, tables.entry_width
        start = Signal()
        m.d.comb += start.eq(self.load & ~self.loading)

        # Cycle 1 of a load: the first word is there. Four stages: take, select, add, write.
        fetch, first = Signal(), Signal(3)
        step = [Signal(group, name=f"step{k}", reset_less=True) for k in range(4)]
        left = Signal(range(tables.words), reset_less=True)
        end = step[0] == (1 << group) - 1
        m.d.comb += self.code_enable.eq(start | (fetch & end & (left != 0)))
        m.d.sync += [
            first.eq(Cat(start, first)),
            *(step[k].eq(step[k - 1]) for k in range(1, 4)),
            step[0].eq(step[0] + 1),
        ]
        with m.If(start):
            m.d.sync += [self.loading.eq(1), fetch.eq(1), step[0].eq(0), left.eq(tables.words - 1)]
        with m.Elif(fetch & end):
            m.d.sync += [left.eq(left - 1), fetch.eq(left != 0)]
        with m.If(step[3] == (1 << group) - 1):
            m.d.sync += self.write.eq(self.write << 1)
            with m.If(self.write[-1]):
                m.d.sync += self.loading.eq(0)
        with m.If(first[2]):
            m.d.sync += self.write.eq(1)

        lane = Signal(range(group), reset_less=True)
        down = [Signal(name=f"down{k}", reset_less=True) for k in range(2)]
        fresh = [Signal(name=f"fresh{k}", reset_less=True) for k in range(2)]
        gray = [step[k] ^ (step[k] >> 1) for k in (0, 2)]
        m.d.sync += [
            lane.eq(_lowest(step[0])),
            # The bit that changes goes to 0.
            down[0].eq(~(gray[0] & step[0] & -step[0]).any()),
            fresh[0].eq(step[0] == 0),
            down[1].eq(down[0]),
            fresh[1].eq(fresh[0]),
            self.address.eq(gray[1]),
        ]
        codes = Signal(tables.word_width, reset_less=True)
        with m.If(step[0] == 0):
            m.d.sync += codes.eq(self.codes)
        for k in range(tables.loaders):
            held = codes[k * group * bits : (k + 1) * group * bits]
            weight = Signal(signed(tables.scheme.code_type.width), reset_less=True)
            entry = Signal(width, reset_less=True, name=f"entry{k}")
            term = resize(weight, width)
            m.d.sync += [
                weight.eq(decode(tables.scheme, held.word_select(lane, bits))),
                entry.eq(entry + (term ^ down[1].replicate(width)) + down[1]),
            ]
            with m.If(fresh[1]):
                m.d.sync += entry.eq(-tables.lowest)
            m.d.comb += self.entries[k * width : (k + 1) * width].eq(entry)
        return m


def decode(scheme: Scheme, code: Value) -> Value:
    """Return the signed weight of a code, as :meth:`ir.scheme.Scheme.decode` does."""
    if not scheme.power_of_two:
        return code.as_signed()
    magnitude, sign = code[:-1], code[-1]
    power = ((Const(1, unsigned(1)) << magnitude) >> 1)[: scheme.max_exponent + 1]
    return Mux(sign, -power, power)


def _lowest(value: Value) -> Value:
    """Return the index of the lowest 1, 0 if there is none."""
    found: Value = Const(0)
    for k in reversed(range(len(value))):
        found = Mux(value[k], k, found)
    return found
