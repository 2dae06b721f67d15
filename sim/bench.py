"""The cocotb test: reset, clock in C++, asleep between samples, counters at the end.

Runs inside the simulator process; ``sim.shard`` starts it and reads what it leaves: ``progress``
(samples finished) and ``bench.json``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import Timer, ValueChange

RESET_CYCLES = 8


@cocotb.test()
async def stream_samples(dut: Any) -> None:
    """Stream all samples through the accelerator and leave its counters behind."""
    folder = Path(os.environ["SPIKEWRIGHT_FOLDER"])
    samples = int(os.environ["SPIKEWRIGHT_SAMPLES"])
    counters = os.environ["SPIKEWRIGHT_COUNTERS"].split()
    dut.rst.value = 1
    Clock(dut.clk, 2, unit="step", impl="gpi").start()
    await Timer(2 * RESET_CYCLES + 1, unit="step")
    dut.rst.value = 0
    await Timer(2, unit="step")
    finished, hung = 0, False
    with (folder / "progress").open("w") as progress:
        while finished < samples and not hung:
            await ValueChange(dut.wake)
            finished, hung = int(dut.finished.value), bool(int(dut.hung.value))
            progress.seek(0)
            progress.write(f"{finished}\n")
            progress.flush()
    names = ("cycle", "gaps", "stalls", *counters)
    values = {name: int(getattr(dut, name).value) for name in names}
    report = {"finished": finished, "hung": hung, "values": values}
    (folder / "bench.json").write_text(json.dumps(report))
