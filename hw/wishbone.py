"""Wishbone: registers, and samples and answers through a window of them."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.buffer import Buffer
from hw.session import padded
from hw.system import System
from ir import plan as plans
from ir.protocol import Code
from ir.registers import ADDRESS_BITS, SPIKES, WINDOW
from ir.types import IntType

DEPTH = 16
"""Words that the window holds in either direction."""

INPUT, INPUT_LAST, OUTPUT, FILL = range(4)
"""Registers of the window, in the order of :mod:`ir.registers`."""


def _buffer(name: str, width: int) -> Buffer:
    link = plans.Link(name, 1, 1, 1, IntType.of_width(width, signed=False))
    return Buffer(plans.Buffer(name, (link,), (link,), DEPTH))


class Wishbone(wiring.Component):
    """An accelerator behind a Wishbone B4 classic slave of 32 bits.

    A word of the source link is written to ``INPUT`` 32 bits at a time, lowest first; the last
    part of a sample's last word is written to ``INPUT_LAST``, and what then lacks of the word is
    zero. ``OUTPUT`` gives the words of answers, see :class:`hw.session.Session`. Both hold 16
    words, and refuse rather than wait: a bus that waits for room could not read the answers that
    make it. A reset through ``CONTROL`` empties ``INPUT``.

    Parameters
    ----------
    system : System

    Members
    -------
    wb_cyc_i, wb_stb_i, wb_we_i, wb_adr_i, wb_sel_i, wb_dat_i : In
        Byte addresses, whose lowest two bits are ignored; bytes that are not selected are written
        as zero.
    wb_dat_o, wb_ack_o, wb_err_o : Out
        An access that is refused ends with ``err`` and changes nothing.

    Timing
    ------
    Every access takes 2 cycles.
    """

    def __init__(self, system: System) -> None:
        self.system = system
        self.input = _buffer("input", padded(system.plan.source) + 1)
        self.output = _buffer("output", 33)
        inputs = {"cyc": 1, "stb": 1, "we": 1, "adr": ADDRESS_BITS, "sel": 4, "dat": 32}
        outputs = {"dat": 32, "ack": 1, "err": 1}
        super().__init__(
            {
                **{f"wb_{name}_i": In(bits) for name, bits in inputs.items()},
                **{f"wb_{name}_o": Out(bits) for name, bits in outputs.items()},
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.system = system = self.system
        m.submodules.input = ResetInserter(system.reset)(self.input)
        m.submodules.output = self.output
        into, out = self.input.o, self.output.i
        m.d.comb += [
            system.i.valid.eq(into.valid),
            Cat(system.i.payload.word, system.i.payload.last).eq(into.payload),
            into.ready.eq(system.i.ready),
            out.valid.eq(system.o.valid),
            out.payload.eq(Cat(system.o.payload.word, system.o.payload.last)),
            system.o.ready.eq(out.ready),
        ]
        begin, inside = Signal(), Signal()
        code, data = Signal(8), Signal(32)
        address = Cat(Const(0, 2), self.wb_adr_i[2:])
        written = Cat(Mux(self.wb_sel_i[k], self.wb_dat_i.word_select(k, 8), 0) for k in range(4))
        access = system.access
        m.d.comb += [
            access.enable.eq(begin & ~inside),
            access.write.eq(self.wb_we_i),
            access.address.eq(address),
            access.write_data.eq(written),
            inside.eq((address >= WINDOW) & (address < SPIKES)),
            system.refusal.code.eq(code),
        ]
        found, shown = Signal(8), Signal(32)
        self._window(m, begin & inside, address[2:5], written, found, shown)
        beyond = address >= WINDOW + 16
        with m.FSM():
            with m.State("idle"), m.If(self.wb_cyc_i & self.wb_stb_i):
                m.d.comb += begin.eq(1)
                m.d.sync += [
                    code.eq(Mux(beyond, Code.ADDRESS, found)),
                    data.eq(shown),
                ]
                with m.If(inside):
                    m.next = "window"
                with m.Else():
                    m.next = "register"
            with m.State("window"):
                bad = code != 0
                m.d.comb += [self.wb_ack_o.eq(~bad), self.wb_err_o.eq(bad)]
                m.d.comb += [self.wb_dat_o.eq(data), system.refusal.strobe.eq(bad)]
                m.next = "idle"
            with m.State("register"):
                bad = access.code != 0
                m.d.comb += [self.wb_ack_o.eq(~bad), self.wb_err_o.eq(bad)]
                m.d.comb += self.wb_dat_o.eq(access.read_data)
                m.next = "idle"
        return m

    def _window(
        self, m: Module, enable: Value, index: Value, written: Value, code: Value, data: Value
    ) -> None:
        """Add the four registers; ``code`` and ``data`` answer in the cycle of ``enable``."""
        room: stream.Interface = self.input.i
        held: stream.Interface = self.output.o
        width = padded(self.system.plan.source)
        parts = -(-width // 32)
        part, word = Signal(range(parts)), Signal(32 * parts)
        whole = Signal(32 * parts)
        m.d.comb += whole.eq(word)
        for k in range(parts):
            with m.If(part == k):
                m.d.comb += whole.word_select(k, 32).eq(written)
        last = index == INPUT_LAST
        complete = (part == parts - 1) | last
        m.d.comb += [
            room.payload.eq(Cat(whole[:width], last)),
            data.eq(
                Mux(
                    index == OUTPUT,
                    held.payload[:32],
                    Cat(room.ready, held.valid, held.payload[32]),
                )
            ),
        ]
        with m.Switch(index):
            with m.Case(INPUT, INPUT_LAST):
                with m.If(~self.wb_we_i):
                    m.d.comb += code.eq(Code.ADDRESS)
                with m.Elif(~room.ready):
                    m.d.comb += code.eq(Code.FULL)
                with m.Elif(enable):
                    m.d.comb += room.valid.eq(complete)
                    m.d.sync += [part.eq(part + 1), word.eq(whole)]
                    with m.If(complete):
                        m.d.sync += [part.eq(0), word.eq(0)]
            with m.Case(OUTPUT, FILL):
                with m.If(self.wb_we_i):
                    m.d.comb += code.eq(Code.READ_ONLY)
                with m.Elif((index == OUTPUT) & ~held.valid):
                    m.d.comb += code.eq(Code.EMPTY)
                with m.Else():
                    m.d.comb += held.ready.eq(enable & (index == OUTPUT))
        with m.If(self.system.reset):
            m.d.sync += [part.eq(0), word.eq(0)]
