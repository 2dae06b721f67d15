"""Fold solver: kind, pe, simd, order and loaders of every layer for the budget of a part.

The fastest station of all sets no pace, the slowest does: with aim ``throughput`` the solver finds
the fewest cycles per sample that every station keeps up with. For each number of cycles it chooses
one option per layer from the :mod:`ir.menu`, a multiple-choice knapsack with one constraint per
resource. Its Lagrangian dual bounds what any choice can reach, and proposes choices; these are
priced as whole plans and mended layer by layer where neighbours make them dearer. Where a network
has few enough choices all that the bound leaves are tried, and the result is the optimum.

Source
------
Lagrangian relaxation of integer programs: Fisher, Management Science 27 (1981).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ir.errors import SpikewrightError
from ir.fold import Fold, Hardware
from ir.knapsack import improve, relax
from ir.menu import RESOURCES, Options, bare, menu, price, vector
from ir.network import Network
from ir.occupancy import settle
from ir.pace import pace
from ir.plan import Plan
from ir.planner import assemble
from ir.usage import Usage

_TRIES = 16
EXHAUSTIVE = 4000
"""Most choices of all layers that are tried one by one."""
MOVES = 24
"""Options of a layer that mending tries."""

Folds = Mapping[str, Fold]


@dataclass(frozen=True, eq=False)
class Priced:
    """A choice of folds with what it takes as a whole.

    Parameters
    ----------
    folds : mapping of layer name to Fold
    cycles : int
        Cycles per sample of the slowest station when never stalled.
    used : float64 (resources,)
    plan : Plan
        Buffers and windows at their smallest.
    """

    folds: Folds
    cycles: int
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
        Cycles per sample that were refused.
    """

    resource: str
    layer: str
    cycles: int

    def __str__(self) -> str:
        if self.resource == "cycles":
            return f"layer {self.layer} has no fold of {self.cycles} cycles or less"
        return f"{self.cycles} cycles need more {self.resource}, most of it in layer {self.layer}"


@dataclass(frozen=True, eq=False)
class Design:
    """What the solver found.

    Parameters
    ----------
    folds : mapping of layer name to Fold
    plan : Plan
        Buffers and windows as large as its interval needs.
    cycles : int
        Cycles per sample of the slowest station when never stalled.
    used : Usage
        What the plan is predicted to take.
    bound : Bound or None
        What stops it; None where the aim was reached.
    relaxed : float
        Lower bound of what was minimised (``objective``), given the buffers.
    objective : float
    proven : bool
        Whether every better choice was tried or ruled out.
    """

    folds: Folds
    plan: Plan
    cycles: int
    used: Usage
    bound: Bound | None
    objective: float
    relaxed: float
    proven: bool


def design(network: Network, hardware: Hardware, budget: Usage) -> Design:
    """Return the folds with the fewest cycles per sample within a budget."""
    whole, kept = vector(budget), np.zeros(len(RESOURCES))
    solver = Solver(network, hardware, whole)
    for _ in range(_TRIES):
        solver.budget = whole - kept
        found, relaxed, proven = solver.throughput()
        plan = settle(assemble(network, hardware, found.folds))
        used = price(plan, hardware.fabric)
        if (used <= whole).all():
            bound = solver.stops(found)
            usage = Usage(*map(int, used))
            return Design(
                found.folds, plan, found.cycles, usage, bound, found.cycles, relaxed, proven
            )
        kept = np.maximum(kept, used - found.used) + np.maximum(0, used - whole) / 8
    raise SpikewrightError("no fit")


@dataclass
class Solver:
    """Searches the folds of one network on one fabric.

    Parameters
    ----------
    network : Network
    hardware : Hardware
        ``fabric``, ``widths`` and folds that are to be kept; its lanes and kind are not used.
    budget : float64 (resources,)
        What may be taken, buffers and windows at their smallest.
    """

    network: Network
    hardware: Hardware
    budget: np.ndarray

    def __post_init__(self) -> None:
        self.menu, self.fixed = menu(self.network, self.hardware)
        self._seen: dict[tuple[Fold, ...], Priced] = {}

    def price(self, folds: Folds) -> Priced:
        """Return a choice with what it takes as a whole plan."""
        key = tuple(folds.values())
        if key not in self._seen:
            plan = bare(assemble(self.network, self.hardware, folds))
            cycles = max(map(pace, plan.stations))
            self._seen[key] = Priced(dict(folds), cycles, price(plan, self.hardware.fabric), plan)
        return self._seen[key]

    def limits(self) -> list[int]:
        """Return all cycles per sample that a choice can have, ascending."""
        least = max(int(options.pace.min()) for options in self.menu.values())
        paces = np.unique(np.concatenate([options.pace for options in self.menu.values()]))
        return [int(limit) for limit in paces if limit >= least]

    def fits(self, found: Priced, limit: int) -> bool:
        """Return whether a choice keeps to the budget and to ``limit`` cycles."""
        return found.cycles <= limit and bool((found.used <= self.budget).all())

    def throughput(self) -> tuple[Priced, int, bool]:
        """Return the choice with the fewest cycles, a bound of them, and whether it is proven.

        Raises
        ------
        SpikewrightError
            If not even the slowest folds fit.
        """
        limits = self.limits()
        low, high = 0, len(limits) - 1
        while low < high:  # the smallest number of cycles that the relaxation does not refuse
            middle = (low + high) // 2
            if self.refused(limits[middle]):
                low = middle + 1
            else:
                high = middle
        bound, proven = limits[low], True
        for limit in limits[low:]:
            found, complete = self.smallest(limit)
            if found is not None:
                return found, bound, proven
            proven = proven and complete
        raise self.too_small()

    def stops(self, found: Priced) -> Bound:
        """Return what stops a choice from being faster by the least step."""
        limits = [limit for limit in self.limits() if limit < found.cycles]
        if not limits:
            limit = found.cycles - 1
            slow = next(name for name, o in self.menu.items() if o.pace.min() > limit)
            return Bound("cycles", slow, limit)
        limit = limits[-1]
        _, choices = self._relax(limit, found.used - self.fixed - self._alone(found.folds))
        tried = [self.price(folds) for folds in choices]
        best = min(tried, key=lambda other: self._excess(other, limit))
        short = int((best.used / np.maximum(self.budget, 1e-9)).argmax())
        more = {
            name: self._price_of(o, best.folds)[short] - self._price_of(o, found.folds)[short]
            for name, o in self.menu.items()
        }
        return Bound(RESOURCES[short], max(more, key=lambda name: more[name]), limit)

    def too_small(self) -> SpikewrightError:
        """Return the sentence for a budget below the smallest folds."""
        least = self.price(self._cheapest())
        short = int((least.used / np.maximum(self.budget, 1e-9)).argmax())
        return SpikewrightError(
            f"Budget has {RESOURCES[short]} {int(self.budget[short])} for folds; this network "
            f"needs about {math.ceil(least.used[short])}."
        )

    def _cheapest(self) -> Folds:
        return self._relax(self.limits()[-1])[1][-1]

    def refused(self, limit: int) -> bool:
        """Return whether the relaxation proves that no choice keeps up with ``limit`` cycles."""
        return self._relax(limit)[0] > 1

    def smallest(self, limit: int) -> tuple[Priced | None, bool]:
        """Return the choice with the fewest LUTs that keeps up with ``limit`` cycles, if any.

        Returns
        -------
        Priced or None
        bool
            Whether all choices were tried or ruled out.
        """
        if any(not (options.pace <= limit).any() for options in self.menu.values()):
            return None, True
        best: Priced | None = None
        near: Priced | None = None
        extra = np.zeros(len(RESOURCES))
        for _ in range(6):
            bound, choices = self._relax(limit, extra)
            if bound > 1 and not extra.any():
                return None, True
            for folds in choices:
                found = self.price(folds)
                if self.fits(found, limit) and (best is None or found.used[0] < best.used[0]):
                    best = found
                if near is None or self._excess(found, limit) < self._excess(near, limit):
                    near = found
            # What neighbours add is now known, and kept back from the budget.
            previous, extra = extra, found.used - self._alone(found.folds)
            if best is not None or (extra == previous).all():
                break
        if self._count(limit) <= EXHAUSTIVE:
            return self._exhaust(limit, best)
        return best or self._mend(near, limit), False

    def _alone(self, folds: Folds) -> np.ndarray:
        """Return the sum of the prices of single layers."""
        prices = (self._price_of(options, folds) for options in self.menu.values())
        return sum(prices, np.zeros(len(RESOURCES)))

    @staticmethod
    def _price_of(options: Options, folds: Folds) -> np.ndarray:
        """Return the price of the option that ``folds`` has."""
        return next(
            price
            for own, price in zip(options.folds, options.price, strict=True)
            if all(folds[name] == fold for name, fold in own.items())
        )

    def _count(self, limit: int) -> int:
        return math.prod(int((options.pace <= limit).sum()) for options in self.menu.values())

    def _excess(self, found: Priced, limit: int) -> float:
        over = np.maximum(0, found.used - self.budget) / np.maximum(self.budget, 1)
        return float(over.sum()) + max(0, found.cycles / limit - 1)

    def _relax(self, limit: int, extra: np.ndarray | float = 0.0) -> tuple[float, list[Folds]]:
        """Return a lower bound of the share of the LUT budget that ``limit`` cycles need.

        Above 1 nothing fits. With ``extra`` kept back from the budget it is an estimate.

        Returns
        -------
        float
        list of (mapping of layer name to Fold)
            Choices proposed, the most promising last.
        """
        options = [each.below(limit) for each in self.menu.values()]
        room = np.maximum(self.budget - self.fixed - extra, 1e-9)
        shares = [np.minimum(each.price / room, 10) for each in options]
        blocks = RESOURCES.index("block_ram")
        counts = [each.price[:, blocks].astype(np.int64) for each in options]
        bound, proposed = relax(shares, counts, math.floor(room[blocks]), blocks)
        picked = [*proposed[1::-1], improve(shares, proposed[0])]
        return bound, [
            {
                name: fold
                for each, k in zip(options, picks, strict=True)
                for name, fold in each.folds[k].items()
            }
            for picks in picked
        ]

    def _mend(self, found: Priced, limit: int) -> Priced | None:
        """Change one layer at a time, as long as that brings a choice nearer to the budget."""
        room = np.maximum(self.budget, 1)
        while not self.fits(found, limit):
            if self._excess(found, limit) > 0.2:
                return None
            weights = np.maximum(found.used / room, 0) ** 8 / room
            slow = [s.layer for s in found.plan.stations if pace(s) > limit]
            names = sorted(self.menu, key=lambda name: name not in slow)
            better = found
            for name in names:
                options = self.menu[name].below(limit)
                order = np.argsort(options.price @ weights, kind="stable")[:MOVES]
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

    def _exhaust(self, limit: int, best: Priced | None) -> tuple[Priced | None, bool]:
        """Try every choice that the lower bounds of the layers leave."""
        options = {name: o.below(limit) for name, o in self.menu.items()}
        names = list(options)
        rest = [self.fixed]
        for name in reversed(names):
            rest.append(rest[-1] + options[name].price.min(0))
        rest.reverse()

        def visit(depth: int, chosen: dict[str, Fold], least: np.ndarray) -> None:
            nonlocal best
            lowest = least + rest[depth]
            if (lowest > self.budget).any() or (best and lowest[0] >= best.used[0]):
                return
            if depth == len(names):
                found = self.price(chosen)
                if self.fits(found, limit) and (best is None or found.used[0] < best.used[0]):
                    best = found
                return
            name = names[depth]
            for k in np.argsort(options[name].price[:, 0], kind="stable"):
                fold = options[name].folds[int(k)]
                visit(depth + 1, {**chosen, **fold}, least + options[name].price[k])

        visit(0, {}, np.zeros(len(RESOURCES)))
        return best, True
