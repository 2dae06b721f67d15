import pytest

from ir.errors import SpikewrightError
from sim.popcount import measure_popcount


def test_additions_are_smaller_than_counters():
    """``hw.popcount.matches`` adds where nobody asks for counters, for what this measures."""
    rows = {row["style"]: row for row in measure_popcount("ecp5", 32, ("tree", "counters3"))}
    assert rows["tree"]["luts"] < rows["counters3"]["luts"]
    assert rows["tree"]["luts_per_lane"] == round(rows["tree"]["luts"] / 32, 2)


def test_unknown_fabrics_are_refused():
    with pytest.raises(SpikewrightError, match="Fabric 'x' is unknown; allowed are ecp5, ice40, gowin, xc7"):
        measure_popcount("x", 2)
