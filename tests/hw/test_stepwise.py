import pytest

from ir.neuron import CHARGES, FIRES, RESETS, Neuron
from tests.hw import tiles
from tests.hw.bench import STALLS


@pytest.mark.parametrize(("static", "order"), [(False, "CPT"), (True, "CPT"), (False, "PCT")])
@pytest.mark.parametrize("charge", CHARGES)
@pytest.mark.parametrize("fire", FIRES)
@pytest.mark.parametrize("reset", RESETS)
def test_neurons(charge: str, fire: str, reset: str, static: bool, order: str) -> None:
    unit = Neuron(charge, fire, reset, leak_shift=1, frac_bits=1, membrane_bits=5, initial=1)
    tiles.stepwise(unit, order, static)


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("sink", STALLS)
@pytest.mark.parametrize("source", STALLS)
def test_stalls_change_nothing(source: str, sink: str, static: bool) -> None:
    tiles.stepwise(Neuron(frac_bits=0), static=static, stalls=f"{source}/{sink}")
    tiles.steps(f"{source}/{sink}")
