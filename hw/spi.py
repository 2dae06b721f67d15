"""SPI: the framed bytes of a UART, in step with a clock that the host drives."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import cdc, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.framed import Framed
from hw.inbox import Inbox
from hw.system import System
from ir.protocol import END


class Peripheral(wiring.Component):
    """Shifts bytes in and out, highest bit first, in mode 0.

    The three inputs are sampled with the core's clock. While there is nothing to send, delimiters
    go out; a byte counts as sent with its last bit. A byte that is cut short is forgotten in
    both directions, and what was to be sent goes out again.

    Members
    -------
    sck, csn, copi : In(1)
        Asynchronous. ``csn`` is low while the host speaks.
    cipo : Out(1)
    valid, data : Out
        A byte, for one cycle.
    i : In(stream of 8)

    Timing
    ------
    ``cipo`` changes 3 to 4 cycles after the falling edge of ``sck``, and is to be read with its
    rising edge: ``sck`` may have an eighth of the clock, if the host reads it at once, and each of
    its levels lasts at least 4 cycles. After ``csn`` falls the host waits as long.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "sck": In(1),
                "csn": In(1, init=1),
                "copi": In(1),
                "cipo": Out(1),
                "valid": Out(1),
                "data": Out(8),
                "i": In(stream.Signature(8)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        sck, csn, copi, before = Signal(), Signal(init=1), Signal(), Signal()
        m.submodules += [
            cdc.FFSynchronizer(self.sck, sck),
            cdc.FFSynchronizer(self.csn, csn, init=1),
            cdc.FFSynchronizer(self.copi, copi),
        ]
        bits, taken, sent, held = Signal(3), Signal(8), Signal(8), Signal()
        rise, fall, load = Signal(), Signal(), Signal()
        m.d.sync += before.eq(sck)
        m.d.comb += [
            rise.eq(~csn & sck & ~before),
            fall.eq(~csn & ~sck & before),
            load.eq(csn | (fall & (bits == 0))),
            self.cipo.eq(sent[7]),
            self.data.eq(Cat(copi, taken[:7])),
            self.valid.eq(rise & (bits == 7)),
            self.i.ready.eq(self.valid & held),
        ]
        with m.If(rise):
            m.d.sync += [taken.eq(self.data), bits.eq(bits + 1)]
        with m.If(load):
            m.d.sync += [
                sent.eq(Mux(self.i.valid, self.i.payload, END)),
                held.eq(self.i.valid),
            ]
        with m.Elif(fall):
            m.d.sync += sent.eq(sent << 1)
        with m.If(csn):
            m.d.sync += bits.eq(0)
        return m


class Spi(wiring.Component):
    """An accelerator behind SPI.

    Parameters
    ----------
    system : System

    Members
    -------
    sck, csn, copi : In(1)
    cipo : Out(1)
        See :class:`Peripheral`. A host that only listens sends delimiters.
    """

    def __init__(self, system: System) -> None:
        self.system = system
        super().__init__({"sck": In(1), "csn": In(1, init=1), "copi": In(1), "cipo": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.peripheral = peripheral = Peripheral()
        m.submodules.inbox = inbox = Inbox()
        m.submodules.framed = framed = Framed(self.system)
        wiring.connect(m, inbox.o, framed.i)
        wiring.connect(m, framed.o, peripheral.i)
        m.d.comb += [
            peripheral.sck.eq(self.sck),
            peripheral.csn.eq(self.csn),
            peripheral.copi.eq(self.copi),
            self.cipo.eq(peripheral.cipo),
            inbox.valid.eq(peripheral.valid),
            inbox.data.eq(peripheral.data),
        ]
        return m
