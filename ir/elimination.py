"""Elimination: the least sum of tables that share variables, one variable after the other.

Source
------
Nonserial dynamic programming: Bertele and Brioschi, Academic Press (1972).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from math import prod

import numpy as np

Table = tuple[tuple[str, ...], np.ndarray]
"""Variables, and float64 with an axis for each."""


def order(scopes: Sequence[Sequence[str]], sizes: Mapping[str, int]) -> list[str]:
    """Return all variables in an order that keeps the tables of :func:`least` small.

    Parameters
    ----------
    scopes : sequence of sequence of str
        Variables of each table.
    sizes : mapping of variable to int
        Values that it can take.
    """
    left, found = [frozenset(scope) for scope in scopes], list[str]()
    while rest := [name for name in sizes if name not in found]:
        name = min(rest, key=lambda each: prod(sizes[k] for k in _joined(each, left)))
        joined = _joined(name, left)
        left = [scope for scope in left if name not in scope] + [joined - {name}]
        found.append(name)
    return found


def least(tables: Sequence[Table], sequence: Sequence[str]) -> tuple[float, dict[str, int]]:
    """Return the least sum of an entry of each table, and the values of the variables there.

    Parameters
    ----------
    tables : sequence of (tuple of str, float64 (values of each variable...))
        Infinite where values do not go together.
    sequence : sequence of str
        All variables, as :func:`order` gives them.

    Examples
    --------
    >>> a = ("x", "y"), np.array([[0.0, 5.0], [9.0, 1.0]])
    >>> b = ("y",), np.array([3.0, 1.0])
    >>> least([a, b], ["x", "y"])
    (2.0, {'y': 1, 'x': 1})
    """
    left, steps = list(tables), []
    for name in sequence:
        mine = [table for table in left if name in table[0]]
        left = [table for table in left if name not in table[0]]
        others = tuple(sorted({each for scope, _ in mine for each in scope} - {name}))
        joined = reduce(np.add, [_spread(table, (*others, name)) for table in mine])
        place = joined.argmin(-1)
        steps.append((name, others, place))
        left.append((others, np.take_along_axis(joined, place[..., None], -1)[..., 0]))
    values: dict[str, int] = {}
    for name, others, place in reversed(steps):
        values[name] = int(place[tuple(values[each] for each in others)])
    return float(sum(entry for _, entry in left)), values


def _joined(name: str, scopes: Sequence[frozenset[str]]) -> frozenset[str]:
    """Return the variables of the tables that have ``name``, itself included."""
    return frozenset([name]).union(*(scope for scope in scopes if name in scope))


def _spread(table: Table, scope: tuple[str, ...]) -> np.ndarray:
    """Return a table with an axis for every variable of ``scope``, some of length 1."""
    own, entries = table
    present = [name for name in scope if name in own]
    turned = entries.transpose([own.index(name) for name in present])
    lengths = iter(turned.shape)
    return turned.reshape([next(lengths) if name in own else 1 for name in scope])
