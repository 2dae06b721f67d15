"""The fold solver against trying everything, and against its relaxation."""

from functools import cache
from itertools import product

import numpy as np
import pytest

from ir.fold import Hardware
from ir.layers import Input, MaxPool
from ir.menu import RESOURCES
from ir.solver import EXHAUSTIVE, Solver
from tests.networks import Builder, digits_network

AMPLE = np.full(len(RESOURCES), 1e6)
CASES = ["two layers", "pooled", "small kernels"]


@cache
def small(case):
    b = Builder(np.random.default_rng(CASES.index(case)), 2, schemes=("u3",))
    if case == "two layers":
        last = b.put(Input("input", (), (6, 1, 1), 1))
        last = b.unit("a", last, 4)
    elif case == "pooled":
        last = b.put(Input("input", (), (1, 5, 5), 15))
        last = b.unit("a", last, 4, 3, 1, 1)
        last = b.put(MaxPool("a.pool", (last,), 2, 2, 0))
    else:
        last = b.put(Input("input", (), (2, 4, 4), 1))
        last = b.unit("a", last, 2, 3, 1, 1)
        last = b.unit("b", last, 3)
    return b.readout(last, 2)


@cache
def everything(case, fabric):
    """Return every choice with what it takes, and a solver with an ample budget."""
    network = small(case)
    solver = Solver(network, Hardware(1, 2, fabric=fabric), AMPLE)
    options = solver.menu.folding
    every = product(*(each.folds for each in options.values()))
    return [solver.choice(dict(zip(options, folds, strict=True))) for folds in every], solver


def budgets(found):
    """Return budgets that leave few to many choices; block RAM or LUTs are short in turn."""
    used = np.array([each.used for each in found])
    for n, share in enumerate((0.0, 0.02, 0.1, 0.3, 0.6)):
        budget = AMPLE.copy()
        budget[0] = np.quantile(used[:, 0], share)
        if n % 2:
            budget[3] = np.quantile(used[used[:, 0] <= budget[0], 3], 0.5)
        yield budget


@pytest.mark.parametrize("fabric", ["ecp5", "ice40"])
@pytest.mark.parametrize("case", CASES)
def test_small_networks_get_what_trying_everything_finds(case, fabric):
    found, solver = everything(case, fabric)
    assert len(found) <= EXHAUSTIVE
    for solver.budget in budgets(found):
        fitting = [each for each in found if (each.used <= solver.budget).all()]
        cycles = min(each.cycles for each in fitting)
        luts = min(each.used[0] for each in fitting if each.cycles <= cycles)
        best, bound, proven = solver.throughput()
        assert proven
        assert (best.cycles, best.used[0]) == (cycles, luts)
        assert bound <= cycles

        slow = cycles + (max(each.cycles for each in fitting) - cycles) // 3
        small_, complete = solver.smallest(slow)
        assert complete
        least = min(each.used[0] for each in fitting if each.cycles <= slow)
        assert small_.used[0] == least >= solver.least(slow)

        quick, complete = solver.quickest(best)
        assert complete
        assert quick.latency == min(each.latency for each in fitting)


def test_the_bound_names_what_is_short():
    found, solver = everything("small kernels", "ecp5")
    solver.budget = AMPLE
    best = solver.throughput()[0]
    stopped = solver.bound(best, *solver.faster(best))
    assert stopped.resource == "cycles"
    assert solver.menu.folding[stopped.layer].alone[0].min() == best.cycles
    assert str(stopped).startswith(f"layer {stopped.layer} has no fold of ")
    solver.budget = AMPLE.copy()
    solver.budget[0] = min(each.used[0] for each in found)
    slow = solver.throughput()[0]
    assert slow.cycles > best.cycles
    stopped = solver.bound(slow, *solver.faster(slow))
    assert stopped.resource == "lut"
    assert f"{stopped.cycles} cycles need more lut, most of it in layer " in str(stopped)
    assert not any(
        each.cycles <= stopped.cycles and (each.used <= solver.budget).all() for each in found
    )


def test_nothing_fits_a_budget_of_nothing():
    _, solver = everything("pooled", "ecp5")
    solver.budget = np.zeros(len(RESOURCES))
    assert solver.throughput()[0] is None


@pytest.mark.parametrize(
    ("luts", "blocks", "short"),
    [(12_000, 200, "lut"), (20_000, 200, "lut"), (1e6, 30, "block_ram"), (1e6, 40, "block_ram")],
)
def test_large_networks_come_within_a_twentieth_of_the_relaxation(luts, blocks, short):
    network = digits_network(width=32, heads=4, steps=4)
    budget = np.array([luts, 1e6, 1e6, blocks, 1e6, 1e6])
    solver = Solver(network, Hardware(1, 4, fabric="ecp5"), budget)
    found, bound, _ = solver.throughput()
    assert solver.fits(found, found.cycles)
    assert found.cycles <= 1.05 * bound
    assert solver.bound(found, *solver.faster(found)).resource == short
    limit = 2 * found.cycles
    small_, _ = solver.smallest(limit)
    assert solver.fits(small_, limit)
    assert small_.used[0] <= 1.05 * solver.least(limit)


def test_no_single_fold_improves_a_mended_choice():
    network = digits_network(width=8, heads=2, steps=2)
    budget = np.array([1e6, 1e6, 1e6, 30, 1e6, 1e6])
    solver = Solver(network, Hardware(1, 2, fabric="ecp5"), budget)
    options = solver.menu.folding
    slowest = {name: each.fold(int(each.alone[0].argmax())) for name, each in options.items()}
    limit = solver.limits[len(solver.limits) // 2]
    mended = solver._mend(solver.choice(slowest), limit)
    for name, each in options.items():
        for k in np.nonzero(each.within(limit)[0] <= limit)[0]:
            other = solver.choice({**mended.folds, name: each.fold(int(k))})
            assert solver._rank(other, limit) >= solver._rank(mended, limit)
