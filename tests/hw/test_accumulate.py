import pytest

from ir.types import IntType
from tests.hw import checks
from tests.hw.bench import STALLS


@pytest.mark.parametrize("stalls", [f"{source}/{sink}" for source in STALLS for sink in STALLS])
def test_stalls(stalls: str) -> None:
    checks.accumulate(stalls=stalls)


@pytest.mark.parametrize("positions, count", [(1, 1), (1, 3), (4, 1)])
def test_shapes(positions: int, count: int) -> None:
    checks.accumulate(IntType(0, 3), positions, count)
