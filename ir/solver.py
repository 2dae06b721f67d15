"""Fold solver: kind, pe, simd, steps, order and loaders of every layer for a part.

The slowest station sets the pace. With aim ``throughput`` the solver finds the fewest cycles per
sample that every station keeps up with, with aim ``area`` the fewest LUTs for a number of cycles.
For each number of cycles it chooses one option per layer from the :mod:`ir.menu`, under the bound
of a relaxation (:mod:`ir.relaxation`), whose choices are mended one or two layers at a time. Where
few choices are left by the lower bounds, all are tried: the result is then the optimum.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from ir.fold import Fold, Hardware
from ir.menu import RESOURCES, Menu, bare
from ir.network import Network
from ir.pace import latency
from ir.planner import assemble
from ir.relaxation import Relaxation

EXHAUSTIVE = 20_000
"""Most choices of all layers that are tried one by one."""
PROPOSALS = 3
"""Choices of the relaxation that are mended."""
SINGLE, DOUBLE = 48, 6
"""Options of a layer that are tried alone, and together with those of another layer."""

Folds = Mapping[str, Fold]
_LUT = RESOURCES.index("lut")


class Choice:
    """A fold for every layer that folds, and what that comes to.

    Parameters
    ----------
    folds : mapping of layer name to Fold
    menu : Menu
    """

    def __init__(self, folds: Folds, menu: Menu) -> None:
        self.folds, self._menu = folds, menu
        self.tally = menu.tally(folds)
        self.cycles, self.used = self.tally.cycles, self.tally.used

    @cached_property
    def latency(self) -> int:
        """Cycles from first word in to last word out, by :func:`ir.pace.latency`."""
        return latency(bare(assemble(self._menu.network, self._menu.hardware, self.folds)))


@dataclass(frozen=True)
class Bound:
    """Why there is nothing better.

    Parameters
    ----------
    resource : str
        Field of :class:`ir.usage.Usage`, or ``cycles`` where a layer cannot be folded further.
    layer : str
        Layer that would need more of it.
    cycles : int
        Cycles that were refused: per sample, or of latency where that is the aim.
    """

    resource: str
    layer: str
    cycles: int

    def __str__(self) -> str:
        if self.resource == "cycles":
            return f"layer {self.layer} has no fold of {self.cycles} cycles or less"
        return f"{self.cycles} cycles need more {self.resource}, most of it in layer {self.layer}"


class Solver:
    """Searches the folds of one network on one fabric.

    Parameters
    ----------
    network : Network
    hardware : Hardware
        Of it ``fabric`` and ``widths`` are used.
    budget : float64 (resources,)
        What may be taken while buffers and windows are at their smallest; may be changed.
    """

    def __init__(self, network: Network, hardware: Hardware, budget: np.ndarray) -> None:
        self.budget = budget
        self.menu = Menu(network, hardware)
        self.limits = self.menu.limits
        self._relaxed: dict[tuple[int, bytes], tuple[float, list[Folds]]] = {}

    def choice(self, folds: Folds) -> Choice:
        """Return a choice with what it comes to."""
        return Choice(folds, self.menu)

    def fits(self, found: Choice, limit: int) -> bool:
        """Return whether a choice keeps to the budget and to ``limit`` cycles."""
        return found.cycles <= limit and bool((found.used <= self.budget).all())

    def throughput(self) -> tuple[Choice | None, int, bool]:
        """Return the choice with the fewest cycles, if any fits, and with the fewest LUTs of these.

        Returns
        -------
        Choice or None
        int
            Lower bound of the cycles.
        bool
            Whether every lower number of cycles was ruled out.
        """
        limits = self.limits
        low, high = 0, len(limits) - 1
        while low < high:  # the smallest number of cycles that the relaxation does not refuse
            middle = (low + high) // 2
            if self.least(limits[middle]) > self.budget[_LUT]:
                low = middle + 1
            else:
                high = middle
        proven = True
        for limit in limits[low:]:
            found, complete = self.smallest(limit)
            if found is not None:
                return found, limits[low], proven
            proven = proven and complete
        return None, limits[low], proven

    def least(self, limit: int) -> float:
        """Return a lower bound of the LUTs with which any choice keeps up with ``limit`` cycles."""
        return self._relax(limit)[0]

    def smallest(self, limit: int) -> tuple[Choice | None, bool]:
        """Return the choice with the fewest LUTs that keeps up with ``limit`` cycles, if any.

        Returns
        -------
        Choice or None
        bool
            Whether all choices were tried or ruled out.
        """
        bound, proposed = self._relax(limit)
        if bound > self.budget[_LUT]:
            return None, True
        if self._count(limit) <= EXHAUSTIVE:
            return self._exhaust(limit, None, lambda found: float(found.used[_LUT])), True
        mended = [self._mend(self.choice(folds), limit) for folds in proposed[:PROPOSALS]]
        fitting = [found for found in mended if self.fits(found, limit)]
        best = min(fitting, key=lambda found: float(found.used[_LUT]), default=None)
        return best, best is not None and float(best.used[_LUT]) <= bound

    def quickest(self, begin: Choice) -> tuple[Choice, bool]:
        """Return the choice with the lowest latency that fits, and whether all were tried.

        Parameters
        ----------
        begin : Choice
            A choice that fits, from which one layer after the other is changed.
        """
        limit = self.limits[-1]
        if self._count(limit) <= EXHAUSTIVE:
            found = self._exhaust(limit, begin, lambda found: float(found.latency))
            assert found is not None
            return found, True
        best = begin
        while True:
            better = min(
                (m for m in self.moves(best) if self.fits(m, limit)),
                key=lambda m: (m.latency, m.used[_LUT]),
                default=best,
            )
            if better.latency >= best.latency:
                return best, False
            best = better

    def moves(self, found: Choice) -> Iterator[Choice]:
        """Yield choices that differ in one layer, which is faster than before."""
        weights = self._weights(found)
        for name, options in self.menu.folding.items():
            paces, prices = options.alone
            own = paces[options.places[found.folds[name]]]
            for limit in [each for each in np.unique(paces) if each < own][-3:]:
                faster = np.where(paces <= limit, prices @ weights, np.inf)
                yield self.choice({**found.folds, name: options.fold(int(faster.argmin()))})

    def bound(self, found: Choice, other: Choice | None, cycles: int) -> Bound:
        """Return what stops ``found`` from being as fast as ``other``, which does not fit."""
        if other is None:
            least = {name: int(o.alone[0].min()) for name, o in self.menu.folding.items()}
            return Bound("cycles", max(least, key=lambda name: least[name]), cycles)
        short = int((other.used / np.maximum(self.budget, 1e-9)).argmax())
        more = {
            name: float((other.tally.parts[name] - found.tally.parts[name])[short])
            for name in self.menu.folding
        }
        return Bound(RESOURCES[short], max(more, key=lambda name: more[name]), cycles)

    def faster(self, found: Choice) -> tuple[Choice | None, int]:
        """Return the choice nearest to the budget for the next lower number of cycles, and that.

        None where a layer has no fold of so few cycles.
        """
        limits = [limit for limit in self.limits if limit < found.cycles]
        if not limits or not (proposed := self._relax(limits[-1])[1]):
            return None, found.cycles - 1
        return self._mend(self.choice(proposed[0]), limits[-1]), limits[-1]

    def cheapest(self) -> Choice:
        """Return the choice that exceeds the budget least, however slow."""
        choices = map(self.choice, self._relax(self.limits[-1])[1])
        return min(choices, key=lambda found: self._rank(found, self.limits[-1]))

    def _count(self, limit: int) -> int:
        return math.prod(int((o.alone[0] <= limit).sum()) for o in self.menu.folding.values())

    def _rank(self, found: Choice, limit: int) -> tuple[float, float]:
        """Return what to keep small: what is exceeded, then LUTs."""
        over = np.maximum(0, found.used - self.budget) / np.maximum(self.budget, 1)
        slow = max(0, found.cycles / limit - 1)
        return round(float(over.sum()) + slow, 12), float(found.used[_LUT])

    def _weights(self, found: Choice) -> np.ndarray:
        """Return what each resource is worth to a choice: much where little is left."""
        room = np.maximum(self.budget, 1)
        return np.maximum(found.used / room, 0.01) ** 8 / room

    def _relax(self, limit: int) -> tuple[float, list[Folds]]:
        """Return a lower bound of LUTs for ``limit`` cycles, and choices, the best guess first."""
        key = limit, self.budget.tobytes()
        if key not in self._relaxed:
            self._relaxed[key] = Relaxation(self.menu, limit).bound(self.budget)
        return self._relaxed[key]

    def _mend(self, found: Choice, limit: int) -> Choice:
        """Change one layer, or two at once, as long as that brings a choice nearer to the aim."""
        while True:
            weights = self._weights(found)
            near: dict[str, list[Fold]] = {}
            for name, options in self.menu.folding.items():
                paces, prices = options.within(limit)
                order = np.argsort(np.where(paces <= limit, prices @ weights, np.inf))
                count = int((paces <= limit).sum())
                near[name] = [options.fold(int(k)) for k in order[: min(SINGLE, count)]]
            better = found
            for name, folds in near.items():
                for fold in folds:
                    better = self._nearer(better, {name: fold}, limit)
            if better is found:
                for one, two in combinations(near, 2):
                    for a in near[one][:DOUBLE]:
                        for b in near[two][:DOUBLE]:
                            better = self._nearer(better, {one: a, two: b}, limit)
            if better is found:
                return found
            found = better

    def _nearer(self, found: Choice, changed: Folds, limit: int) -> Choice:
        other = self.choice({**found.folds, **changed})
        return other if self._rank(other, limit) < self._rank(found, limit) else found

    def _exhaust(
        self, limit: int, best: Choice | None, value: Callable[[Choice], float]
    ) -> Choice | None:
        """Return the choice of the lowest value of all that the layers' prices leave."""
        options = list(self.menu.folding.items())
        within = [each.within(limit) for _, each in options]
        others = [o for name, o in self.menu.layers.items() if name not in self.menu.folding]
        fixed = sum((each.within(limit)[1].min(0) for each in others), self.menu.top)
        rest = [fixed]
        for _, prices in reversed(within):
            rest.append(rest[-1] + prices.min(0))

        def visit(depth: int, chosen: dict[str, Fold], least: np.ndarray) -> None:
            nonlocal best
            if (least + rest[len(options) - depth] > self.budget).any():
                return
            if depth == len(options):
                found = self.choice(chosen)
                if self.fits(found, limit) and (best is None or value(found) < value(best)):
                    best = found
                return
            (name, each), (paces, prices) = options[depth], within[depth]
            for k in np.nonzero(paces <= limit)[0]:
                visit(depth + 1, {**chosen, name: each.fold(int(k))}, least + prices[k])

        visit(0, {}, np.zeros(len(RESOURCES)))
        return best
