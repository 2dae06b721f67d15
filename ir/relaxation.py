"""Relaxation: a lower bound of the LUTs for any choice of folds, and choices that come near it.

Budgets of the other resources become prices (:mod:`ir.knapsack`). With prices fixed, the cheapest
choice whose words fit together is found exactly, layer after layer (:mod:`ir.elimination`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ir.elimination import Table, least, order
from ir.fold import Fold
from ir.knapsack import ascend, fewest
from ir.menu import RESOURCES, Menu, Options

Picks = tuple[int, ...]
"""Place of the fold of every layer."""
_LUT, _BLOCKS = RESOURCES.index("lut"), RESOURCES.index("block_ram")


class Relaxation:
    """The options that keep up with a number of cycles per sample.

    Parameters
    ----------
    menu : Menu
    limit : int
        Cycles per sample.
    """

    def __init__(self, menu: Menu, limit: int) -> None:
        self.menu, self.limit = menu, limit
        self.cells = {name: _Cells(name, o, menu, limit) for name, o in menu.layers.items()}
        self.possible = all(len(cells.keys) for cells in self.cells.values())
        tables = self._tables(np.zeros(len(RESOURCES)))
        sizes = {
            name: length
            for scope, entries in tables
            for name, length in zip(scope, entries.shape, strict=True)
        }
        self.order = order([scope for scope, _ in tables], sizes)

    def bound(self, budget: np.ndarray) -> tuple[float, list[Mapping[str, Fold]]]:
        """Return a lower bound of the LUTs, and choices, the most promising first.

        Parameters
        ----------
        budget : float64 (resources,)
        """
        room = np.maximum(budget - self.menu.top, 1e-9)
        if not self.possible or math.isinf(least(self._tables(np.zeros_like(room)), self.order)[0]):
            return math.inf, []

        def minimise(weights: np.ndarray) -> tuple[Picks, np.ndarray]:
            picks, used = self._minimise(weights / room)
            return picks, used / room

        bound, weights, met = ascend(minimise, len(RESOURCES))
        bound = max(bound, self._counted(weights / room, math.floor(room[_BLOCKS]), room))
        first = sorted(met, key=lambda picks: _rank(met[picks]))
        luts = bound * float(room[_LUT]) + float(self.menu.top[_LUT])
        return _whole(luts), [self._folds(picks) for picks in first]

    def _counted(self, weights: np.ndarray, most: int, room: np.ndarray) -> float:
        """Return a bound that knows of whole block RAMs, but not of words that must fit."""
        weights = weights.copy()
        rest = float((weights * room)[1:].sum() - (weights * room)[_BLOCKS])
        weights[_BLOCKS] = 0
        prices = [options.within(self.limit)[1] for options in self.menu.layers.values()]
        kept = [each[np.isfinite(each[:, _LUT])] for each in prices]
        counts = [np.floor(each[:, _BLOCKS]).astype(np.int64) for each in kept]
        return fewest([each @ weights for each in kept], counts, most) - rest

    def _minimise(self, weights: np.ndarray) -> tuple[Picks, np.ndarray]:
        _, values = least(self._tables(weights), self.order)
        picks, used = [], np.zeros(len(RESOURCES))
        for cells in self.cells.values():
            fold, more = cells.pick(values, weights)
            picks.append(fold)
            used = used + more
        return tuple(picks), used

    def _tables(self, weights: np.ndarray) -> list[Table]:
        return [table for cells in self.cells.values() for table in cells.tables(weights)]

    def _folds(self, picks: Picks) -> Mapping[str, Fold]:
        found = {}
        for (name, options), k in zip(self.menu.layers.items(), picks, strict=True):
            if name in self.menu.folding:
                found[name] = options.fold(k)
        return found


class _Cells:
    """What a layer can be within the limit, ordered by the words before it and those that leave.

    Of a layer whose words before add each something of its own, the fold is a variable too.
    """

    def __init__(self, name: str, options: Options, menu: Menu, limit: int) -> None:
        self.options, self.name, self.variable = options, name, f"{name}?"
        own = options.pace <= limit
        at = np.nonzero(own.ravel())[0]
        self.folds = at % len(options.folds)
        before = self.folds if options.single else at // len(options.folds)
        keys = before * len(options.words) + options.leaving.ravel()[at]
        sequence = np.argsort(keys, kind="stable")
        self.folds, self.prices = self.folds[sequence], self._prices(at)[sequence]
        self.keys, self.starts = np.unique(keys[sequence], return_index=True)
        lengths = [len(options.folds)] if options.single else options.pace.shape[:-1]
        self.shape = (*lengths, len(options.words))
        self.barred = [paces > limit for paces, _ in options.added]
        self.scope = (*([self.variable] if options.single else options.joint), name)

    def _prices(self, at: np.ndarray) -> np.ndarray:
        return self.options.price.reshape(-1, len(RESOURCES))[at]

    def tables(self, weights: np.ndarray) -> list[Table]:
        """Return the tables of weighted prices."""
        entries = np.full(int(np.prod(self.shape)), np.inf)
        if len(self.keys):
            entries[self.keys] = np.minimum.reduceat(self.prices @ weights, self.starts)
        found: list[Table] = [(self.scope, entries.reshape(self.shape))]
        for source, (_, prices), barred in zip(
            self.options.single, self.options.added, self.barred, strict=True
        ):
            found.append(((source, self.variable), np.where(barred, np.inf, prices @ weights)))
        return found

    def pick(self, values: Mapping[str, int], weights: np.ndarray) -> tuple[int, np.ndarray]:
        """Return the cheapest fold for the words that were chosen, and what it takes."""
        key = np.ravel_multi_index([values[name] for name in self.scope], self.shape)
        n = int(np.searchsorted(self.keys, key))
        ends = [*self.starts[n + 1 : n + 2], len(self.folds)]
        part = slice(int(self.starts[n]), int(ends[0]))
        k = part.start + int((self.prices[part] @ weights).argmin())
        used = self.prices[k]
        for source, (_, prices) in zip(self.options.single, self.options.added, strict=True):
            used = used + prices[values[source], self.folds[k]]
        return int(self.folds[k]), used


def _whole(luts: float) -> float:
    """Return the bound in whole LUTs, as engines take them."""
    return luts if math.isinf(luts) else math.ceil(luts - 1e-6)


def _rank(used: np.ndarray) -> tuple[float, float]:
    """Return what to keep small: what exceeds the budget, then the first resource."""
    return float(np.maximum(0, used - 1).sum()), float(used[0])
