"""The accelerator as a part of something larger: with a reset of its own."""

from __future__ import annotations

from amaranth.hdl import ClockSignal, Instance, Module, ResetInserter, ResetSignal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from hw.memory import VERILOG
from hw.top import TOP, Accelerator


class Core(wiring.Component):
    """An accelerator that can be reset while everything around it goes on.

    In Verilog an instance of the module that is emitted for the accelerator alone, so that what is
    co-simulated is what lies behind a bus.

    Parameters
    ----------
    accelerator : Accelerator

    Members
    -------
    reset : In(1)
        High resets the accelerator.
    i, o, cycles, samples..
        As those of the accelerator.
    """

    def __init__(self, accelerator: Accelerator) -> None:
        self.accelerator = accelerator
        super().__init__({**dict(accelerator.signature.members), "reset": In(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if platform == VERILOG:
            ports = {
                f"{member.flow.name[0].lower()}_{'__'.join(map(str, path))}": Value.cast(value)
                for path, member, value in self.signature.flatten(self)
                if path != ("reset",)
            }
            m.submodules.accelerator = Instance(
                TOP, i_clk=ClockSignal(), i_rst=ResetSignal() | self.reset, **ports
            )
            return m
        m.submodules.accelerator = ResetInserter(self.reset)(self.accelerator)
        for path, member, value in self.signature.flatten(self):
            if path != ("reset",):
                inside = self.accelerator
                for part in path:
                    inside = getattr(inside, str(part))
                inward = member.flow == In
                pair = (inside, value) if inward else (value, inside)
                m.d.comb += Value.cast(pair[0]).eq(Value.cast(pair[1]))
        return m
