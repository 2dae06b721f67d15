import pytest

from ir.types import IntType
from tests.hw import words
from tests.hw.bench import STALLS


@pytest.mark.parametrize("stalls", [f"{source}/{sink}" for source in STALLS for sink in STALLS])
def test_stalls(stalls: str) -> None:
    words.align(stalls=stalls)
    words.align(order="CPT", stalls=stalls)
    words.align(order="slices", stalls=stalls)


@pytest.mark.parametrize("high", [0, 1, 5])
def test_shifts_of_unsigned_and_signed(high: int) -> None:
    words.align(IntType(0, 1), IntType(0, 1), high)
    words.align(IntType(-8, 7), IntType(-1, 3), high)
