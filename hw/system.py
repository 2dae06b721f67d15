"""Core, session and registers: everything of a board's design but the bus."""

from __future__ import annotations

from collections.abc import Mapping

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.core import Core
from hw.registers import INSIDE, Access, Registers
from hw.reload import SHOWN, Reloader
from hw.session import ANSWER, IN_FLIGHT, Refusal, Session, packet
from ir import plan as plans
from ir.image import Image, network_image
from ir.registers import registers


class System(wiring.Component):
    """What every bus is a door of.

    Parameters
    ----------
    plan : ir.plan.Plan
    images : mapping of station name to ir.image.Image
    digest : str
        SHA-256 of the network.
    spikes : bool
        Whether the spikes of every layer of neurons are counted.
    in_flight : int
        Samples whose answers may be outstanding; more of them wait.
    patchable : bool
        Whether the register ``NETWORK`` lies in a memory.

    Members
    -------
    i : In(stream of word, last, code, sequence)
    o : Out(stream of word, last, sequence)
        Packets and answers; see :class:`hw.session.Session`.
    access : In(Access)
        Of registers; see :class:`hw.registers.Registers`.
    refusal : In(Refusal)
        What the transport refused.
    reset : Out(1)
        High in the cycle in which core and session are reset.
    """

    def __init__(
        self,
        plan: plans.Plan,
        images: Mapping[str, Image],
        digest: str,
        *,
        spikes: bool = True,
        in_flight: int = IN_FLIGHT,
        patchable: bool = False,
    ) -> None:
        self.plan = plan
        self.core = Core(plan, images, spikes=spikes)
        self.session = Session(plan, in_flight)
        self.reloader = Reloader(plan, digest) if plan.reload else None
        listed = registers(plan, digest, spikes=spikes)
        self.registers = Registers(listed, network_image(digest) if patchable else None)
        super().__init__(
            {
                "i": In(stream.Signature(packet(plan.source))),
                "o": Out(stream.Signature(ANSWER)),
                "access": In(Access()),
                "refusal": In(Refusal()),
                "reset": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.core = core = self.core
        m.submodules.session = session = self.session
        m.submodules.registers = registers = self.registers
        wiring.connect(m, wiring.flipped(self.i), session.i)
        wiring.connect(m, session.o, wiring.flipped(self.o))
        wiring.connect(m, session.core_i, core.i)
        wiring.connect(m, core.o, session.core_o)
        wiring.connect(m, wiring.flipped(self.access), registers.access)
        wiring.connect(m, session.refusal, registers.refusals[0])
        wiring.connect(m, wiring.flipped(self.refusal), registers.refusals[1])
        m.d.comb += [
            self.reset.eq(registers.reset),
            core.reset.eq(registers.reset),
            session.clear.eq(registers.reset),
            registers.busy.eq(session.busy),
        ]
        if "fault" in core.signature.members:
            m.d.comb += registers.fault.eq(core.fault)
        reloader = self.reloader
        if reloader is not None:
            m.submodules.reloader = reloader
            wiring.connect(m, registers.orders, reloader.orders)
            wiring.connect(m, reloader.bus, core.reload)
            m.d.comb += [
                # A sample whose first word waits may begin in this very cycle.
                reloader.busy.eq(session.busy | session.i.valid),
                session.refuse.eq(reloader.loading),
            ]
        for register in registers.registers:
            if not register.constant and register.name not in INSIDE:
                name = register.name.lower()
                owner = reloader if reloader is not None and name in SHOWN else core
                value = getattr(owner, name.replace("spikes_", "spikes"))
                m.d.comb += getattr(registers.values, name).eq(value)
        return m
