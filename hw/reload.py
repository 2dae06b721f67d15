"""Memories written while the board runs: their bus, and the registers' end of it."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import crc, wiring
from amaranth.lib.wiring import In, Out

from hw.memory import Port
from ir.image import shapes
from ir.plan import Plan
from ir.protocol import Code

CRC = crc.catalog.CRC32_ISO_HDLC
PART = 32
"""Bits that a register access carries."""

ORDERS = {
    "RELOAD_MEMORY": "choose",
    "RELOAD_DATA": "give",
    "RELOAD_CHECKSUM": "check",
    "NETWORK": "name",
}
"""Member of :class:`Orders` that a write to a register raises."""

SHOWN = ("network", "reload_memory", "reload_data", "reload_address", "reload_checksum")
"""Registers, in small letters, whose values come from here."""


def parts(width: int) -> int:
    """Return the register accesses that a word of ``width`` [bit] takes."""
    return -(-width // PART)


class Bus(wiring.Signature):
    """Signature of what writes all memories of a plan, one at a time, and reads them back.

    Parameters
    ----------
    plan : ir.plan.Plan

    Members
    -------
    select : Out
        One bit per memory, in the order of :func:`ir.image.shapes`; at most one is high.
    read, write : Out(1)
        Of the selected memory's word at ``address``; never both.
    address : Out
    data : Out
        Word to write, in its highest whole 32 bits.
    found : In
        Word that was read, from the next cycle on, in the lowest bits.
    """

    def __init__(self, plan: Plan) -> None:
        sizes = shapes(plan).values()
        whole = PART * max(parts(width) for width, _ in sizes)
        super().__init__(
            {
                "select": Out(len(sizes)),
                "read": Out(1),
                "write": Out(1),
                "address": Out(max(1, *((depth - 1).bit_length() for _, depth in sizes))),
                "data": Out(whole),
                "found": In(whole),
            }
        )


class Orders(wiring.Signature):
    """Signature of writes to the registers of a reload.

    ``choose``, ``give``, ``check`` or ``name`` is high for a cycle with ``value``; ``code`` says in
    the same cycle whether the write is refused. ``running`` says that there is no checksum yet.
    """

    def __init__(self) -> None:
        strobes = {name: Out(1) for name in ORDERS.values()}
        super().__init__({**strobes, "value": Out(32), "code": In(8), "running": In(1)})


def connect(m: Module, bus: wiring.PureInterface, ports: Sequence[Port]) -> None:
    """Add the wires between a bus and the ports of its memories."""
    found: list[Value] = []
    for select, port in zip(bus.select, ports, strict=True):
        skipped = len(bus.data) - PART * parts(len(port.data))
        m.d.comb += [
            port.select.eq(select),
            port.read.eq(bus.read),
            port.write.eq(bus.write),
            port.address.eq(bus.address),
            port.data.eq(bus.data[skipped:]),
        ]
        found.append(Mux(select, port.found, 0))
    while len(found) > 1:
        pairs = [a | b for a, b in zip(found[::2], found[1::2], strict=False)]
        found = pairs + found[len(found) - len(found) % 2 :]
    m.d.comb += bus.found.eq(found[0])


class Reloader(wiring.Component):
    """Writes memories as the registers order, reads them back, and knows whether they are whole.

    A memory is chosen, which makes its address 0; its words are then given in parts of 32 bits,
    lowest first. A check reads all its words and computes the CRC-32 of the same parts. From the
    first choice on no network is there, until it gets a name. Neither that nor the name is
    forgotten at reset, as memories are not.

    Parameters
    ----------
    plan : ir.plan.Plan
        With at least one memory.
    digest : str
        SHA-256 of the network of the images, in hexadecimal digits.

    Members
    -------
    orders : In(Orders)
        Refused with ``BUSY`` while a sample or a check is under way; a choice with ``ADDRESS`` if
        there is no such memory; a word or a check with ``ADDRESS`` if none is chosen; a word
        with ``LONG`` behind the last and with ``RANGE`` if it has bits beyond the width; a name
        with ``READ_ONLY`` if nothing was chosen since the last.
    busy : In(1)
        Samples are under way.
    loading : Out(1)
        Memories hold no network that has a name; what the core computes is worth nothing.
    bus : Out(Bus)
    network, reload_memory, reload_data, reload_address, reload_checksum : Out(32)
        Values of the registers.

    Timing
    ------
    A word is written in the cycle after its last part. A check takes 2 cycles a word and 4 a part.
    """

    def __init__(self, plan: Plan, digest: str) -> None:
        self.shapes = list(shapes(plan).values())
        self.digest = digest
        super().__init__(
            {
                "orders": In(Orders()),
                "busy": In(1),
                "loading": Out(1),
                "bus": Out(Bus(plan)),
                **{name: Out(32) for name in SHOWN},
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        orders, bus = self.orders, self.bus
        deepest = max(depth for _, depth in self.shapes)
        index, chosen = Signal(range(len(self.shapes))), Signal()
        loading = Signal(reset_less=True)
        network = Signal(32, init=int(self.digest[:8], 16), reset_less=True)
        held = Signal(len(bus.data), reset_less=True)
        part, address = Signal(range(len(held) // PART)), Signal(range(deepest + 1))
        where, writing = Signal(range(deepest)), Signal()
        checking = Signal()
        m.submodules.crc = check = CRC(8).create()
        depth, last, beyond = self._chosen(m, index, Signal.like(address), Signal.like(part))
        self._refuse(m, chosen, checking, beyond & (part == last), address == depth)
        good = Signal()
        m.d.comb += [
            good.eq(orders.code == 0),
            self.loading.eq(loading),
            self.network.eq(network),
            self.reload_memory.eq(index),
            self.reload_address.eq(address),
            self.reload_checksum.eq(check.crc),
            orders.running.eq(checking),
            bus.select.eq(Mux(loading, 1 << index, 0)),
            bus.write.eq(writing),
            bus.address.eq(where),
            bus.data.eq(held),
            check.start.eq(good & (orders.choose | orders.check)),
        ]
        m.d.sync += writing.eq(0)
        with m.If(good & orders.choose):
            m.d.sync += [index.eq(orders.value), address.eq(0), part.eq(0)]
            m.d.sync += [chosen.eq(1), loading.eq(1), network.eq(0)]
        with m.If(good & orders.give):
            m.d.sync += [held.eq(Cat(held[PART:], orders.value)), part.eq(part + 1)]
            with m.If(part == last):
                m.d.sync += [part.eq(0), where.eq(address), address.eq(address + 1), writing.eq(1)]
        with m.If(good & orders.name):
            m.d.sync += [network.eq(orders.value), loading.eq(0), chosen.eq(0)]

        byte = Signal(2)
        m.d.comb += check.data.eq(held[:PART].word_select(byte, 8))
        with m.FSM():
            with m.State("idle"), m.If(good & orders.check):
                m.d.sync += [checking.eq(1), where.eq(0), part.eq(0)]
                m.next = "read"
            with m.State("read"):
                m.d.comb += bus.read.eq(1)
                m.next = "take"
            with m.State("take"):
                m.d.sync += held.eq(bus.found)
                m.next = "count"
            with m.State("count"):
                m.d.comb += check.valid.eq(1)
                m.d.sync += byte.eq(byte + 1)
                with m.If(byte == 3):
                    m.d.sync += [held.eq(held >> PART), part.eq(part + 1)]
                    with m.If(part == last):
                        m.d.sync += [part.eq(0), where.eq(where + 1)]
                        m.next = "read"
                        with m.If(where == depth - 1):
                            m.d.sync += checking.eq(0)
                            m.next = "idle"
        return m

    def _chosen(
        self, m: Module, index: Signal, depth: Signal, last: Signal
    ) -> tuple[Signal, Signal, Signal]:
        """Return depth and last part of the chosen memory, and whether that part is too wide."""
        beyond = Signal()
        with m.Switch(index):
            for number, (width, words) in enumerate(self.shapes):
                with m.Case(number):
                    m.d.comb += [depth.eq(words), last.eq(parts(width) - 1)]
                    m.d.comb += beyond.eq(self.orders.value[(width - 1) % PART + 1 :].any())
        return depth, last, beyond

    def _refuse(
        self, m: Module, chosen: Signal, checking: Signal, beyond: Value, full: Value
    ) -> None:
        """Add the code of the order, which is ``OK`` where there is none."""
        orders = self.orders
        any_order = orders.choose | orders.give | orders.check | orders.name
        with m.If(any_order & (self.busy | checking)):
            m.d.comb += orders.code.eq(Code.BUSY)
        with m.Elif(orders.choose & (orders.value >= len(self.shapes))):
            m.d.comb += orders.code.eq(Code.ADDRESS)
        with m.Elif(orders.name & ~self.loading):
            m.d.comb += orders.code.eq(Code.READ_ONLY)
        with m.Elif((orders.give | orders.check) & ~chosen):
            m.d.comb += orders.code.eq(Code.ADDRESS)
        with m.Elif(orders.give & full):
            m.d.comb += orders.code.eq(Code.LONG)
        with m.Elif(orders.give & beyond):
            m.d.comb += orders.code.eq(Code.RANGE)
