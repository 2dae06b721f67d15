import pytest

from tests.hw import tiles

PAIRS = ["flowing/bursts", "mostly_stalled/flowing", "one_in_four/mostly_stalled"]


@pytest.mark.parametrize("stalls", PAIRS)
def test_stalls_change_nothing(stalls: str) -> None:
    tiles.reorder(stalls=stalls)
    tiles.turn(stalls=stalls)


@pytest.mark.parametrize("order", ["PCT", "CPT"])
@pytest.mark.parametrize("shape", [(1, 1, 0), (3, 1, 1), (2, 2, 0), (3, 2, 1)])
def test_shapes(order: str, shape: tuple[int, int, int]) -> None:
    tiles.reorder(order, shape=shape)
    tiles.reorder(order, (2, 5), shape=(*shape[:2], 0) if shape[0] < 3 else (1, 1, 0), time=1)


@pytest.mark.parametrize("order", ["PCT", "CPT"])
@pytest.mark.parametrize("lanes", [(1, 1), (1, 3), (2, 6), (4, 4)])
@pytest.mark.parametrize("groups", [1, 3])
def test_lanes(order: str, lanes: tuple[int, int], groups: int) -> None:
    tiles.reorder(order, lanes=lanes, groups=groups, repeats=1)


@pytest.mark.parametrize("order", ["PCT", "CPT"])
def test_words_cut_into_parts(order: str) -> None:
    tiles.reorder(order, lanes=(2, 2), groups=6, parts=3)
    tiles.reorder(order, lanes=(1, 1), groups=4, parts=2, time=1)


@pytest.mark.parametrize("time", [1, 4])
def test_turn(time: int) -> None:
    tiles.turn(time)


@pytest.mark.parametrize("ratio", [1, 2, 3, 8])
def test_corner(ratio: int) -> None:
    tiles.corner(2, ratio)
    tiles.corner(1, ratio, 1)
