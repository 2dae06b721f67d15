"""LUTs of an AND-popcount, by fabric, length and style, counted by Yosys."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amaranth.back import verilog
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.popcount import STYLES, matches
from ir.errors import SpikewrightError
from sim.resources import Usage
from sim.yosys import yosys

FABRICS = {"ecp5": "synth_ecp5 -noflatten -top count", "xc7": "synth_xilinx -family xc7 -top count"}


class _Count(wiring.Component):
    """One popcount between registers."""

    def __init__(self, lanes: int, style: str) -> None:
        self.lanes, self.style = lanes, style
        super().__init__({"a": In(lanes), "b": In(lanes), "o": Out(lanes.bit_length())})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        a, b = Signal(self.lanes), Signal(self.lanes)
        pairs = [(a[k], b[k]) for k in range(self.lanes)]
        m.d.sync += [a.eq(self.a), b.eq(self.b), self.o.eq(matches(m, pairs, self.style))]
        return m


def measure_popcount(
    fabric: str, lanes: int, styles: Sequence[str] = STYLES
) -> list[dict[str, Any]]:
    """Return one row per style: fabric, lanes, style, luts, luts_per_lane.

    A LUT is a LUT4 on ECP5 (a carry cell counts two) and any LUT of 7-series.

    Raises
    ------
    SpikewrightError
        If the fabric is unknown or Yosys fails.
    """
    if fabric not in FABRICS:
        raise SpikewrightError(f"Fabric is {fabric!r}; allowed are {', '.join(FABRICS)}.")
    rows = []
    for style in styles:
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            text = verilog.convert(_Count(lanes, style), name="count", strip_internal_attrs=True)
            (work / "design.v").write_text(text)
            script = ["read_verilog design.v", FABRICS[fabric], "tee -q -o stat.json stat -json"]
            yosys(script, work, Path("yosys.log"))
            cells = json.loads((work / "stat.json").read_text())["design"]["num_cells_by_type"]
        used = _luts(fabric, Counter(cells))
        rows.append(
            {
                "fabric": fabric,
                "lanes": lanes,
                "style": style,
                "luts": used,
                "luts_per_lane": round(used / lanes, 2),
            }
        )
    return rows


def _luts(fabric: str, cells: Counter[str]) -> int:
    if fabric == "ecp5":
        return Usage.of(cells).lut
    return sum(cells[f"LUT{size}"] for size in range(1, 7))
