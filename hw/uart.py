"""UART: 8 data bits, no parity, one stop bit."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import cdc, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.framed import Framed
from hw.inbox import Inbox
from hw.system import System
from ir.errors import SpikewrightError
from ir.protocol import Code

LEAST_DIVISOR = 4
MOST_ERROR = 0.02
"""Cycles a bit, and deviation of the bit rate, with which both ends still sample the same bits."""


def divisor(clock_hz: float, baud: float) -> int:
    """Return the cycles per bit.

    Raises
    ------
    SpikewrightError
        If a whole number of cycles does not come close enough to the rate.

    Examples
    --------
    >>> divisor(25e6, 115200)
    217
    """
    found = max(1, round(clock_hz / baud)) if baud > 0 else 0
    if found < LEAST_DIVISOR or abs(clock_hz / found / baud - 1) > MOST_ERROR:
        raise SpikewrightError(
            f"UART has {baud:.0f} baud at a clock of {clock_hz:.0f} Hz; allowed are rates of which "
            f"a whole number of cycles, at least {LEAST_DIVISOR}, is within {MOST_ERROR:.0%}."
        )
    return found


class Receiver(wiring.Component):
    """From a pin to bytes.

    Waits for a falling edge, looks in the middle of the start bit whether it was one, then in the
    middle of each bit. A line that stays low gives a single byte.

    Parameters
    ----------
    divisor : int
        Cycles per bit.

    Members
    -------
    rx : In(1)
        Asynchronous.
    valid, data, code : Out
        A byte, for one cycle; code ``FRAMING`` if it has no stop bit.
    """

    def __init__(self, divisor: int) -> None:
        self.divisor = divisor
        super().__init__(
            {"rx": In(1, init=1), "valid": Out(1), "data": Out(8), "code": Out(8)},
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rx = Signal(init=1)
        m.submodules.synchroniser = cdc.FFSynchronizer(self.rx, rx, init=1)
        left, bits = Signal(range(self.divisor)), Signal(4)
        middle = Signal()
        m.d.comb += middle.eq(left == 0)
        m.d.sync += left.eq(Mux(middle, self.divisor - 1, left - 1))
        with m.FSM():
            with m.State("idle"), m.If(~rx):
                m.d.sync += left.eq(self.divisor // 2 - 1)
                m.next = "start"
            with m.State("start"), m.If(middle):
                m.d.sync += bits.eq(0)
                with m.If(rx):
                    m.next = "idle"
                with m.Else():
                    m.next = "data"
            with m.State("data"), m.If(middle):
                m.d.sync += [self.data.eq(Cat(self.data[1:], rx)), bits.eq(bits + 1)]
                with m.If(bits == 7):
                    m.next = "stop"
            with m.State("stop"), m.If(middle):
                m.d.comb += [self.valid.eq(1), self.code.eq(Mux(rx, Code.OK, Code.FRAMING))]
                # At few cycles a bit the next start bit may follow at once.
                m.next = "idle"
                with m.If(~rx):
                    m.next = "broken"
            with m.State("broken"), m.If(rx):
                m.next = "idle"
        return m


class Transmitter(wiring.Component):
    """From bytes to a pin.

    Parameters
    ----------
    divisor : int
        Cycles per bit.

    Members
    -------
    i : In(stream of 8)
    tx : Out(1)

    Timing
    ------
    A byte takes 10 x divisor cycles; the next one follows without a pause.
    """

    def __init__(self, divisor: int) -> None:
        self.divisor = divisor
        super().__init__({"i": In(stream.Signature(8)), "tx": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        left, bits, shift = Signal(range(self.divisor)), Signal(4), Signal(9)
        over = Signal()
        m.d.comb += [over.eq(left == 0), self.i.ready.eq((bits == 0) & over)]
        with m.If(~over):
            m.d.sync += left.eq(left - 1)
        with m.Elif(bits != 0):
            m.d.sync += [
                Cat(self.tx, shift).eq(Cat(shift, 1)),
                bits.eq(bits - 1),
                left.eq(self.divisor - 1),
            ]
        with m.Elif(self.i.valid):
            m.d.sync += [
                self.tx.eq(0),
                shift.eq(Cat(self.i.payload, 1)),
                bits.eq(9),
                left.eq(self.divisor - 1),
            ]
        return m


class Uart(wiring.Component):
    """An accelerator behind a UART.

    Parameters
    ----------
    system : System
    divisor : int
        Cycles per bit; see :func:`divisor`.

    Members
    -------
    rx : In(1)
        Asynchronous.
    tx : Out(1)
    """

    def __init__(self, system: System, divisor: int) -> None:
        self.system, self.divisor = system, divisor
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.receiver = receiver = Receiver(self.divisor)
        m.submodules.inbox = inbox = Inbox()
        m.submodules.framed = framed = Framed(self.system)
        m.submodules.transmitter = transmitter = Transmitter(self.divisor)
        wiring.connect(m, inbox.o, framed.i)
        wiring.connect(m, framed.o, transmitter.i)
        m.d.comb += [
            receiver.rx.eq(self.rx),
            inbox.valid.eq(receiver.valid),
            inbox.data.eq(receiver.data),
            inbox.code.eq(receiver.code),
            self.tx.eq(transmitter.tx),
        ]
        return m
