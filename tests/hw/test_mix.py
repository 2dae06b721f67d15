import pytest

from tests.hw import attending
from tests.hw.bench import STALLS


@pytest.mark.parametrize("stalls", [f"{source}/{sink}" for source in STALLS for sink in STALLS])
def test_stalls(stalls: str) -> None:
    attending.mix(stalls=stalls)


@pytest.mark.parametrize(
    "shape", [(1, 1, 1, 1, 1), (2, 3, 1, 3, 2), (1, 1, 4, 2, 1), (3, 2, 1, 1, 3)]
)
def test_shapes(shape: tuple[int, ...]) -> None:
    attending.mix(*shape)
    attending.mix(*shape, stalls="one_in_four/mostly_stalled")
