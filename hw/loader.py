"""Loader of a table synapse: from weight codes to table entries, one entry a cycle and loader."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.adder import accumulate
from hw.stream import resize
from ir.scheme import Scheme
from ir.tables import Tables

JOINT = ("xc7",)
"""Fabrics whose LUT RAM is deep enough for both banks of a table of four spikes."""


class Loader(wiring.Component):
    """Computes the entries of ``loaders`` tables at a time.

    The entries of a table follow each other in Gray-code order, so that each is its predecessor
    plus or minus one weight.

    Parameters
    ----------
    tables : ir.tables.Tables
    fabric : str
        As in :class:`hw.table.Table`.

    Members
    -------
    load, loading, code_enable, codes
        As in :class:`hw.table.Table`.
    target : In(1)
        Bank of the load; with one bank 0.
    address : Out(group)
        Entry that is written.
    entries : Out(loaders * entry_width)
        What is written, loader 0 lowest.
    write0, write1 : Out(words)
        Bit k: the tables of code word k are written at the end of this cycle. ``write1`` is that
        of bank 1, if the banks are two memories.

    Timing
    ------
    See :class:`hw.table.Table`.
    """

    def __init__(self, tables: Tables, fabric: str = "plain") -> None:
        self.tables, self.fabric = tables, fabric
        self.memories = 1 if fabric in JOINT else tables.banks
        super().__init__(
            {
                "load": In(1),
                "loading": Out(1),
                "code_enable": Out(1),
                "codes": In(tables.word_width),
                "address": Out(tables.group),
                "entries": Out(tables.loaders * tables.entry_width),
                "target": In(1),
                **{f"write{bank}": Out(tables.words) for bank in range(self.memories)},
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        tables = self.tables
        group, bits, width = tables.group, tables.scheme.bits, tables.entry_width
        start, fetch = Signal(), Signal()
        # Stages: ask for a word, select a weight, give it its sign, add it, hand it on, write.
        # Tables lie far apart: what starts a load and what is written has a register of its own.
        step = [Signal(group, name=f"step{k}", reset_less=True) for k in range(5)]
        first = Signal(6)
        left = Signal(range(tables.words), reset_less=True)
        last = (1 << group) - 1
        # One-hot registers: write enables that need no decoder.
        writes = [getattr(self, f"write{bank}") for bank in range(self.memories)]
        m.d.comb += [
            start.eq(self.load & ~self.loading),
            self.code_enable.eq(fetch & (step[0] == 0)),
        ]
        m.d.sync += [
            first.eq(Cat(start, first)),
            step[0].eq(step[0] + 1),
            *(step[k].eq(step[k - 1]) for k in range(1, 5)),
            self.address.eq(step[4] ^ (step[4] >> 1)),
        ]
        with m.If(start):
            m.d.sync += self.loading.eq(1)
        with m.If(first[0]):
            m.d.sync += [
                fetch.eq(1),
                step[0].eq(0),
                left.eq(tables.words - 1),
            ]
        with m.Elif(step[0] == last):
            m.d.sync += [left.eq(left - 1), fetch.eq(fetch & (left != 0))]
        with m.If(self.address == 1 << (group - 1)):  # the last in Gray-code order
            m.d.sync += [write.eq(write << 1) for write in writes]
            with m.If(Cat(write[-1] for write in writes).any()):
                m.d.sync += self.loading.eq(0)
        for bank, write in enumerate(writes):
            with m.If(first[5] & (self.target == bank if self.memories > 1 else 1)):
                m.d.sync += write.eq(1)

        # The entry of step k differs from its predecessor's by the weight of lane `lane`, which is
        # subtracted if its bit goes to 0. Step 0 takes back the last weight of the word before.
        lane = Signal(range(group), reset_less=True)
        down = [Signal(name=f"down{k}", reset_less=True) for k in range(2)]
        flip = Mux(step[0] == 0, last + 1 >> 1, step[0] & -step[0])[:group]
        m.d.sync += [
            lane.eq(_index(flip)),
            down[0].eq(~((step[0] ^ (step[0] >> 1)) & flip).any()),
            down[1].eq(down[0]),
        ]
        codes = Signal(tables.word_width, reset_less=True)
        with m.If(step[1] == 0):
            m.d.sync += codes.eq(self.codes)
        entries, terms, carries = [], [], []
        for k in range(tables.loaders):
            held = codes[k * group * bits : (k + 1) * group * bits]
            code = Signal(bits, reset_less=True, name=f"code{k}")
            weight, minus = decode(tables.scheme, code)
            negative = minus ^ down[1]
            term = Signal(signed(len(weight)), reset_less=True, name=f"term{k}")
            carry = Signal(reset_less=True, name=f"carry{k}")
            entry = Signal(width, reset_less=True, name=f"entry{k}")
            with m.If(self.loading):  # idle loaders shall not toggle
                m.d.sync += [
                    code.eq(held.word_select(lane, bits)),
                    term.eq(weight ^ negative.replicate(len(weight))),
                    carry.eq(negative),
                ]
            m.d.sync += self.entries[k * width : (k + 1) * width].eq(entry)
            entries.append(entry)
            terms.append(resize(term, width))
            carries.append(carry)
        sums = accumulate(m, entries, terms, carries, fabric=self.fabric, platform=platform)
        for entry, total in zip(entries, sums, strict=True):
            with m.If(self.loading):
                m.d.sync += entry.eq(total)
            with m.If(first[4]):
                m.d.sync += entry.eq(-tables.lowest)
        return m


def decode(scheme: Scheme, code: Value) -> tuple[Value, Value]:
    """Return a weight's bits, two's complement, and whether it counts negative.

    A power of two, 1 included, keeps its sign apart, so that negating it takes no adder.
    """
    if not scheme.has_zero:
        return Const(1, 2), code
    if not scheme.power_of_two:
        return code, Const(0, 1)
    magnitude, sign = code[:-1], code[-1]
    power = [magnitude == exponent + 1 for exponent in range(scheme.max_exponent + 1)]
    return Cat(*power, Const(0, 1)), sign


def _index(hot: Value) -> Value:
    """Return the index of the only 1."""
    count = len(hot)
    bits = range((count - 1).bit_length())
    return Cat(*(Cat(*(hot[k] for k in range(count) if k >> bit & 1)).any() for bit in bits))
