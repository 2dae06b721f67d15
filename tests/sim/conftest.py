from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def builds() -> Path:
    """Return the cache of compiled simulators, kept between test runs; keys are contents."""
    return Path(__file__).parents[2] / "build" / "simulators"
