from pathlib import Path

import pytest

from ir.errors import SpikewrightError
from ir.scheme import Scheme
from sim.lanes import measure_constant, measure_table

U4 = Scheme.parse("u4")


@pytest.mark.slow
def test_tables_of_7_series(tmp_path: Path) -> None:
    row = measure_table("xc7", U4, 2, 12, loaders=2, banks=2, build_dir=tmp_path)
    assert (row["lanes"], row["load_cycles"], row["latency"]) == (24, 54, 2)
    cells = row["cells"]
    # Three groups, two outputs of six bits beside each other, both banks in one memory.
    assert cells["RAM32M"] == 6
    # Two ternary adders of six bits, with one look-up table for the carry into the highest, and
    # one to name the bank that is not read.
    assert cells["LUT6_2"] == 12
    assert row["luts_per_lane"] == pytest.approx((6 * 4 + 12 + 2 + 1) / 24, abs=0.01)
    assert row["fmax_mhz"] is None
    assert row["loader_luts_per_lane"] > 0
    (netlist,) = tmp_path.glob("lanes-*.json")
    time = netlist.stat().st_mtime_ns
    assert measure_table("xc7", U4, 2, 12, loaders=2, banks=2, build_dir=tmp_path) == row
    assert netlist.stat().st_mtime_ns == time


def test_tables_of_ecp5() -> None:
    row = measure_table("ecp5", U4, 2, 16, loaders=2)
    # Four groups of two entries of six bits; chains of (7 + 7 + 7) + (7) and (8 + 8) positions,
    # each with one more, in pairs.
    assert row["cells"]["TRELLIS_DPR16X4"] == 12
    assert row["luts_per_lane"] == pytest.approx((12 * 6 + 22 + 8 + 18) / 32, abs=0.01)
    assert row["blocked_per_lane"] == 0.75


def test_constant_tables() -> None:
    row = measure_constant("ice40", U4, 2, 8)
    assert row["lanes"] == 16
    assert row["loader_luts_per_lane"] == 0
    assert "SB_RAM40_4K" not in row["cells"]


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(SpikewrightError, match="'asic' is unknown"):
        measure_table("asic", U4, 1, 4, adders="plain")
    with pytest.raises(SpikewrightError, match="placed on ecp5, ice40 only, not on xc7"):
        measure_table("xc7", U4, 1, 4, place_seeds=(1,))


@pytest.mark.slow
def test_placing_counts_the_same_cells(tmp_path: Path) -> None:
    alone = measure_table("ecp5", U4, 2, 16, loaders=2, build_dir=tmp_path)
    placed = measure_table("ecp5", U4, 2, 16, loaders=2, build_dir=tmp_path, place_seeds=(1, 2))
    assert placed["luts_per_lane"] == pytest.approx(alone["luts_per_lane"], rel=0.02)
    low, high = placed["fmax"]["low"], placed["fmax"]["high"]
    assert 50 < low <= placed["fmax_mhz"] <= high


def test_cores_are_placed_on_ice40(tmp_path: Path) -> None:
    row = measure_constant("ice40", U4, 2, 8, place_seeds=(1, 2), build_dir=tmp_path)
    low, high = row["fmax"]["low"], row["fmax"]["high"]
    assert 50 < low <= row["fmax_mhz"] <= high
    assert row["luts_per_lane"] == measure_constant("ice40", U4, 2, 8)["luts_per_lane"]
