"""Fold solver: kind, pe, simd, order and loaders of every layer for the budget of a part.

The slowest station sets the pace. With aim ``throughput`` the solver finds the fewest cycles per
sample that every station keeps up with, with aim ``area`` the fewest LUTs for a number of cycles.
For each number of cycles it chooses one option per layer from the :mod:`ir.menu`, a multiple-choice
knapsack (:mod:`ir.knapsack`) whose relaxation bounds what any choice can reach. The choices that it
proposes are priced as whole plans, as neighbours add converters, and mended layer by layer. Where
few choices are left by the lower bounds, all are tried: the result is then the optimum.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ir.fold import Fold, Hardware
from ir.knapsack import improve, relax
from ir.menu import RESOURCES, Options, bare, menu, price
from ir.network import Network
from ir.pace import latency, pace
from ir.plan import Plan
from ir.planner import assemble

EXHAUSTIVE = 4000
"""Most choices of all layers that are tried one by one."""
MOVES = 24
"""Options of a layer that mending tries."""

Folds = Mapping[str, Fold]
_LUT, _BLOCKS = RESOURCES.index("lut"), RESOURCES.index("block_ram")


@dataclass(frozen=True, eq=False)
class Priced:
    """A choice of folds with what it takes as a whole.

    Parameters
    ----------
    folds : mapping of layer name to Fold
    cycles : int
        Cycles per sample of the slowest station when never stalled.
    latency : int
        Cycles from first word in to last word out, by :func:`ir.pace.latency`.
    used : float64 (resources,)
    plan : Plan
        Buffers and windows at their smallest.
    """

    folds: Folds
    cycles: int
    latency: int
    used: np.ndarray
    plan: Plan


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
        Of it ``fabric``, ``widths`` and ``steps_per_pass`` are used.
    budget : float64 (resources,)
        What may be taken while buffers and windows are at their smallest; may be changed.
    """

    def __init__(self, network: Network, hardware: Hardware, budget: np.ndarray) -> None:
        self.network, self.hardware, self.budget = network, hardware, budget
        self.menu, self.fixed = menu(network, hardware)
        self._seen: dict[tuple[Fold, ...], Priced] = {}

    def price(self, folds: Folds) -> Priced:
        """Return a choice with what it takes as a whole plan."""
        key = tuple(folds[name] for name in sorted(folds))
        if key not in self._seen:
            plan = bare(assemble(self.network, self.hardware, folds))
            cycles = max(map(pace, plan.stations))
            used = price(plan, self.hardware.fabric)
            self._seen[key] = Priced(dict(folds), cycles, latency(plan), used, plan)
        return self._seen[key]

    @property
    def limits(self) -> list[int]:
        """All cycles per sample that a choice can have, ascending."""
        least = max(int(options.pace.min()) for options in self.menu.values())
        paces = np.unique(np.concatenate([options.pace for options in self.menu.values()]))
        return [int(limit) for limit in paces if limit >= least]

    def fits(self, found: Priced, limit: int) -> bool:
        """Return whether a choice keeps to the budget and to ``limit`` cycles."""
        return found.cycles <= limit and bool((found.used <= self.budget).all())

    def throughput(self) -> tuple[Priced | None, int, bool]:
        """Return the choice with the fewest cycles, if any fits, and with the fewest LUTs of these.

        Returns
        -------
        Priced or None
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
        if self.smallest(limits[-1])[0] is None:
            return None, limits[low], False
        for limit in limits[low:]:
            found, complete = self.smallest(limit)
            if found is not None:
                return found, limits[low], proven
            proven = proven and complete
        return None, limits[low], proven

    def least(self, limit: int) -> float:
        """Return a lower bound of the LUTs with which any choice keeps up with ``limit`` cycles."""
        if any(not (options.pace <= limit).any() for options in self.menu.values()):
            return math.inf
        return self._relax(limit)[0]

    def smallest(self, limit: int) -> tuple[Priced | None, bool]:
        """Return the choice with the fewest LUTs that keeps up with ``limit`` cycles, if any.

        Returns
        -------
        Priced or None
        bool
            Whether all choices were tried or ruled out.
        """
        if self.least(limit) > self.budget[_LUT]:
            return None, True
        best: Priced | None = None
        near: Priced | None = None
        extra = np.zeros(len(RESOURCES))
        for _ in range(6):
            for folds in self._relax(limit, extra)[1]:
                found = self.price(folds)
                if self.fits(found, limit) and (best is None or found.used[0] < best.used[0]):
                    best = found
                if near is None or self._excess(found, limit) < self._excess(near, limit):
                    near = found
            # What neighbours add is now known, and kept back from the budget.
            previous, extra = extra, self._besides(found)
            if best is not None or (extra == previous).all():
                break
        if self._count(limit) <= EXHAUSTIVE:
            return self._exhaust(limit, best, lambda priced: float(priced.used[_LUT])), True
        assert near is not None
        return best or self._mend(near, limit), False

    def quickest(self, begin: Priced) -> tuple[Priced, bool]:
        """Return the choice with the lowest latency that fits, and whether all were tried.

        Parameters
        ----------
        begin : Priced
            A choice that fits, from which one layer after the other is changed.
        """
        limit = self.limits[-1]
        if self._count(limit) <= EXHAUSTIVE:
            found = self._exhaust(limit, begin, lambda priced: float(priced.latency))
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

    def moves(self, found: Priced) -> Iterator[Priced]:
        """Yield choices that differ in one layer, which is faster than before."""
        for options in self.menu.values():
            paces = options.pace[self.place(options, found.folds)]
            for limit in [each for each in np.unique(options.pace) if each < paces][-3:]:
                faster = options.below(int(limit))
                k = int((faster.price @ self._weights(found)).argmin())
                yield self.price({**found.folds, **faster.folds[k]})

    def bound(self, found: Priced, other: Priced | None, cycles: int) -> Bound:
        """Return what stops ``found`` from being as fast as ``other``, which does not fit."""
        if other is None:
            slow = max(self.menu, key=lambda name: int(self.menu[name].pace.min()))
            return Bound("cycles", slow, cycles)
        short = int((other.used / np.maximum(self.budget, 1e-9)).argmax())
        more = {
            name: float(
                o.price[self.place(o, other.folds)][short]
                - o.price[self.place(o, found.folds)][short]
            )
            for name, o in self.menu.items()
        }
        return Bound(RESOURCES[short], max(more, key=lambda name: more[name]), cycles)

    def faster(self, found: Priced) -> tuple[Priced | None, int]:
        """Return the choice nearest to the budget for the next lower number of cycles, and that.

        None where a layer has no fold of so few cycles.
        """
        limits = [limit for limit in self.limits if limit < found.cycles]
        if not limits:
            return None, found.cycles - 1
        choices = self._relax(limits[-1], self._besides(found))[1]
        priced = map(self.price, choices)
        return min(priced, key=lambda other: self._excess(other, limits[-1])), limits[-1]

    def cheapest(self) -> Priced:
        """Return the choice that exceeds the budget least, however slow."""
        priced = map(self.price, self._relax(self.limits[-1])[1])
        return min(priced, key=lambda found: self._excess(found, self.limits[-1]))

    @staticmethod
    def place(options: Options, folds: Folds) -> int:
        """Return the place of the option that ``folds`` has."""
        return next(
            k
            for k, own in enumerate(options.folds)
            if all(folds[name] == fold for name, fold in own.items())
        )

    def _besides(self, found: Priced) -> np.ndarray:
        """Return what a choice takes besides the prices of its layers."""
        alone = (o.price[self.place(o, found.folds)] for o in self.menu.values())
        return found.used - sum(alone, self.fixed)

    def _count(self, limit: int) -> int:
        return math.prod(int((options.pace <= limit).sum()) for options in self.menu.values())

    def _excess(self, found: Priced, limit: int) -> float:
        over = np.maximum(0, found.used - self.budget) / np.maximum(self.budget, 1)
        return float(over.sum()) + max(0, found.cycles / limit - 1)

    def _weights(self, found: Priced) -> np.ndarray:
        """Return what each resource is worth to a choice: much where little is left."""
        room = np.maximum(self.budget, 1)
        return np.maximum(found.used / room, 0.01) ** 8 / room

    def _relax(self, limit: int, extra: np.ndarray | float = 0.0) -> tuple[float, list[Folds]]:
        """Return a lower bound of LUTs for ``limit`` cycles, and choices, the best guess last.

        With ``extra`` kept back from the budget the bound is an estimate.
        """
        options = [each.below(limit) for each in self.menu.values()]
        room = np.maximum(self.budget - self.fixed - extra, 1e-9)
        shares = [np.minimum(each.price / room, 10) for each in options]
        counts = [each.price[:, _BLOCKS].astype(np.int64) for each in options]
        bound, proposed = relax(shares, counts, math.floor(room[_BLOCKS]), _BLOCKS)
        picked = [*proposed[1::-1], improve(shares, proposed[0])]
        return bound * float(room[_LUT]) + float(self.fixed[_LUT]), [
            {
                name: fold
                for each, k in zip(options, picks, strict=True)
                for name, fold in each.folds[k].items()
            }
            for picks in picked
        ]

    def _mend(self, found: Priced, limit: int) -> Priced | None:
        """Change one layer at a time, as long as that brings a choice nearer to the budget."""
        while not self.fits(found, limit):
            if self._excess(found, limit) > 0.2:
                return None
            slow = {s.layer for s in found.plan.stations if pace(s) > limit}
            better = found
            for name in sorted(self.menu, key=lambda name: name not in slow):
                options = self.menu[name].below(limit)
                order = np.argsort(options.price @ self._weights(found), kind="stable")[:MOVES]
                for k in order:
                    other = self.price({**found.folds, **options.folds[int(k)]})
                    if self._excess(other, limit) < self._excess(better, limit):
                        better = other
                if better is not found and name in slow:
                    break
            if better is found:
                return None
            found = better
        return found

    def shrink(self, found: Priced, limit: int) -> Priced:
        """Change one layer at a time, as long as that saves LUTs; ``found`` fits."""
        while True:
            better = found
            for each in self.menu.values():
                options = each.below(limit)
                for k in np.argsort(options.price[:, _LUT], kind="stable")[:MOVES]:
                    other = self.price({**found.folds, **options.folds[int(k)]})
                    if self.fits(other, limit) and other.used[_LUT] < better.used[_LUT]:
                        better = other
            if better is found:
                return found
            found = better

    def _exhaust(
        self, limit: int, best: Priced | None, value: Callable[[Priced], float]
    ) -> Priced | None:
        """Return the choice of the lowest value of all that the layers' prices leave."""
        options = [o.below(limit) for o in self.menu.values()]
        rest = [self.fixed]
        for each in reversed(options):
            rest.append(rest[-1] + each.price.min(0))

        def visit(depth: int, chosen: dict[str, Fold], least: np.ndarray) -> None:
            nonlocal best
            if (least + rest[len(options) - depth] > self.budget).any():
                return
            if depth == len(options):
                found = self.price(chosen)
                if self.fits(found, limit) and (best is None or value(found) < value(best)):
                    best = found
                return
            for fold, more in zip(options[depth].folds, options[depth].price, strict=True):
                visit(depth + 1, {**chosen, **fold}, least + more)

        visit(0, {}, np.zeros(len(RESOURCES)))
        return best
