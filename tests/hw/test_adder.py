import pytest

from tests.hw import tables as checks

SHAPES = [
    [[1]],
    [[1, 1]],
    [[60] * 16] * 3,
    [[3, 12, 1]] * 2,
    [[12] * 7] * 5,
    [[255, 1, 30, 512, 7], [1, 1, 1, 1, 1]],
    [[(1 << 20) - 1] * 3] * 2,
    [[1] * 10],
]


@pytest.mark.parametrize("fabric", ["plain", "ecp5", "gowin", "xc7"])
@pytest.mark.parametrize("highs", SHAPES, ids=str)
def test_trees(highs: list[list[int]], fabric: str) -> None:
    checks.adders(highs, fabric)


@pytest.mark.parametrize("fabric", ["plain", "ecp5"])
@pytest.mark.parametrize("width", [1, 6, 40])
def test_accumulators(fabric: str, width: int) -> None:
    checks.accumulators(fabric, width)
