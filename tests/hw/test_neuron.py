import pytest

from ir.neuron import CHARGES, FIRES, RESETS, Neuron
from ir.types import IntType
from tests.hw import checks
from tests.hw.bench import STALLS

CHARGED = [("half", 1), ("none", 1), ("shift", 1), ("shift", 2), ("shift", 3)]


@pytest.mark.parametrize("bits, initial", [(3, 0), (24, 0), (4, -3)])
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("fire", FIRES)
@pytest.mark.parametrize("charge, shift", CHARGED)
def test_every_current_and_threshold(
    charge: str, shift: int, fire: str, reset: str, bits: int, initial: int
) -> None:
    unit = Neuron(charge, fire, reset, shift, 0, bits, initial)
    checks.neuron(unit, IntType(-3, 3), range(-3, 5))


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("charge", CHARGES)
def test_currents_beyond_the_membrane(charge: str, reset: str) -> None:
    unit = Neuron(charge, reset=reset, frac_bits=0, membrane_bits=3)
    checks.neuron(unit, IntType(-12, 12), [-6, -4, -1, 0, 1, 3, 4, 9], steps=2)


@pytest.mark.parametrize("charge", CHARGES)
def test_static_currents(charge: str) -> None:
    unit = Neuron(charge, frac_bits=0, membrane_bits=5)
    checks.neuron(unit, IntType(-20, 20), range(-2, 12, 2), steps=4, static=True)


@pytest.mark.parametrize("steps", [1, 2])
def test_few_steps(steps: int) -> None:
    checks.neuron(Neuron(frac_bits=0, membrane_bits=6), steps=steps)


def test_fraction_and_bias() -> None:
    unit = Neuron(frac_bits=3, membrane_bits=7)
    thresholds, biases = [4, 9, 16, 23], [-9, 3, 0, 7]
    checks.neuron(unit, IntType(-3, 4), thresholds, biases=biases)


def test_currents_of_one_sign() -> None:
    unit = Neuron(frac_bits=0, membrane_bits=4)
    checks.neuron(unit, IntType(0, 7), range(1, 6))
    checks.neuron(unit, IntType(-7, 0), range(-4, 2))
    checks.neuron(Neuron(frac_bits=0, membrane_bits=3), IntType(4, 7), range(1, 4))


@pytest.mark.parametrize("stalls", [f"{source}/{sink}" for source in STALLS for sink in STALLS])
def test_stalls(stalls: str) -> None:
    checks.groups(stalls)
