from itertools import product

import numpy as np
import pytest

from ir.knapsack import ascend, fewest


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


def total(shares, picks):
    return sum(share[k] for share, k in zip(shares, picks, strict=True))


def every(shares):
    return [total(shares, picks) for picks in product(*(range(len(share)) for share in shares))]


@pytest.mark.parametrize("seed", range(40))
def test_no_choice_is_below_the_bound(seed):
    shares, _ = items(seed)

    def minimise(weights):
        picks = tuple(int((share @ weights).argmin()) for share in shares)
        return picks, total(shares, picks)

    bound, weights, met = ascend(minimise, 3)
    fitting = [used for used in every(shares) if (used[1:] <= 1).all()]
    if fitting:
        best = min(used[0] for used in fitting)
        assert 0.8 * best <= bound <= best + 1e-9
    assert weights[0] == 1
    assert (weights >= 0).all()
    least = min(float(used @ weights) for used in every(shares))
    assert bound == pytest.approx(max(0, least - weights[1:].sum()))
    assert all((used == total(shares, picks)).all() for picks, used in met.items())


def test_what_is_ample_has_no_price():
    options = np.array([[0.5, 0.1], [0.6, 0.05]])

    def minimise(weights):
        k = int((options @ weights).argmin())
        return k, options[k]

    bound, weights, met = ascend(minimise, 2)
    assert bound == 0.5
    assert weights.tolist() == [1, 0]
    assert list(met) == [0]


@pytest.mark.parametrize("seed", range(40))
def test_counted_in_whole_units_the_least_is_that_of_trying_everything(seed):
    shares, counts = items(seed)
    costs = [share[:, 0] for share in shares]
    best = min((used[0] for used in every(shares) if used[2] <= 1 + 1e-9), default=np.inf)
    assert fewest(costs, counts, 12) == pytest.approx(best)
    assert fewest(costs, counts, -1) == np.inf
