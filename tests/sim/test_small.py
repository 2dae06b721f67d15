"""Small networks of every kind in Amaranth's simulator: seconds each, so that mutants die early."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.case import Case, Subject
from sim.draw import draw

SEED, SMALL = 5, (0, 27, 6, 16, 18, 2, 9, 21, 23, 30, 32, 35, 37, 42, 45, 28)
"""Networks that answer within 400 cycles; the first two have every kind of memory but few."""
CASE = Case(images=3, images_seed=3, density=0.6, target="amaranth")


@pytest.mark.parametrize("index", SMALL[:8])
def test_is_its_golden_model(index, builds, tmp_path: Path):
    with Subject(draw(SEED, index), tmp_path, builds) as found:
        assert found.failure(CASE) is None
        assert found.spikes > 0
