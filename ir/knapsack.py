"""Multiple-choice knapsack: of several resources one is kept small, the others within a budget.

What options take is given as shares of the budget, so that nothing may exceed 1.

Source
------
Lagrangian relaxation of integer programs: Fisher, Management Science 27 (1981).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

ROUNDS = 150
"""Steps towards the best multipliers."""

Picks = TypeVar("Picks")


def ascend(
    minimise: Callable[[np.ndarray], tuple[Picks, np.ndarray]], width: int
) -> tuple[float, np.ndarray, dict[Picks, np.ndarray]]:
    """Return a lower bound of the first resource, from prices of the others that rise where short.

    Parameters
    ----------
    minimise : callable
        Takes weights, float64 (resources,), and returns the picks with the least weighted sum, and
        what they take, float64 (resources,).
    width : int
        Resources.

    Returns
    -------
    float
        No picks that keep to the budget take less of the first resource.
    float64 (resources,)
        Weights of this bound; the first is 1.
    dict
        Picks that were met on the way, with what they take.

    Examples
    --------
    >>> options = np.array([[0.4, 1.8], [1.2, 0.2], [0.9, 0.9]])
    >>> def minimise(weights):
    ...     k = int((options @ weights).argmin())
    ...     return k, options[k]
    >>> bound, _, met = ascend(minimise, 2)
    >>> round(bound, 2), sorted(met)
    (0.8, [0, 1])
    """
    multipliers = np.zeros(width)
    bound, best = 0.0, np.eye(width)[0]
    met: dict[Picks, np.ndarray] = {}
    for step in range(ROUNDS):
        weights = multipliers.copy()
        weights[0] = 1.0
        picks, used = minimise(weights)
        value = float(used @ weights - multipliers.sum())
        if value >= bound:
            bound, best = value, weights
        met.setdefault(picks, used)
        slope = used - 1
        slope[0] = 0
        if not (slope > 0).any() and not multipliers.any():
            break  # nothing is short
        multipliers = np.maximum(0, multipliers + slope / (1 + step) ** 0.5 / 2)
    return bound, best, met


def fewest(costs: Sequence[np.ndarray], counts: Sequence[np.ndarray], most: int) -> float:
    """Return the least sum of costs, one option of every item, with a sum of counts up to ``most``.

    Parameters
    ----------
    costs : sequence of float64 (options,)
        Per item.
    counts : sequence of int64 (options,)
        Of a resource in few whole units.
    most : int

    Examples
    --------
    >>> fewest([np.array([0.2, 0.6])] * 2, [np.array([9, 1])] * 2, 10)
    0.8
    """
    if most < 0:
        return np.inf
    least = np.zeros(most + 1)
    for cost, count in zip(costs, counts, strict=True):
        best = np.full(most + 1, np.inf)
        order = np.lexsort((cost, count))
        for k in order[np.unique(count[order], return_index=True)[1]]:  # the cheapest per count
            size = int(count[k])
            if size > most:
                break
            best[size:] = np.minimum(best[size:], least[: most + 1 - size] + cost[k])
        least = best
    return float(least[most])
