"""The register map in hardware."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.memory import Memory
from hw.reload import ORDERS, Orders
from hw.session import Refusal
from ir.image import Image
from ir.protocol import Code
from ir.registers import ADDRESS_BITS, Register

INSIDE = ("CONTROL", "STATUS", "ERRORS")
"""Registers that live here; the values of the others come from outside."""


class Access(wiring.Signature):
    """Signature of register accesses, one at a time.

    ``enable`` is high for a cycle with ``write``, ``address`` and ``write_data``; in the next one
    ``read_data`` and ``code`` answer, and stay until the next access.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "enable": Out(1),
                "write": Out(1),
                "address": Out(ADDRESS_BITS),
                "write_data": Out(32),
                "read_data": In(32),
                "code": In(8),
            }
        )


class Registers(wiring.Component):
    """Answers accesses and counts refusals.

    Parameters
    ----------
    registers : sequence of ir.registers.Register
    network : ir.image.Image, optional
        Memory of one word that ``NETWORK`` shows, so that it can be patched with the others.

    Members
    -------
    access : In(Access)
        An address without a register is answered with code ``ADDRESS``, a write to one that can
        only be read with ``READ_ONLY``; both count as refusals.
    values : In(32) each
        By lower-case name: what the registers show that neither are constant nor live here.
    busy, fault : In(1)
        Shown in ``STATUS``; ``fault`` stays there until reset.
    refusals : In(Refusal), two
        Of the session and of the transport.
    orders : Out(Orders)
        Only where memories can be reloaded: writes to the registers of that.
    reset : Out(1)
        High for the cycle after ``RESET`` is written to ``CONTROL``, or a reloaded network gets its
        name.

    Timing
    ------
    Latency 1 cycle.
    """

    def __init__(self, registers: Sequence[Register], network: Image | None = None) -> None:
        self.registers, self.network = tuple(registers), network
        self.reload = any(r.name in ORDERS and not r.constant for r in registers)
        shown = [r.name.lower() for r in registers if not r.constant and r.name not in INSIDE]
        super().__init__(
            {
                "access": In(Access()),
                "values": In(wiring.Signature({name: Out(32) for name in shown})),
                "busy": In(1),
                "fault": In(1),
                "refusals": In(Refusal()).array(2),
                "reset": Out(1),
                **({"orders": Out(Orders())} if self.reload else {}),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        access = self.access
        broken, last, errors = Signal(), Signal(8), Signal(32)
        inside: dict[str, Value | int] = {
            "CONTROL": 0,
            "STATUS": Cat(self.busy, broken, Signal(6), last),
            "ERRORS": errors,
        }
        if self.network is not None:
            image = self.network
            m.submodules.network = rom = Memory(image.width, 1, image.name, image.words)
            m.d.comb += rom.enable.eq(1)
            inside["NETWORK"] = rom.data
        m.d.sync += self.reset.eq(0)
        with m.If(access.enable):
            m.d.sync += [access.read_data.eq(0), access.code.eq(Code.OK)]
            with m.Switch(access.address):
                for register in self.registers:
                    with m.Case(register.address):
                        m.d.sync += access.read_data.eq(self._value(register, inside))
                        if register.name == "CONTROL":
                            m.d.sync += self.reset.eq(access.write & access.write_data[0])
                        elif self.reload and register.name in ORDERS:
                            self._order(m, register)
                        elif "w" not in register.access:
                            with m.If(access.write):
                                m.d.sync += access.code.eq(Code.READ_ONLY)
                with m.Default():
                    m.d.sync += access.code.eq(Code.ADDRESS)

        # An access is refused in the cycle of its answer.
        answered = Signal()
        session, transport = self.refusals[0], self.refusals[1]
        m.d.sync += answered.eq(access.enable)
        own = answered & (access.code != 0)
        m.d.sync += [
            broken.eq(broken | self.fault),
            errors.eq(errors + own + session.strobe + transport.strobe),
        ]
        for strobe, code in (
            (session.strobe, session.code),
            (transport.strobe, transport.code),
            (own, access.code),
        ):
            with m.If(strobe):
                m.d.sync += last.eq(code)
        with m.If(self.reset):
            m.d.sync += [broken.eq(0), errors.eq(0), last.eq(0)]
        return m

    def _order(self, m: Module, register: Register) -> None:
        """Answer an access to a register of a reload."""
        access, orders = self.access, self.orders
        m.d.comb += orders.value.eq(access.write_data)
        with m.If(access.write):
            m.d.comb += getattr(orders, ORDERS[register.name]).eq(1)
            m.d.sync += access.code.eq(orders.code)
            if register.name == "NETWORK":
                m.d.sync += self.reset.eq(orders.code == Code.OK)
        if register.name == "RELOAD_CHECKSUM":
            with m.Elif(orders.running):
                m.d.sync += access.code.eq(Code.BUSY)

    def _value(self, register: Register, inside: Mapping[str, Value | int]) -> Value | int:
        if register.name in inside:
            return inside[register.name]
        if register.constant:
            return register.reset
        value: Value = getattr(self.values, register.name.lower())
        return value
