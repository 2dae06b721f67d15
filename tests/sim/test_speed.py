"""The measurement of co-simulation: its rows, and that a wrong run has no speed."""

from __future__ import annotations

import numpy as np
import pytest

from ir.errors import SpikewrightError
from ir.fold import Hardware
from ir.planner import build
from sim import speed
from sim.specimen import Shape, spikformer

TINY = speed.Design("tiny", Shape(size=4, stem=2, width=2, heads=1, steps=1), 32, 4)


@pytest.mark.slow
def test_rows(builds, tmp_path):
    found = speed.measure(builds, tmp_path, rounds=2, designs=(TINY,))
    rows = {row["run"]: row for row in found["rows"]}
    assert list(rows) == [speed.BASE, *(variant.name for variant in speed.VARIANTS)]
    base, off, probed, cocotb = rows.values()
    assert base["ratio"] == base["ratio_clock"] == 1
    assert (found["ratio"], found["luts"]) == (off["ratio"], off["luts"])
    assert found["kcycles_per_s"] == off["kcycles_per_s"]
    assert found["luts"] > 100
    assert off["values_compared"] < probed["values_compared"]
    assert cocotb["kcycles_per_s"] < off["kcycles_per_s"]
    for row in rows.values():
        assert row["ratio_range"][0] <= row["ratio"] <= row["ratio_range"][1]
    page = speed.markdown(found)
    assert page.count("\n| tiny |") == 4
    assert f"| {off['luts']:,} |" in page


@pytest.mark.slow
def test_a_wrong_run_has_no_speed(builds, tmp_path):
    subject = speed.Subject(TINY, tmp_path, builds)
    subject.trace.outputs["head"][2, 0, 0, 1] += 1
    with pytest.raises(SpikewrightError, match=r"^Design tiny, .*: Layer head, sample 2, class 1: "):
        subject.cosimulate(speed.OFF, subject.images)


def test_designs_are_reproducible_and_large_enough():
    digits, large = (spikformer(design.shape) for design in speed.DESIGNS)
    again = spikformer(speed.DIGITS.shape)
    for layer in digits.layers:
        if hasattr(layer, "weight"):
            assert np.array_equal(layer.weight, again[layer.name].weight)
    assert build(digits, Hardware(256, 4)).lanes == 170  # as the digits demo has
    assert build(large, Hardware(speed.LARGE.lanes, 4)).lanes > 800
    assert digits["block.0.q"].scheme.name == "pot2"
