"""The session: packets of any length in, samples of the right length to the core, answers out."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.buffer import Buffer
from hw.classify import layout
from hw.stream import advance, elements, port, resize
from ir import plan as plans
from ir import readout
from ir.errors import SpikewrightError
from ir.protocol import Code
from ir.types import IntType

IN_FLIGHT = 32
"""Samples that may be between the first word of one and the answer of another."""

ANSWER = data.StructLayout({"word": 32, "last": 1, "sequence": 8})
"""A word of an answer; ``sequence`` is that of the packet."""


def padded(link: plans.Link) -> int:
    """Return the bits of a word in whole bytes."""
    return -(-link.width // 8) * 8


def packet(link: plans.Link) -> data.StructLayout:
    """Return the payload of a packet stream: words of ``link`` in whole bytes.

    ``code`` and ``sequence`` are read with ``last``: what the transport found wrong, and a number
    that comes back with the answer.
    """
    return data.StructLayout({"word": padded(link), "last": 1, "code": 8, "sequence": 8})


class Refusal(wiring.Signature):
    """Signature of a strobe that says that something was refused, and why."""

    def __init__(self) -> None:
        super().__init__({"strobe": Out(1), "code": Out(8)})


class Session(wiring.Component):
    """Keeps a core in step whatever a transport delivers.

    One packet is one sample. Its words go to the core as they come, as there is no memory for a
    sample. A packet that ends early is completed with zero words, one that goes on is cut, an
    element outside the range of the input is replaced by zero. So the core always gets whole legal
    samples, and the answer of one that was not whole and legal is replaced by a code.

    An answer is one word per class, the logit as signed 32-bit integer, and a last word with the
    code in bits 7..0 and the label in bits 31..16; where the code is not ``OK``, only that word.

    Parameters
    ----------
    plan : ir.plan.Plan
    in_flight : int
        Packets whose answers may be outstanding; more of them wait.

    Members
    -------
    i : In(stream of word, last, code, sequence)
        Packets; see :func:`packet`. Bits of a word beyond those of the source link must be zero.
    o : Out(stream of word, last, sequence)
        Answers, in the order of packets.
    core_i, core_o
        Streams of the core.
    clear : In(1)
        High in the cycle in which the core is reset. An answer that is being sent ends with code
        ``RESET``; whatever else is under way is forgotten. What is left of a packet that was
        coming in counts as a packet of its own.
    refuse : In(1)
        Only if the plan has a reload: packets that come are refused with ``BUSY``.
    busy : Out(1)
        A packet or an answer is under way.
    refusal : Out(strobe, code)
        High for a cycle with each packet that is refused.

    Timing
    ------
    Words pass to the core in the cycle in which they come. A logit leaves one cycle after the
    core's transfer, the last word of an answer one cycle after the last logit; no logit is taken
    from the core meanwhile. So a core whose interval is at least its classes + 1 is as fast as
    without a session. ``o`` is registered.

    Raises
    ------
    SpikewrightError
        If logits are wider than 32 bits, or labels wider than 16.
    """

    def __init__(self, plan: plans.Plan, in_flight: int = IN_FLIGHT) -> None:
        last = plan.stations[-1]
        assert isinstance(last, readout.Classify)
        if last.o.type.width > 32:
            raise SpikewrightError(
                f"Logits have {last.o.type.width} bits; allowed are 32 where a host reads them."
            )
        if last.classes > 1 << 16:
            raise SpikewrightError(
                f"Readout has {last.classes} classes; allowed are 65536 where a host reads them."
            )
        self.source, self.reload = plan.source, plan.reload
        link = plans.Link("status", 1, 2, 1, IntType(0, 255))
        self.status = Buffer(plans.Buffer("status", (link,), (link,), in_flight))
        super().__init__(
            {
                "i": In(stream.Signature(packet(plan.source))),
                "o": Out(stream.Signature(ANSWER)),
                "core_i": Out(port(plan.source)),
                "core_o": In(stream.Signature(layout(last))),
                "clear": In(1),
                "busy": Out(1),
                "refusal": Out(Refusal()),
                **({"refuse": In(1)} if plan.reload else {}),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.status = ResetInserter(self.clear)(self.status)
        begun = self._take(m)
        answering = self._answer(m)
        m.d.comb += self.busy.eq(begun | self.status.o.valid | answering)
        return m

    def _take(self, m: Module) -> Value:
        """Add the way in; return whether a packet has begun to come."""
        i, o, status = self.i, self.core_i, self.status.i
        words = self.source.words
        count, filling, dropping = Signal(range(words)), Signal(), Signal()
        code, sequence, outside = Signal(8), Signal(8), Signal()
        clean = self._clean(m, outside)
        final, last, move = Signal(), Signal(), Signal()
        m.d.comb += [
            final.eq(count == words - 1),
            last.eq(i.payload.last),
            move.eq(o.valid & o.ready),
            o.payload.eq(Mux(filling, 0, clean)),
        ]
        wrong: Value = Mux(outside, Code.RANGE, code)
        if self.reload:
            wrong = Mux(self.refuse, Code.BUSY, wrong)
        told = Mux(last & (i.payload.code != 0), i.payload.code, wrong)
        m.d.comb += status.payload.eq(Cat(told, i.payload.sequence))
        with m.If(filling):
            room = ~final | status.ready
            m.d.comb += [
                o.valid.eq(room),
                status.valid.eq(final & o.ready),
                status.payload.eq(Cat(code, sequence)),
            ]
            with m.If(move & final):
                m.d.sync += [filling.eq(0), code.eq(0)]
        with m.Elif(dropping):
            m.d.comb += [
                i.ready.eq(~last | status.ready),
                status.valid.eq(i.valid & last),
                status.payload.eq(
                    Cat(Mux(i.payload.code != 0, i.payload.code, code), i.payload.sequence)
                ),
            ]
            with m.If(status.valid & status.ready):
                m.d.sync += [dropping.eq(0), code.eq(0)]
        with m.Else():
            room = ~(final & last) | status.ready
            m.d.comb += [
                o.valid.eq(i.valid & room),
                i.ready.eq(o.ready & room),
                status.valid.eq(i.valid & final & last & o.ready),
            ]
            with m.If(move):
                m.d.sync += [code.eq(told), sequence.eq(i.payload.sequence)]
                with m.If(final & last):
                    m.d.sync += code.eq(0)
                with m.Elif(last):
                    m.d.sync += filling.eq(1)
                    with m.If(i.payload.code == 0):
                        m.d.sync += code.eq(Code.SHORT)
                with m.Elif(final):
                    m.d.sync += [dropping.eq(1), code.eq(Code.LONG)]
        with m.If(move):
            advance(m, count, words)
        with m.If(self.clear):
            m.d.sync += [count.eq(0), filling.eq(0), dropping.eq(0), code.eq(0)]
        return (count != 0) | filling | dropping

    def _clean(self, m: Module, outside: Signal) -> Value:
        """Return the word with elements out of range as zeros; ``outside`` says whether any is."""
        word, link = self.i.payload.word, self.source
        kept, wrong = [], [word[link.width :] != 0]
        full = IntType.of_width(link.type.width, signed=link.type.signed) == link.type
        for lane in elements(word, link):
            for element in lane:
                bad = (
                    Value.cast(0)
                    if full
                    else (element < link.type.low) | (element > link.type.high)
                )
                kept.append(Mux(bad, 0, resize(element, link.type.width)))
                wrong.append(bad)
        m.d.comb += outside.eq(Cat(wrong).any())
        return Cat(kept)

    def _answer(self, m: Module) -> Value:
        """Add the way out; return whether an answer is being sent."""
        i, o, status = self.core_o, self.o, self.status.o
        code, sequence = status.payload[:8], status.payload[8:]
        free, put = Signal(), Signal()
        # Packets whose first word is out; those that a reset left without an end.
        begun, broken = Signal(), Signal()
        ending, label = Signal(), Signal.like(i.payload.label)
        m.d.comb += free.eq(~o.valid | o.ready)
        with m.If(free):
            m.d.sync += o.valid.eq(put)
        with m.If(broken):
            m.d.comb += put.eq(1)
            with m.If(free):
                m.d.sync += [
                    o.payload.word.eq(Code.RESET),
                    o.payload.last.eq(1),
                    broken.eq(0),
                    begun.eq(0),
                ]
        with m.Elif(ending):
            m.d.comb += put.eq(1)
            with m.If(free):
                m.d.sync += [
                    o.payload.word.eq(Cat(code, Mux(code == 0, label, 0) << 8)),
                    o.payload.last.eq(1),
                    o.payload.sequence.eq(sequence),
                    ending.eq(0),
                    begun.eq(0),
                ]
                m.d.comb += status.ready.eq(1)
        with m.Else():
            m.d.comb += i.ready.eq(status.valid & (free | (code != 0)))
            m.d.comb += put.eq(i.valid & status.valid & (code == 0))
            with m.If(put & free):
                m.d.sync += [
                    o.payload.word.eq(i.payload.logit),
                    o.payload.last.eq(0),
                    o.payload.sequence.eq(sequence),
                    begun.eq(1),
                ]
            with m.If(i.valid & i.ready & i.payload.last):
                m.d.sync += [ending.eq(1), label.eq(i.payload.label)]
        m.d.comb += [
            self.refusal.strobe.eq(status.ready & (code != 0)),
            self.refusal.code.eq(code),
        ]
        with m.If(self.clear):
            m.d.sync += ending.eq(0)
            with m.If(~broken & (begun | (put & free)) & ~(ending & free)):
                m.d.sync += broken.eq(1)
        return o.valid | begun | broken | ending
