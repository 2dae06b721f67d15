"""A system behind a line of bytes."""

from __future__ import annotations

from amaranth.hdl import Module, Mux
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.packet import Deframer, Framer
from hw.slip import BYTE, Escape, Unescape
from hw.system import System
from ir.protocol import Kind


class Framed(wiring.Component):
    """Speaks :mod:`ir.protocol`.

    Parameters
    ----------
    system : System

    Members
    -------
    i : In(stream of data, code)
    o : Out(stream of 8)
    """

    def __init__(self, system: System) -> None:
        self.system = system
        super().__init__({"i": In(stream.Signature(BYTE)), "o": Out(stream.Signature(8))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.system = system = self.system
        m.submodules.unescape = unescape = Unescape()
        m.submodules.deframer = deframer = Deframer(system.plan.source)
        m.submodules.framer = framer = Framer(system.plan.sink.words)
        m.submodules.escape = escape = Escape()
        wiring.connect(m, wiring.flipped(self.i), unescape.i)
        wiring.connect(m, unescape.o, deframer.i)
        wiring.connect(m, deframer.packet, system.i)
        wiring.connect(m, system.o, framer.answer)
        wiring.connect(m, framer.o, escape.i)
        wiring.connect(m, escape.o, wiring.flipped(self.o))
        self._obey(m, deframer.order, framer.reply)
        return m

    def _obey(self, m: Module, order: stream.Interface, reply: stream.Interface) -> None:
        """Access registers as ordered; reply to that, and to frames that are refused."""
        access, refusal = self.system.access, self.system.refusal
        refused = order.payload.code != 0
        wrong = refused | (access.code != 0)
        why = Mux(refused, order.payload.code, access.code)
        m.d.comb += [
            access.write.eq(order.payload.write),
            access.address.eq(order.payload.address),
            access.write_data.eq(order.payload.value),
            refusal.code.eq(order.payload.code),
            reply.payload.kind.eq(Mux(wrong, Kind.ERROR, Kind.VALUE)),
            reply.payload.word.eq(Mux(wrong, why, access.read_data)),
            reply.payload.sequence.eq(order.payload.sequence),
        ]
        with m.FSM():
            with m.State("idle"), m.If(order.valid):
                m.d.comb += [access.enable.eq(~refused), refusal.strobe.eq(refused)]
                m.next = "reply"
            with m.State("reply"):
                m.d.comb += [reply.valid.eq(1), order.ready.eq(reply.ready)]
                with m.If(reply.ready):
                    m.next = "idle"
