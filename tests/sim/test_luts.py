import pytest

from hw.popcount import MANY
from ir.errors import SpikewrightError
from sim.popcount import measure_popcount


def test_a_counter_tree_is_smaller_than_additions_where_it_is_used():
    """``hw.popcount.matches`` takes counters from the length on at which they measured smaller."""
    rows = {row["style"]: row for row in measure_popcount("ecp5", MANY, ("tree", "counters3"))}
    assert rows["counters3"]["luts"] < rows["tree"]["luts"]
    assert rows["tree"]["luts_per_lane"] == round(rows["tree"]["luts"] / MANY, 2)


def test_unknown_fabrics_are_refused():
    with pytest.raises(SpikewrightError, match="Fabric 'x' is unknown; allowed are ecp5, ice40, gowin, xc7"):
        measure_popcount("x", 2)
