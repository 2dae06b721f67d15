"""The SPI master of cocotbext-spi, under a cocotb that it does not know.

cocotbext-spi 0.5.0 was written for cocotb 1: it imports a base class that cocotb 2 has no more, and
reads single bits as integers. Both are put in its way here; the protocol is its own.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import cocotb.clock


class BaseClock:
    """What was the base of clocks in cocotb 1."""

    def __init__(self, signal: Any) -> None:
        self.signal = signal


class Bit:
    """A wire of one bit that reads as an integer, too."""

    def __init__(self, wire: Any) -> None:
        self.wire = wire

    @property
    def value(self) -> SimpleNamespace:
        return SimpleNamespace(integer=int(self.wire.value))


def master(sck: Any, copi: Any, cipo: Any, csn: Any, *, hz: float) -> Any:
    """Return a master of mode 0 on these wires; the select stays low within a call of ``write``."""
    if not hasattr(cocotb.clock, "BaseClock"):
        cocotb.clock.BaseClock = BaseClock
    from cocotbext.spi import SpiConfig, SpiMaster

    wires = SimpleNamespace(sclk=sck, mosi=copi, miso=Bit(cipo), cs=csn)
    return SpiMaster(wires, SpiConfig(sclk_freq=hz, frame_spacing_ns=1))
