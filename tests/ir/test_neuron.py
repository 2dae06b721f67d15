from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ir.errors import SpikewrightError
from ir.neuron import CHARGES, FIRES, INTEGER, RESETS, Neuron
from ir.types import IntType

OPTIONS = list(product(CHARGES, FIRES, RESETS))
EDGES = [-1, 0, 20, 40, 5, 127, 127, -128, -128, 21, 19, -1000, 1000, 1, -3]


def naive(neuron, v, i, threshold):
    """One step in words: floor divisions, no shifts."""
    if neuron.charge == "half":
        h = (v + i) // 2
    elif neuron.charge == "shift":
        h = v - v // 2**neuron.leak_shift + i
    else:
        h = v + i
    top = 2 ** (neuron.membrane_bits - 1)
    h = max(-top, min(top - 1, h))
    spike = int(h >= threshold) if neuron.fire == ">=" else int(h > threshold)
    if neuron.reset == "zero" and spike:
        return h, spike, 0
    if neuron.reset == "subtract" and spike:
        return h, spike, h - threshold
    return h, spike, h


@pytest.mark.parametrize(("charge", "fire", "reset"), OPTIONS)
@pytest.mark.parametrize("leak", [1, 3])
@pytest.mark.parametrize("threshold", [20, -5, 127, -128, 0])
def test_step_of_integers_arrays_and_words_agree(charge, fire, reset, leak, threshold):
    neuron = Neuron(charge, fire, reset, leak, 0, 8, 3)
    currents = EDGES + np.random.default_rng(0).integers(-300, 300, 60).tolist()
    v = expected = neuron.initial
    array = np.array([neuron.initial, neuron.initial])
    for i in currents:
        wanted = naive(neuron, expected, i, threshold)
        got = neuron.step(v, i, threshold, INTEGER)
        h, spikes, array = neuron.step(array, np.array([i, i]), np.array([threshold] * 2), INTEGER)
        assert got == wanted
        assert [(int(a), int(b), int(c)) for a, b, c in zip(h, spikes, array, strict=True)] == [
            wanted
        ] * 2
        assert all(isinstance(x, int) for x in got)
        v, expected = got[2], wanted[2]


def test_equal_to_threshold_is_where_the_comparisons_differ():
    assert Neuron("none", ">=").step(0, 7, 7, INTEGER)[1] == 1
    assert Neuron("none", ">").step(0, 7, 7, INTEGER)[1] == 0


def test_floor_rounds_towards_minus_infinity():
    assert Neuron("half").step(0, -1, 5, INTEGER)[0] == -1
    assert Neuron("shift", leak_shift=2).step(-1, 0, 5, INTEGER)[0] == 0


def test_membrane_saturates_before_firing():
    neuron = Neuron("none", membrane_bits=4)
    assert neuron.step(7, 7, 8, INTEGER) == (7, 0, 7)
    assert neuron.step(-8, -8, 8, INTEGER) == (-8, 0, -8)


NUMBER = st.integers(-300, 300)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(OPTIONS),
    st.integers(1, 4),
    st.integers(2, 10),
    st.tuples(NUMBER, NUMBER).map(sorted),
    st.tuples(NUMBER, NUMBER).map(sorted),
    st.integers(-600, 600),
    st.integers(1, 5),
    st.randoms(use_true_random=False),
)
def test_reach_bounds_every_membrane(options, leak, bits, current, threshold, initial, steps, random):
    half = 1 << (bits - 1)
    neuron = Neuron(*options, leak, 0, bits, max(-half, min(half - 1, initial)))
    h_range, v_range = neuron.reach(IntType(*current), IntType(*threshold), steps)
    for _ in range(30):
        limit = random.choice([*threshold, random.randint(*threshold)])
        v = neuron.initial
        for _ in range(steps):
            assert v_range.low <= v <= v_range.high
            i = random.choice([*current, random.randint(*current)])
            before = exact(neuron, v, i)
            assert h_range.low <= before <= h_range.high
            _, _, v = neuron.step(v, i, limit, INTEGER)
        assert v_range.low <= v <= v_range.high


def exact(neuron, v, i):
    """Membrane before saturation."""
    if neuron.charge == "half":
        return (v + i) // 2
    return v + i - (v // 2**neuron.leak_shift if neuron.charge == "shift" else 0)


def test_reach_is_tight_for_the_simplest_neuron():
    neuron = Neuron("none", reset="none", membrane_bits=24)
    h, v = neuron.reach(IntType(-2, 3), IntType(5, 5), 4)
    assert (h, v) == (IntType(-8, 12), IntType(-8, 12))


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("charge", "full", "Neuron charge is 'full'; allowed are half, shift, none."),
        ("fire", "==", "Neuron fire is '=='; allowed are >=, >."),
        ("reset", "soft", "Neuron reset is 'soft'; allowed are zero, subtract, none."),
        ("leak_shift", 0, "Neuron leak_shift is 0; allowed are 1..15."),
        ("leak_shift", 16, "Neuron leak_shift is 16; allowed are 1..15."),
        ("frac_bits", -1, "Neuron frac_bits is -1; allowed are 0..16."),
        ("frac_bits", 17, "Neuron frac_bits is 17; allowed are 0..16."),
        ("frac_bits", True, "Neuron frac_bits is True; allowed are 0..16."),
        ("membrane_bits", 1, "Neuron membrane_bits is 1; allowed are 2..48."),
        ("membrane_bits", 49, "Neuron membrane_bits is 49; allowed are 2..48."),
        ("initial", 1 << 23, "initial membrane is 8388608; allowed are -8388608..8388607."),
        ("initial", 0.5, "initial membrane is 0.5; allowed are -8388608..8388607."),
        ("frac_bits", 1.5, "Neuron frac_bits is 1.5; allowed are 0..16."),
    ],
)
def test_illegal_parameters_are_refused(field, value, sentence):
    with pytest.raises(SpikewrightError) as caught:
        Neuron(**{field: value})
    assert sentence in str(caught.value)


@pytest.mark.parametrize("bits", [2, 48])
def test_ends_of_the_membrane_are_legal_starts(bits):
    for initial in (-(1 << bits - 1), (1 << bits - 1) - 1):
        assert Neuron(membrane_bits=bits, initial=initial).membrane.contains(initial)
