import pytest

from tests.hw import checks
from tests.hw.bench import STALLS


@pytest.mark.parametrize("stalls", [f"{source}/{sink}" for source in STALLS for sink in STALLS])
def test_stalls(stalls: str) -> None:
    checks.recall(stalls=stalls)


@pytest.mark.parametrize(
    "shape", [(1, 1, 1, 1), (3, 2, 1, 1), (6, 3, 3, 3), (2, 4, 1, 2), (5, 1, 1, 5)]
)
def test_shapes(shape: tuple[int, ...]) -> None:
    checks.recall(*shape)
    checks.recall(*shape, stalls="one_in_four/mostly_stalled")
