from itertools import product

import numpy as np
import pytest

from ir.knapsack import improve, rank, relax, total


def items(seed):
    rng = np.random.default_rng(seed)
    shares, counts = [], []
    for _ in range(4):
        size = int(rng.integers(1, 6))
        count = rng.integers(0, 7, size)
        # What is cheap in one resource is dear in another.
        lut = (1 + rng.random(size)) / (2 + count) / 8
        other = rng.random(size) * 0.4
        shares.append(np.stack([lut, other, count / 12], 1))
        counts.append(count)
    return shares, counts


def optimum(shares):
    every = product(*(range(len(share)) for share in shares))
    return min((total(shares, picks) for picks in every), key=rank)


@pytest.mark.parametrize("seed", range(40))
def test_no_choice_is_below_the_bound_and_proposals_are_near_it(seed):
    shares, counts = items(seed)
    bound, proposed = relax(shares, counts, 12, 2)
    best = optimum(shares)
    if (best[1:] <= 1).all():
        assert bound <= best[0] + 1e-9
        assert bound >= 0.8 * best[0]
    used = [rank(total(shares, picks)) for picks in proposed]
    assert used == sorted(used)


@pytest.mark.parametrize("seed", range(40))
def test_with_one_constraint_in_whole_units_the_bound_is_the_optimum(seed):
    shares, counts = items(seed)
    for share in shares:
        share[:, 1] = 0
    bound, proposed = relax(shares, counts, 12, 2)
    best = optimum(shares)
    if best[2] <= 1:
        assert bound == pytest.approx(best[0])
        assert total(shares, proposed[0])[0] == pytest.approx(best[0])
    else:
        assert bound == np.inf


@pytest.mark.parametrize("seed", range(40))
def test_exchanges_find_most_optima_and_never_lose(seed):
    shares, _ = items(seed)
    begin = (0,) * len(shares)
    found = rank(total(shares, improve(shares, begin)))
    assert found <= rank(total(shares, begin))
    best = rank(optimum(shares))
    assert found[0] <= best[0] + 0.2
    assert found[1] <= 1.3 * best[1] or found[0] > best[0]
