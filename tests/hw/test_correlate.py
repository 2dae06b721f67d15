import pytest

from tests.hw import attending
from tests.hw.bench import STALLS


@pytest.mark.parametrize("stalls", [f"{source}/{sink}" for source in STALLS for sink in STALLS])
def test_stalls(stalls: str) -> None:
    attending.correlate(stalls=stalls)


@pytest.mark.parametrize(
    "shape", [(1, 1, 1, 1), (2, 1, 3, 2), (1, 4, 1, 5), (3, 1, 1, 1)]
)
def test_shapes(shape: tuple[int, ...]) -> None:
    attending.correlate(*shape)
    attending.correlate(*shape, stalls="one_in_four/mostly_stalled")
