import pytest

from ir.types import IntType
from tests.hw import words
from tests.hw.bench import STALLS


@pytest.mark.parametrize("stalls", [f"{source}/{sink}" for source in STALLS for sink in STALLS])
def test_stalls(stalls: str) -> None:
    words.join(stalls=stalls)


def test_unsigned_and_signed() -> None:
    words.join(IntType(0, 1), IntType(0, 1))
    words.join(IntType(-8, 7), IntType(0, 3))
