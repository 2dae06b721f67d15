"""Frames of :mod:`ir.protocol` in hardware: bytes to packets and orders, answers to bytes."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, ValueLike
from amaranth.lib import crc, data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.session import ANSWER, packet, padded
from hw.slip import FRAMED, TOKEN
from ir import plan as plans
from ir.protocol import HEADER, Code, Kind

ORDER = data.StructLayout({"write": 1, "address": 16, "value": 32, "code": 8, "sequence": 8})
"""A register access that the host orders; with a code, a frame that is refused."""

REPLY = data.StructLayout({"kind": 8, "word": 32, "sequence": 8})
"""A frame of one word."""

CRC = crc.catalog.CRC32_ISO_HDLC
READ_BYTES, WRITE_BYTES = 2, 6


class Deframer(wiring.Component):
    """Takes frames apart.

    A sample's words go on as they come; its last word waits for the end of the frame and carries
    what was found: the first code among its bytes, else ``CRC``, else ``LENGTH`` where the frame is
    not as long as its header says. A frame that is too short for a header is refused as ``SHORT``,
    one of an unknown type as ``TYPE``, one whose type has another length as ``LENGTH``.

    Parameters
    ----------
    link : ir.plan.Link
        Source of the plan.

    Members
    -------
    i : In(stream of data, end, code)
    packet : Out(stream of word, last, code, sequence)
    order : Out(stream of write, address, value, code, sequence)

    Timing
    ------
    One byte a cycle, but for one more with every word of a sample.
    """

    def __init__(self, link: plans.Link) -> None:
        self.link = link
        super().__init__(
            {
                "i": In(stream.Signature(TOKEN)),
                "packet": Out(stream.Signature(packet(link))),
                "order": Out(stream.Signature(ORDER)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        size = padded(self.link) // 8
        total = self.link.words * size
        m.submodules.crc = check = CRC(8).create()
        token = self.i.payload
        kind, sequence, shift = Signal(8), Signal(8), Signal(48)
        fault, code = Signal(8), Signal(8)
        index, left = Signal(range(HEADER)), Signal(range(max(total, WRITE_BYTES) + 1))
        part, tail = Signal(range(size)), Signal(3)
        word = Signal(8 * size)
        length = Cat(shift[24:], token.data)
        move, byte, end = Signal(), Signal(), Signal()
        m.d.comb += [
            move.eq(self.i.valid & self.i.ready),
            byte.eq(move & ~token.end),
            end.eq(move & token.end),
            check.data.eq(token.data),
            check.valid.eq(byte),
            check.start.eq(end),
        ]
        found = Mux(fault != 0, fault, token.code)
        with m.If(move):
            m.d.sync += fault.eq(Mux(end, 0, found))
        with m.FSM() as fsm:
            with m.State("header"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(byte):
                    m.d.sync += index.eq(index + 1)
                    with m.If(index == 0):
                        m.d.sync += kind.eq(token.data)
                    with m.If(index == 1):
                        m.d.sync += sequence.eq(token.data)
                    with m.If(index == HEADER - 1):
                        m.d.sync += [index.eq(0), left.eq(length), part.eq(0), tail.eq(0)]
                        m.d.sync += code.eq(Code.LENGTH)
                        m.next = "skip"
                        with m.Switch(kind):
                            with m.Case(Kind.SAMPLE), m.If(length == total):
                                m.next = "sample"
                            with m.Case(Kind.READ), m.If(length == READ_BYTES):
                                m.next = "request"
                            with m.Case(Kind.WRITE), m.If(length == WRITE_BYTES):
                                m.next = "request"
                            with m.Default():
                                m.d.sync += code.eq(Code.TYPE)
                with m.If(end & ((index != 0) | (found != 0))):
                    m.d.sync += [index.eq(0), code.eq(Mux(found != 0, found, Code.SHORT))]
                    with m.If(index < 2):
                        m.d.sync += sequence.eq(0)
                    m.next = "order"
            with m.State("sample"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(byte):
                    m.d.sync += [word.eq(Cat(word[8:], token.data)), left.eq(left - 1)]
                    m.d.sync += part.eq(Mux(part == size - 1, 0, part + 1))
                    with m.If(left == 1):
                        m.next = "sample check"
                    with m.Elif(part == size - 1):
                        m.next = "word"
                self._end(m, end, found, check.match_detected, Code.LENGTH, code, "last word")
            with m.State("word"):
                m.d.comb += self.packet.valid.eq(1)
                with m.If(self.packet.ready):
                    m.next = "sample"
            with m.State("sample check"):
                self._tail(m, byte, tail)
                good = Mux(tail == 4, Code.OK, Code.LENGTH)
                self._end(m, end, found, check.match_detected, good, code, "last word")
            with m.State("last word"):
                m.d.comb += [self.packet.valid.eq(1), self.packet.payload.last.eq(1)]
                with m.If(self.packet.ready):
                    m.next = "header"
            with m.State("request"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(byte):
                    m.d.sync += left.eq(left - 1)
                    with m.If(left == 1):
                        m.next = "request check"
                self._end(m, end, found, check.match_detected, Code.LENGTH, code, "order")
            with m.State("request check"):
                self._tail(m, byte, tail)
                good = Mux(tail == 4, Code.OK, Code.LENGTH)
                self._end(m, end, found, check.match_detected, good, code, "order")
            with m.State("skip"):
                m.d.comb += self.i.ready.eq(1)
                self._end(m, end, found, check.match_detected, code, code, "order")
            with m.State("order"):
                m.d.comb += self.order.valid.eq(1)
                with m.If(self.order.ready):
                    m.next = "header"
        # Not the CRC: so an order lies there when it is complete.
        with m.If(byte & (fsm.ongoing("header") | fsm.ongoing("request"))):
            m.d.sync += shift.eq(Cat(shift[8:], token.data))
        writing = kind == Kind.WRITE
        m.d.comb += [
            self.packet.payload.word.eq(word),
            self.packet.payload.code.eq(code),
            self.packet.payload.sequence.eq(sequence),
            self.order.payload.write.eq(writing),
            self.order.payload.address.eq(Mux(writing, shift[:16], shift[32:])),
            self.order.payload.value.eq(shift[16:]),
            self.order.payload.code.eq(code),
            self.order.payload.sequence.eq(sequence),
        ]
        return m

    def _tail(self, m: Module, byte: Signal, tail: Signal) -> None:
        """Count bytes behind the payload, up to one more than a CRC has."""
        m.d.comb += self.i.ready.eq(1)
        with m.If(byte & (tail != 5)):
            m.d.sync += tail.eq(tail + 1)

    def _end(
        self,
        m: Module,
        end: Value,
        found: Value,
        match: Value,
        good: ValueLike,
        code: Signal,
        then: str,
    ) -> None:
        """At the end of a frame keep what is wrong with it, and go on to state ``then``."""
        with m.If(end):
            m.d.sync += code.eq(Mux(found != 0, found, Mux(match, good, Code.CRC)))
            m.next = then


class Framer(wiring.Component):
    """Puts frames together: answers of the session, and replies of one word before them.

    Parameters
    ----------
    classes : int
        Logits of an answer.

    Members
    -------
    answer : In(stream of word, last, sequence)
        An answer of one word is an ``ERROR``.
    reply : In(stream of kind, word, sequence)
    o : Out(stream of data, end)

    Timing
    ------
    One byte a cycle, and one cycle to choose between frames.
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        super().__init__(
            {
                "answer": In(stream.Signature(ANSWER)),
                "reply": In(stream.Signature(REPLY)),
                "o": Out(stream.Signature(FRAMED)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        answer, reply, o = self.answer, self.reply, self.o
        m.submodules.crc = check = CRC(8).create()
        own, index = Signal(), Signal(range(HEADER))
        kind, sequence = Signal(8), Signal(8)
        length, word, move = Signal(32), Signal(32), Signal()
        m.d.comb += [
            move.eq(o.valid & o.ready),
            check.data.eq(o.payload.data),
            word.eq(Mux(own, reply.payload.word, answer.payload.word)),
        ]
        header = Cat(kind, sequence, length)
        with m.FSM():
            with m.State("choose"):
                m.d.comb += check.start.eq(1)
                with m.If(reply.valid):
                    m.d.sync += [
                        own.eq(1),
                        kind.eq(reply.payload.kind),
                        sequence.eq(reply.payload.sequence),
                        length.eq(4),
                    ]
                    m.next = "header"
                with m.Elif(answer.valid):
                    one = answer.payload.last
                    m.d.sync += [
                        own.eq(0),
                        kind.eq(Mux(one, Kind.ERROR, Kind.RESULT)),
                        sequence.eq(answer.payload.sequence),
                        length.eq(Mux(one, 4, 4 * (self.classes + 1))),
                    ]
                    m.next = "header"
            with m.State("header"):
                m.d.comb += [o.valid.eq(1), o.payload.data.eq(header.word_select(index, 8))]
                m.d.comb += check.valid.eq(move)
                with m.If(move):
                    m.d.sync += index.eq(index + 1)
                    with m.If(index == HEADER - 1):
                        m.d.sync += index.eq(0)
                        m.next = "word"
            with m.State("word"):
                m.d.comb += [
                    o.valid.eq(own | answer.valid),
                    o.payload.data.eq(word.word_select(index[:2], 8)),
                    check.valid.eq(move),
                ]
                with m.If(move):
                    m.d.sync += index[:2].eq(index + 1)
                    with m.If(index == 3):
                        m.d.comb += [reply.ready.eq(own), answer.ready.eq(~own)]
                        with m.If(own | answer.payload.last):
                            m.next = "check"
            with m.State("check"):
                m.d.comb += [o.valid.eq(1), o.payload.data.eq(check.crc.word_select(index[:2], 8))]
                with m.If(move):
                    m.d.sync += index[:2].eq(index + 1)
                    with m.If(index == 3):
                        m.next = "end"
            with m.State("end"):
                m.d.comb += [o.valid.eq(1), o.payload.end.eq(1)]
                with m.If(move):
                    m.next = "choose"
        return m
