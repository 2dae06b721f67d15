import pytest

from ir.neuron import CHARGES, FIRES, RESETS, Neuron
from ir.types import IntType
from tests.hw import checks
from tests.hw.bench import STALLS


@pytest.mark.parametrize("initial", [0, -3])
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("fire", FIRES)
@pytest.mark.parametrize("charge, shift", [("half", 1), ("none", 1), ("shift", 2)])
def test_every_current_and_threshold(
    charge: str, shift: int, fire: str, reset: str, initial: int
) -> None:
    unit = Neuron(charge, fire, reset, shift, 0, 4, initial)
    checks.neuron(unit, IntType(-2, 3), range(-3, 5), serial=True)


@pytest.mark.parametrize("steps", [2, 4, 5])
@pytest.mark.parametrize("charge", CHARGES)
def test_static_currents(charge: str, steps: int) -> None:
    unit = Neuron(charge, frac_bits=0, membrane_bits=5)
    thresholds = range(-2, 12, 2)
    checks.neuron(unit, IntType(-20, 20), thresholds, steps=steps, static=True, serial=True)


def test_fraction_and_bias() -> None:
    unit = Neuron(frac_bits=3, membrane_bits=7)
    thresholds, biases = [4, 9, 16, 23], [-9, 3, 0, 7]
    checks.neuron(unit, IntType(-3, 4), thresholds, biases=biases, serial=True)


@pytest.mark.parametrize("stalls", [f"{source}/{sink}" for source in STALLS for sink in STALLS])
def test_stalls(stalls: str) -> None:
    checks.groups(stalls, serial=True)
