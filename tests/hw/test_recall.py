import pytest

from tests.hw import attending
from tests.hw.bench import STALLS


@pytest.mark.parametrize("stalls", [f"{source}/{sink}" for source in STALLS for sink in STALLS])
def test_stalls(stalls: str) -> None:
    attending.recall(stalls=stalls)


@pytest.mark.parametrize(
    "shape", [(1, 1, 1, 1), (3, 2, 1, 1), (6, 3, 3, 3), (2, 4, 1, 2), (5, 1, 1, 5)]
)
def test_shapes(shape: tuple[int, ...]) -> None:
    attending.recall(*shape)
    attending.recall(*shape, stalls="one_in_four/mostly_stalled")
