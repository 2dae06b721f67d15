import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ir.errors import SpikewrightError
from ir.types import IntType

BOUND = st.integers(-(1 << 20), 1 << 20)


@st.composite
def ranges(draw):
    low, high = sorted((draw(BOUND), draw(BOUND)))
    return IntType(low, high)


def test_empty_range_is_refused():
    with pytest.raises(SpikewrightError, match="low 3 is above high 2"):
        IntType(3, 2)


@given(ranges())
def test_width_is_the_smallest_that_holds_the_range(t):
    full = IntType.of_width(t.width, signed=t.signed)
    assert full.low <= t.low and t.high <= full.high
    if t.width > 1 + t.signed:
        less = IntType.of_width(t.width - 1, signed=t.signed)
        assert t.low < less.low or t.high > less.high


@pytest.mark.parametrize(
    ("low", "high", "width"),
    [(0, 0, 1), (0, 1, 1), (0, 2, 2), (0, 255, 8), (0, 256, 9), (-1, 0, 1), (-1, 1, 2)]
    + [(-2, 1, 2), (-128, 127, 8), (-129, 0, 9), (-1, 128, 9), (-5, -3, 4), (3, 4, 3)],
)
def test_width(low, high, width):
    assert IntType(low, high).width == width


@pytest.mark.parametrize("width", [1, 2, 7, 24])
def test_of_width_and_width_agree(width):
    assert IntType.of_width(width, signed=True).width == width
    assert IntType.of_width(width, signed=False).width == width


def test_binary_and_signed():
    assert IntType(0, 1).binary and IntType(0, 0).binary and IntType(1, 1).binary
    assert not IntType(0, 2).binary and not IntType(-1, 1).binary
    assert IntType(-1, 0).signed and not IntType(0, 9).signed


@given(ranges(), ranges())
def test_sum_and_hull_hold_the_extremes(a, b):
    total = a + b
    assert (total.low, total.high) == (a.low + b.low, a.high + b.high)
    hull = a.hull(b)
    assert (hull.low, hull.high) == (min(a.low, b.low), max(a.high, b.high))
    assert a.hull(a) == a


@given(ranges(), st.integers(1, 50))
def test_times_is_a_repeated_sum(t, count):
    total = t
    for _ in range(count - 1):
        total = total + t
    assert t.times(count) == total


def test_contains_includes_the_ends_and_empty_arrays():
    t = IntType(-2, 5)
    assert t.contains(np.array([-2, 5])) and t.contains(np.zeros(0)) and t.contains(5)
    assert not t.contains(np.array([0, 6])) and not t.contains(-3)
