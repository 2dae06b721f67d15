"""Small networks of every kind in Amaranth's simulator: seconds each, so that mutants die early."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.case import Case, Subject
from sim.draw import draw

SEED = 5
SMALL = (0, 27, 6, 16, 18, 2, 56, 134, 9, 21, 23, 30, 32, 35, 37, 42, 45, 28, 145, 57)
"""Networks that answer within 600 cycles; the first eight have every kind of engine but few."""
CASE = Case(images=3, images_seed=3, density=0.6, target="amaranth")


@pytest.mark.parametrize("index", SMALL[:8])
def test_is_its_golden_model(index, builds, tmp_path: Path):
    with Subject(draw(SEED, index), tmp_path, builds) as found:
        assert found.failure(CASE) is None
        assert found.spikes > 0
