import pytest

from ir.types import IntType
from tests.hw import checks
from tests.hw.bench import STALLS


@pytest.mark.parametrize("stalls", [f"{source}/{sink}" for source in STALLS for sink in STALLS])
@pytest.mark.parametrize("type", [IntType(0, 1), IntType(0, 6), IntType(-5, 6)], ids=str)
def test_stalls(type: IntType, stalls: str) -> None:
    checks.maximum(type, stalls=stalls)


@pytest.mark.parametrize("taps", [1, 2, 9])
def test_taps(taps: int) -> None:
    checks.maximum(IntType(0, 6), taps)
    checks.maximum(IntType(-9, -2), taps)
