import pytest

from ir.types import IntType
from tests.hw import checks
from tests.hw.bench import STALLS


@pytest.mark.parametrize("stalls", [f"{source}/{sink}" for source in STALLS for sink in STALLS])
def test_stalls(stalls: str) -> None:
    checks.align(stalls=stalls)
    checks.align(order="CPT", stalls=stalls)
    checks.align(order="slices", stalls=stalls)


@pytest.mark.parametrize("high", [0, 1, 5])
def test_shifts_of_unsigned_and_signed(high: int) -> None:
    checks.align(IntType(0, 1), IntType(0, 1), high)
    checks.align(IntType(-8, 7), IntType(-1, 3), high)
