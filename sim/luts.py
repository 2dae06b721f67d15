"""LUTs of one small component, counted by Yosys on two fabrics."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from amaranth.back import rtlil
from amaranth.lib import wiring

from sim.fabrics import fabric as named
from sim.yosys import yosys


def luts(component: wiring.Component, fabric: str) -> int:
    """Return the LUTs of a component synthesised alone.

    Raises
    ------
    SpikewrightError
        If the fabric is unknown or Yosys fails.
    """
    mapped = named(fabric)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "design.il").write_text(rtlil.convert(component, name="part"))
        synth = f"{mapped.synth} -top part"
        script = ["read_rtlil design.il", synth, "tee -q -o stat.json stat -json"]
        yosys(script, work, Path("yosys.log"))
        cells = json.loads((work / "stat.json").read_text())["design"]["num_cells_by_type"]
    return mapped.usage(cells).lut
