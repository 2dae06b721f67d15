import pytest

from ir.types import IntType
from tests.hw import checks
from tests.hw.bench import STALLS


@pytest.mark.parametrize("stalls", [f"{source}/{sink}" for source in STALLS for sink in STALLS])
@pytest.mark.parametrize("high", [1, 6])
def test_stalls(high: int, stalls: str) -> None:
    checks.maximum(IntType(0, high), stalls=stalls)


@pytest.mark.parametrize("taps", [1, 2, 9])
def test_taps(taps: int) -> None:
    checks.maximum(IntType(0, 6), taps)
