"""LUTs of one small component, counted by Yosys on two fabrics."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from amaranth.back import rtlil
from amaranth.lib import wiring

from ir.errors import SpikewrightError
from sim.fabrics import FABRICS
from sim.yosys import yosys


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

    Raises
    ------
    SpikewrightError
        If the fabric is unknown or Yosys fails.
    """
    check(fabric)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "design.il").write_text(rtlil.convert(component, name="part"))
        synth = f"{FABRICS[fabric].synth} -top part"
        script = ["read_rtlil design.il", synth, "tee -q -o stat.json stat -json"]
        yosys(script, work, Path("yosys.log"))
        cells = json.loads((work / "stat.json").read_text())["design"]["num_cells_by_type"]
    return FABRICS[fabric].usage(cells).lut
