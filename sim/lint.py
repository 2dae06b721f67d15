"""What Verilator says about emitted Verilog, without building it."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from pathlib import Path

from ir.errors import SpikewrightError
from sim.testbench import TOP
from sim.verilator import root, tool_environment


def lint(verilog_dir: Path) -> dict[str, int]:
    """Return how often Verilator warns, by name of the warning.

    Parameters
    ----------
    verilog_dir : Path
        As :func:`hw.emit.emit` writes it.

    Raises
    ------
    SpikewrightError
        If Verilator finds an error.
    """
    sources = sorted(path.name for path in verilog_dir.glob("*.v"))
    command = [str(root() / "bin" / "verilator"), "--lint-only", "-Wno-fatal"]
    done = subprocess.run(
        [*command, "--top-module", TOP, *sources],
        cwd=verilog_dir,
        env={**os.environ, **tool_environment()},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        first = next((line for line in done.stderr.splitlines() if "%Error" in line), "")
        raise SpikewrightError(f"Verilator refuses the Verilog in {verilog_dir}: {first:.200}")
    return dict(Counter(re.findall(r"^%Warning-([A-Z0-9]+)", done.stderr, re.MULTILINE)))
