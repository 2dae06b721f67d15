"""Multiple-choice knapsack: one option of every item; of several resources one is kept small.

What options take is given as shares of the budget, so that nothing may exceed 1.

Source
------
Lagrangian relaxation of integer programs: Fisher, Management Science 27 (1981).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

ROUNDS = 150
"""Steps towards the best multipliers."""
_NEAR = 30
"""Options of an item that are exchanged together with those of another."""

Picks = tuple[int, ...]
Shares = Sequence[np.ndarray]


def relax(shares: Shares, counts: Shares, most: int, counted: int) -> tuple[float, list[Picks]]:
    """Return a lower bound of the first resource, and the choices that were met on the way.

    The constraints get multipliers, except at last for one resource that is counted in few whole
    units: with the others' multipliers fixed, its knapsack is solved exactly.

    Parameters
    ----------
    shares : sequence of float64 (options, resources)
        Per item.
    counts : sequence of int64 (options,)
        What options take of resource ``counted``, in its units.
    most : int
        Budget of it.
    counted : int

    Returns
    -------
    float
        No choice that keeps to the budget of the other resources takes less of the first.
    list of tuple of int
        An option per item. Those that keep to the budget come first, fewest of the first resource
        first; the others follow, least excess first.

    Examples
    --------
    >>> shares = [np.array([[0.2, 0.9], [0.6, 0.1]])] * 2
    >>> bound, picks = relax(shares, [np.array([9, 1])] * 2, 10, 1)
    >>> round(bound, 2), sorted(picks[0])
    (0.8, [0, 1])
    """
    width = shares[0].shape[1]
    multipliers = np.zeros(width)
    bound, best = 0.0, multipliers
    found: dict[Picks, np.ndarray] = {}
    for step in range(ROUNDS):
        weights = multipliers.copy()
        weights[0] = 1.0
        picks = tuple(int((share @ weights).argmin()) for share in shares)
        used = total(shares, picks)
        value = float(used @ weights - multipliers.sum())
        if value >= bound:
            bound, best = value, weights
        found.setdefault(picks, used)
        slope = used - 1
        slope[0] = 0
        multipliers = np.maximum(0, multipliers + slope / (1 + step) ** 0.5 / 2)
    best[0], best[counted] = 1, 0
    value, picks = _fewest([share @ best for share in shares], counts, most)
    if picks:
        found.setdefault(picks, total(shares, picks))
    bound = max(bound, value - float(best[1:].sum()))
    return bound, sorted(found, key=lambda picks: rank(found[picks]))


def _fewest(costs: Shares, counts: Shares, most: int) -> tuple[float, Picks]:
    """Return the least sum of costs with a sum of counts up to ``most``, and how it is reached."""
    if most < 0:
        return np.inf, ()
    least, chosen = np.zeros(most + 1), []
    for cost, count in zip(costs, counts, strict=True):
        best, taken = np.full(most + 1, np.inf), np.zeros(most + 1, np.int64)
        order = np.lexsort((cost, count))
        for k in order[np.unique(count[order], return_index=True)[1]]:  # the cheapest per count
            size = int(count[k])
            if size > most:
                break
            other = np.full(most + 1, np.inf)
            other[size:] = least[: most + 1 - size] + cost[k]
            taken[other < best] = k
            best = np.minimum(best, other)
        least = best
        chosen.append(taken)
    if np.isinf(least[most]):
        return np.inf, ()
    left, picks = most, []
    for taken, count in zip(reversed(chosen), reversed(counts), strict=True):
        picks.append(int(taken[left]))
        left -= int(count[picks[-1]])
    return float(least[most]), tuple(reversed(picks))


def total(shares: Shares, picks: Picks) -> np.ndarray:
    """Return what a choice takes, float64 (resources,)."""
    return sum((s[k] for s, k in zip(shares, picks, strict=True)), np.zeros(shares[0].shape[1]))


def rank(used: np.ndarray) -> tuple[float, float]:
    """Return what to keep small: what exceeds the budget, then the first resource."""
    return float(np.maximum(0, used - 1).sum()), float(used[0])


def improve(shares: Shares, picks: Picks) -> Picks:
    """Return a choice from which no exchange of one or of two options leads to a better one."""
    while True:
        better = _single(shares, picks) or _double(shares, picks)
        if better is None:
            return picks
        picks = better


def _best(used: np.ndarray) -> int:
    """Return the place of the best of float64 (choices, resources)."""
    excess = np.maximum(0, used - 1).sum(1)
    return int(np.lexsort((used[:, 0], excess))[0])


def _single(shares: Shares, picks: Picks) -> Picks | None:
    used = total(shares, picks)
    best, found = rank(used), None
    for n, share in enumerate(shares):
        others = used - share[picks[n]] + share
        k = _best(others)
        if _less(rank(others[k]), best):
            best, found = rank(others[k]), (*picks[:n], k, *picks[n + 1 :])
    return found


def _double(shares: Shares, picks: Picks) -> Picks | None:
    used = total(shares, picks)
    weights = np.maximum(used, 0) ** 8 + 1e-6
    near = [np.argsort(share @ weights, kind="stable")[:_NEAR] for share in shares]
    for n, first in enumerate(shares):
        for m in range(n + 1, len(shares)):
            second = shares[m]
            rest = used - first[picks[n]] - second[picks[m]]
            pairs = rest + first[near[n]][:, None] + second[near[m]][None]
            flat = pairs.reshape(-1, len(used))
            place = _best(flat)
            if _less(rank(flat[place]), rank(used)):
                i, k = divmod(place, len(near[m]))
                changed = list(picks)
                changed[n], changed[m] = int(near[n][i]), int(near[m][k])
                return tuple(changed)
    return None


def _less(a: tuple[float, float], b: tuple[float, float]) -> bool:
    """Return whether ``a`` is lower by more than rounding."""
    return a[0] < b[0] - 1e-9 or (a[0] <= b[0] + 1e-9 and a[1] < b[1] - 1e-9)
