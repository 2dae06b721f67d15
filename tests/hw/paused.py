"""An accelerator whose links can be paused: between stations, where no bench reaches otherwise."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In

from hw.top import Accelerator, ports


class Paused(wiring.Component):
    """The accelerator of a plan with a gate in every link.

    Parameters
    ----------
    loses : bool
        Plants a fault: a gate takes words while it is closed.

    Members
    -------
    link : In(8)
        Number of the link that pauses, in order of stations, the sink last.
    word : In(16)
        Its word, counted from reset, before which it pauses.
    every : In(1)
        Whether it pauses before each word.
    length : In(8)
        Cycles that a word which is offered waits.
    """

    def __init__(self, plan, images, *, loses=False):
        self.inner = _Gated(plan, images, loses)
        self.plan, self.names = plan, tuple(ports(plan))
        more = {"link": In(8), "word": In(16), "every": In(1), "length": In(8)}
        super().__init__(ports(plan) | more)

    def elaborate(self, platform):
        m = Module()
        m.submodules.inner = inner = self.inner
        for name in self.names:
            outer = getattr(self, name)
            if isinstance(outer, Signal):
                m.d.comb += outer.eq(getattr(inner, name))
            elif name == "i":
                wiring.connect(m, wiring.flipped(outer), inner.i)
            else:
                wiring.connect(m, getattr(inner, name), wiring.flipped(outer))
        m.d.comb += [
            inner.link.eq(self.link),
            inner.word.eq(self.word),
            inner.every.eq(self.every),
            inner.length.eq(self.length),
        ]
        return m


class _Gated(Accelerator):
    """An accelerator with a gate in every link; its signals are driven from outside."""

    def __init__(self, plan, images, loses):
        super().__init__(plan, images)
        self.loses = loses
        self.link, self.word = Signal(8), Signal(16)
        self.every, self.length = Signal(), Signal(8)
        self.joined = []

    def join(self, m, link, source, sink):
        number = len(self.joined)
        self.joined.append(link)
        gate = stream.Signature(source.payload.shape()).create()
        count, waited = Signal(16), Signal(8)
        closed, moves = Signal(), Signal()
        # A word that was let through once is not taken back.
        m.d.comb += [
            closed.eq(
                (self.link == number)
                & (self.every | (count == self.word))
                & (waited != self.length)
            ),
            gate.payload.eq(source.payload),
            gate.valid.eq(source.valid & ~closed),
            source.ready.eq((gate.ready & ~closed) | (closed & self.loses)),
            moves.eq(gate.valid & gate.ready),
        ]
        with m.If(source.valid & closed):
            m.d.sync += waited.eq(waited + 1)
        with m.If(moves):
            m.d.sync += [waited.eq(0), count.eq(count + 1)]
        super().join(m, link, gate, sink)
