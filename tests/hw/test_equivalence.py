"""Processing elements, counters and neurons are their definitions, for all inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import z3

from hw.neuron import advanced
from hw.pe import products
from hw.popcount import STYLES, matches
from ir import plan
from ir.neuron import CHARGES, FIRES, RESETS, Neuron
from ir.scheme import Scheme
from ir.types import IntType
from tests.hw.equivalence import WIDE, Terms, Unit, differs

SPIKE = IntType(0, 1)
ACTIVATIONS = (SPIKE, IntType(0, 2), IntType(-2, 1), IntType(0, 19), IntType(-9, 8))
SCHEMES = ("u2", "u3", "u4", "pot2", "pot3", "pot4", "binary", "ternary")
CURRENT, THRESHOLD, STEPS = IntType(-11, 10), IntType(-4, 9), 4


def processing(scheme: Scheme, type: IntType, lanes: int = 2) -> Unit:
    """Return a processing element of one output and one step."""
    code = IntType(0, (1 << scheme.bits) - 1)
    names = [f"{noun}{lane}" for noun in ("code", "a") for lane in range(lanes)]
    reach = max(scheme.code_type.high, -scheme.code_type.low)
    largest = lanes * max(type.high, -type.low) * reach
    return Unit(
        dict(zip(names, [code] * lanes + [type] * lanes, strict=True)),
        {"sum": IntType(-largest, largest)},
        lambda m, taken: products(
            m, scheme, type, taken[:lanes], [[value] for value in taken[lanes:]]
        ),
    )


def multiplied(scheme: Scheme, terms: list[Any]) -> list[Any]:
    """Return the sum of decoded codes times activations."""
    lanes = len(terms) // 2
    weights = scheme.decode(np.arange(1 << scheme.bits)).tolist()
    total = z3.BitVecVal(0, WIDE)
    for code, activation in zip(terms[:lanes], terms[lanes:], strict=True):
        term = z3.BitVecVal(0, WIDE)
        for number, weight in enumerate(weights):
            term = z3.If(code == number, activation * weight, term)
        total = total + term
    return [total]


@pytest.mark.parametrize("type", ACTIVATIONS, ids=lambda type: f"{type.low}..{type.high}")
@pytest.mark.parametrize("name", SCHEMES)
def test_processing_element_is_a_sum_of_products(name, type, tmp_path):
    scheme = Scheme.parse(name)
    unit = processing(scheme, type)
    assert differs(unit, lambda terms: multiplied(scheme, terms), tmp_path) is None


def stepping(neuron: Neuron) -> Unit:
    """Return one time step of a neuron, after any but the last of its steps."""
    h, v = neuron.reach(CURRENT, THRESHOLD, STEPS)
    _, before = neuron.reach(CURRENT, THRESHOLD, STEPS - 1)
    link = plan.Link("words", 1, 1, STEPS, SPIKE)
    station = plan.Neurons(
        "neuron", (link,), (link,), neuron, 1, THRESHOLD, THRESHOLD, CURRENT, h, v
    )
    return Unit(
        {"v": before, "i": CURRENT, "threshold": THRESHOLD},
        {"spike": SPIKE, "after": v},
        lambda m, taken: list(advanced(m, station, *taken, "unit")),
    )


def stepped(neuron: Neuron, terms: list[Any]) -> list[Any]:
    return list(neuron.step(*terms, Terms())[1:])


@pytest.mark.parametrize("bits", [4, 24])
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("fire", FIRES)
@pytest.mark.parametrize("charge", CHARGES)
def test_step_is_that_of_the_neuron_and_stays_in_its_range(charge, fire, reset, bits, tmp_path):
    neuron = Neuron(charge, fire, reset, 2, 0, bits, initial=-3)
    assert differs(stepping(neuron), lambda terms: stepped(neuron, terms), tmp_path) is None


@pytest.mark.parametrize("style", STYLES)
def test_matches_are_counted(style, tmp_path):
    count = 13
    unit = Unit(
        {f"{noun}{k}": SPIKE for noun in "ab" for k in range(count)},
        {"matches": IntType(0, count)},
        lambda m, taken: [matches(m, list(zip(taken[:count], taken[count:], strict=True)), style)],
    )

    def counted(terms):
        return [sum((a & b for a, b in zip(terms[:count], terms[count:], strict=True)))]

    assert differs(unit, counted, tmp_path) is None


def test_another_definition_has_a_counterexample(tmp_path):
    given, other = Neuron(fire=">=", frac_bits=0), Neuron(fire=">", frac_bits=0)
    found = differs(stepping(given), lambda terms: stepped(other, terms), tmp_path)
    assert found is not None
    assert (found["v"] + found["i"]) >> 1 == found["threshold"]
