"""Designs for boards; those of the shipped table take minutes to count and hours to place."""

from __future__ import annotations

import pytest

from boards import load
from ir.errors import SpikewrightError
from sim.designs import NETWORKS, measure, page


@pytest.fixture(scope="module")
def row(tmp_path_factory):
    return measure("ulx3s-25f", tmp_path_factory.mktemp("build"), luts=False)


def test_the_small_board_is_full(row):
    most = load("ulx3s-25f").resources.lut
    assert "more lut" in row["bound"]
    assert 0.75 * most <= row["predicted"]["lut"] <= 0.85 * most
    assert row["gap"] <= 0.05
    assert row["interval"] <= 1.01 * row["cycles"]


def test_the_page_shows_what_was_not_counted_as_nothing(row):
    text = page([row], "command")
    assert "`command`" in text
    assert f"| ulx3s-25f | lut | 24,288 | {row['predicted']['lut']:,} |  |  |" in text
    counted = row | {
        "counted": row["predicted"],
        "placed": [
            {"seed": 1, "fmax_mhz": 20.5, "used": {"DP16KD": 40}, "routed": True},
            {"seed": 2, "fmax_mhz": None, "used": {"DP16KD": 40}, "routed": False},
        ],
    }
    text = page([counted], "command")
    assert f"| {row['predicted']['lut'] / 24288:.1%} |" in text
    assert "ulx3s-25f, seed 1: 20.5 MHz; 40 DP16KD." in text
    assert "ulx3s-25f, seed 2: placed, not routed; 40 DP16KD." in text


def test_other_boards_are_refused(tmp_path):
    with pytest.raises(SpikewrightError, match="Board is 'moon'; allowed are ulx3s-25f"):
        measure("moon", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("board", NETWORKS)
def test_counted_designs_fit_and_fill_their_boards(board, tmp_path):
    found = measure(board, tmp_path)
    for kind, most in found["available"].items():
        assert found["counted"][kind] <= most
    if "more lut" in found["bound"]:
        assert found["counted"]["lut"] >= 0.75 * found["available"]["lut"]
    assert found["gap"] <= 0.05
