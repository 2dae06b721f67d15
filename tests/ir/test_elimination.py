from itertools import product

import numpy as np
import pytest

from ir.elimination import least, order


@pytest.mark.parametrize("seed", range(40))
def test_the_least_sum_is_that_of_trying_everything(seed):
    rng = np.random.default_rng(seed)
    sizes = {name: int(rng.integers(1, 5)) for name in "abcdef"[: int(rng.integers(1, 7))]}
    tables = []
    for _ in range(int(rng.integers(1, 8))):
        scope = tuple(rng.permutation(list(sizes))[: int(rng.integers(1, 4))].tolist())
        entries = rng.random([sizes[name] for name in scope])
        tables.append((scope, np.where(entries < 0.1, np.inf, entries)))
    tables += [((name,), np.zeros(size)) for name, size in sizes.items()]
    value, values = least(tables, order([scope for scope, _ in tables], sizes))

    def total(values):
        return sum(entries[tuple(values[name] for name in scope)] for scope, entries in tables)

    every = [dict(zip(sizes, at, strict=True)) for at in product(*map(range, sizes.values()))]
    assert value == pytest.approx(min(map(total, every)))
    assert total(values) == pytest.approx(value)
    assert values.keys() == sizes.keys()


def test_chains_are_eliminated_from_their_ends():
    scopes = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "e")]
    sizes = dict.fromkeys("abcde", 30)
    assert order(scopes, sizes)[0] in "ae"
    tables = [(scope, np.zeros((30, 30))) for scope in scopes]
    assert least(tables, order(scopes, sizes))[0] == 0
