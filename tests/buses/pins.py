"""Emitted wrappers in Verilator, their pins driven by cocotb."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from xml.etree import ElementTree

from hw.emit import emit
from hw.wrap import Wrapper
from sim.verilator import PINS, LeanVerilator, build
from tests.buses.subject import subject

ROOT = Path(__file__).parents[2]
CLOCK_NS = 125
CLOCK_HZ, BAUD = 8_000_000, 2_000_000


def drive(bus: str, folder: Path, builds: Path, **environment: str) -> None:
    """Emit the subject behind ``bus`` and run ``tests/buses/bench_<bus>.py`` on it.

    Raises
    ------
    AssertionError
        If a cocotb test fails; with what it printed.
    """
    s = subject()
    wrapper = Wrapper(bus, CLOCK_HZ, BAUD)
    emit(s.network, s.plan, folder / "verilog", wrapper)
    sources = {path.name: path.read_text() for path in (folder / "verilog").glob("*.v")}
    built = build(sources, wrapper.top, builds, PINS)
    results = folder / "results.xml"
    given = LeanVerilator().test_environment(wrapper.top, f"tests.buses.bench_{bus}")
    given |= {
        "COCOTB_RESULTS_FILE": str(results),
        "COCOTB_ANSI_OUTPUT": "0",
        "COCOTB_LOG_LEVEL": "WARNING",
        "PYTHONPATH": os.pathsep.join([str(ROOT), given.get("PYTHONPATH", "")]),
    }
    done = subprocess.run(
        [str(built.binary.resolve())],
        cwd=folder / "verilog",
        env=given | environment,
        capture_output=True,
        text=True,
        timeout=900,
    )
    printed = (done.stdout + done.stderr)[-6000:]
    assert done.returncode == 0 and results.is_file(), printed
    cases = list(ElementTree.parse(results).iter("testcase"))
    bad = [
        c.get("name") for c in cases if c.find("failure") is not None or c.find("error") is not None
    ]
    assert cases and not bad, f"{bad}: {printed}"
