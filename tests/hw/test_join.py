import pytest

from ir.types import IntType
from tests.hw import checks
from tests.hw.bench import STALLS


@pytest.mark.parametrize("stalls", [f"{source}/{sink}" for source in STALLS for sink in STALLS])
def test_stalls(stalls: str) -> None:
    checks.join(stalls=stalls)


def test_unsigned_and_signed() -> None:
    checks.join(IntType(0, 1), IntType(0, 1))
    checks.join(IntType(-8, 7), IntType(0, 3))
