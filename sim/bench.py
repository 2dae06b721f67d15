"""The cocotb test: reset, clock in C++, asleep until the bench is over.

The other driver beside the loop in ``main.cpp``, and the pattern for tests of one's own: the same
bench, driven from Python. Runs inside the simulator process; ``sim.shard`` starts it.
"""

from __future__ import annotations

from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer

RESET_CYCLES = 8


@cocotb.test()
async def stream_samples(dut: Any) -> None:
    """Stream all samples through the accelerator."""
    dut.rst.value = 1
    Clock(dut.clk, 2, unit="step", impl="gpi").start()
    await Timer(2 * RESET_CYCLES + 1, unit="step")
    dut.rst.value = 0
    await RisingEdge(dut.over)
