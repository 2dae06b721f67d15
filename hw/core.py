"""The accelerator as a part of something larger: with a reset of its own."""

from __future__ import annotations

from collections.abc import Mapping

from amaranth.hdl import ClockSignal, Instance, Module, ResetInserter, ResetSignal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from hw.memory import VERILOG
from hw.top import TOP, Accelerator, ports
from ir import plan as plans
from ir.image import Image


class Core(wiring.Component):
    """An accelerator that can be reset while everything around it goes on.

    In Verilog an instance of the module that is emitted for the accelerator alone, so that what is
    co-simulated is what lies behind a bus.

    Parameters
    ----------
    plan, images, spikes
        Of the :class:`hw.top.Accelerator`.

    Members
    -------
    reset : In(1)
        High resets the accelerator.
    i, o, cycles, samples..
        As those of the accelerator.
    """

    def __init__(
        self, plan: plans.Plan, images: Mapping[str, Image], *, spikes: bool = False
    ) -> None:
        self.plan, self.images, self.spikes = plan, images, spikes
        super().__init__({**ports(plan, spikes=spikes), "reset": In(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if platform == VERILOG:
            pins = {
                f"{member.flow.name[0].lower()}_{'__'.join(map(str, path))}": Value.cast(value)
                for path, member, value in self.signature.flatten(self)
                if path != ("reset",)
            }
            m.submodules.accelerator = Instance(
                TOP, i_clk=ClockSignal(), i_rst=ResetSignal() | self.reset, **pins
            )
            return m
        inside = Accelerator(self.plan, self.images, spikes=self.spikes)
        m.submodules.accelerator = ResetInserter(self.reset)(inside)
        for name in inside.signature.members:
            mine, its = getattr(self, name), getattr(inside, name)
            if name == "i":
                wiring.connect(m, wiring.flipped(mine), its)
            elif name == "o":
                wiring.connect(m, its, wiring.flipped(mine))
            elif name == "reload":
                wiring.connect(m, wiring.flipped(mine), its)
            else:
                m.d.comb += mine.eq(its)
        return m
