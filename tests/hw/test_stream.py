import pytest
from amaranth.hdl import Const, signed

from hw.stream import resize, tree
from tests.hw import words
from tests.hw.bench import STALLS

PAIRS = [f"{source}/{sink}" for source in STALLS for sink in STALLS]


@pytest.mark.parametrize("stalls", PAIRS)
@pytest.mark.parametrize("part", ["fork", "buffer", "split", "merge"])
def test_parts_move_every_word_once(part: str, stalls: str) -> None:
    getattr(words, part)(stalls=stalls)


@pytest.mark.parametrize("stalls", ["flowing/flowing", "flowing/mostly_stalled"])
@pytest.mark.parametrize("depth", [0, 1, 2, 8])
def test_buffer_depths(depth: int, stalls: str) -> None:
    words.buffer(depth, stalls)
    if depth > 2:
        words.buffer(depth, stalls, 8192 // depth + 1)


@pytest.mark.parametrize("ratio", [2, 5])
def test_ratios(ratio: int) -> None:
    words.split(ratio)
    words.merge(ratio)


def test_tree_is_balanced_and_wide_enough() -> None:
    assert tree([Const(0, 3)] * 5).shape().width == 6
    assert tree([Const(0, signed(4))]).shape() == signed(4)


def test_resize_keeps_the_sign() -> None:
    assert len(resize(Const(-2, signed(3)), 6)) == 6
    assert len(resize(Const(5, 3), 2)) == 2
