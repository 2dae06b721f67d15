import pytest

from tests.hw import attending
from tests.hw.bench import STALLS


@pytest.mark.parametrize("stalls", [f"{source}/{sink}" for source in STALLS for sink in STALLS])
def test_stalls(stalls: str) -> None:
    attending.attend(stalls=stalls)


@pytest.mark.parametrize(
    "tokens, heads, width, pe, simd",
    [
        (1, 1, 1, 1, 1),
        (4, 1, 3, 1, 3),
        (2, 3, 4, 4, 2),
        (1, 2, 2, 1, 1),
        (3, 1, 4, 4, 1),
        (2, 4, 2, 4, 1),
        (3, 2, 3, 6, 3),
    ],
)
def test_shapes(tokens: int, heads: int, width: int, pe: int, simd: int) -> None:
    attending.attend(tokens, heads, width, pe, simd)
    attending.attend(tokens, heads, width, pe, simd, stalls="one_in_four/mostly_stalled")
