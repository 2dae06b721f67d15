"""LUTs of one small component, counted by Yosys on two fabrics."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path

from amaranth.back import rtlil
from amaranth.lib import wiring

from ir.errors import SpikewrightError
from sim.resources import Usage
from sim.yosys import yosys

FABRICS = {"ecp5": "synth_ecp5 -top part", "xc7": "synth_xilinx -family xc7 -top part"}


def check(fabric: str) -> None:
    """Refuse a fabric that :func:`luts` does not know.

    Raises
    ------
    SpikewrightError
        If it is unknown.
    """
    if fabric not in FABRICS:
        raise SpikewrightError(f"Fabric is {fabric!r}; allowed are {', '.join(FABRICS)}.")


def luts(component: wiring.Component, fabric: str) -> int:
    """Return the LUTs of a component synthesised alone.

    A LUT is a LUT4 on ECP5, where a carry cell counts two, and any LUT of 7-series.

    Raises
    ------
    SpikewrightError
        If the fabric is unknown or Yosys fails.
    """
    check(fabric)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "design.il").write_text(rtlil.convert(component, name="part"))
        script = ["read_rtlil design.il", FABRICS[fabric], "tee -q -o stat.json stat -json"]
        yosys(script, work, Path("yosys.log"))
        cells = json.loads((work / "stat.json").read_text())["design"]["num_cells_by_type"]
    used = Counter(cells)
    if fabric == "ecp5":
        return Usage.of(used).lut
    return sum(used[f"LUT{size}"] for size in range(1, 7))
