"""LUTs of an AND-popcount, by fabric, length and style."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.popcount import STYLES, matches
from sim.fabrics import fabric as named
from sim.luts import luts


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

    Raises
    ------
    SpikewrightError
        If the fabric is unknown or Yosys fails.
    """
    named(fabric)
    rows = []
    for style in styles:
        used = luts(_Count(lanes, style), fabric)
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
