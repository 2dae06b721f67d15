"""Design: the folds of a network for a budget and an aim, and the bound that stops them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ir.errors import SpikewrightError
from ir.fold import Fold, Hardware
from ir.folding import lanes
from ir.menu import RESOURCES, price, vector
from ir.network import Network
from ir.occupancy import settle
from ir.plan import Plan
from ir.planner import assemble
from ir.schedule import schedule
from ir.solver import Bound, Choice, Solver
from ir.usage import Usage

AIMS = ("throughput", "area", "latency")
_TRIES = 16
_SAMPLES = 6


@dataclass(frozen=True, eq=False)
class Design:
    """What the solver found.

    Parameters
    ----------
    hardware : Hardware
        A fold for every layer that folds.
    plan : Plan
        Buffers and windows as large as its interval needs (:func:`ir.occupancy.settle`).
    used : Usage
        What the plan is predicted to take.
    cycles : int
        Cycles per sample of the slowest station when never stalled; aim ``throughput`` keeps them
        few.
    interval, latency : int
        By schedule, for back-to-back samples: cycles per sample, and of the first one.
    bound : Bound or None
        What stops it; None where the aim ``area`` was reached.
    relaxed : float or None
        Lower bound of what was kept small, cycles or LUTs, for any choice of folds with as much
        kept back for buffers; none is known of latency.
    proven : bool
        Whether every better choice was tried or ruled out.
    """

    hardware: Hardware
    plan: Plan
    used: Usage
    cycles: int
    interval: int
    latency: int
    bound: Bound | None
    relaxed: float | None
    proven: bool


def design(
    network: Network,
    hardware: Hardware,
    budget: Usage,
    aim: str = "throughput",
    limit: int | None = None,
) -> Design:
    """Return the folds that serve an aim best within a budget.

    Parameters
    ----------
    network : Network
    hardware : Hardware
        Of it ``fabric``, ``widths`` and ``steps_per_pass`` are kept.
    budget : Usage
        What the accelerator may take.
    aim : str
        ``throughput``: fewest cycles per sample, then fewest LUTs. ``area``: fewest LUTs for
        ``limit`` cycles per sample. ``latency``: the lowest latency, as :func:`ir.pace.latency`
        estimates it.
    limit : int, optional
        Cycles per sample, for ``area``.

    Raises
    ------
    SpikewrightError
        If the budget is too small, or an argument is none of the above.
    """
    if aim not in AIMS:
        raise SpikewrightError(f"Aim is {aim!r:.40}; allowed are {', '.join(AIMS)}.")
    if (limit is None) == (aim == "area"):
        raise SpikewrightError(f"Aim {aim} with limit {limit}; only area takes one, and needs it.")
    whole, kept = vector(budget), np.zeros(len(RESOURCES))
    solver, strict = Solver(network, hardware, whole), limit
    for _ in range(_TRIES):
        # What buffers and windows take is known once they are sized, and kept back from then on.
        solver.budget = whole - kept
        found, relaxed, proven, bound = _search(solver, aim, strict)
        plan = settle(assemble(network, hardware, found.folds))
        used = price(plan, hardware.fabric)
        interval, late = _timing(plan)
        if strict is not None and limit is not None and interval > limit:
            strict = min(strict - 1, strict * limit // interval)
        elif (used <= whole).all():
            if relaxed is not None and aim == "area":
                relaxed += float((used - found.used)[0])
            usage = Usage(*map(round, used))
            asked = _asked(network, hardware, found.folds)
            return Design(
                asked, plan, usage, found.cycles, interval, late, bound, relaxed, proven
            )
        kept = np.maximum(kept, used - found.used) + np.maximum(0, used - whole) / 8
    raise SpikewrightError(
        f"Folds for aim {aim} were not found in {_TRIES} tries; allowed are larger budgets."
    )


def _search(
    solver: Solver, aim: str, limit: int | None
) -> tuple[Choice, float | None, bool, Bound | None]:
    if limit is not None:
        found, proven = solver.smallest(limit)
        if found is None:
            raise _refusal(solver, limit)
        return found, solver.least(limit), proven, None
    found, relaxed, proven = solver.throughput()
    if found is None:
        raise _refusal(solver, None)
    if aim == "throughput":
        return found, relaxed, proven, solver.bound(found, *solver.faster(found))
    found, proven = solver.quickest(found)
    faster = [other for other in solver.moves(found) if other.latency < found.latency]
    nearest = min(faster, key=lambda other: other.used.sum(), default=None)
    cycles = found.latency - 1 if nearest is None else nearest.latency
    return found, None, proven, solver.bound(found, nearest, cycles)


def _refusal(solver: Solver, limit: int | None) -> SpikewrightError:
    """Return why nothing fits."""
    if limit is not None and limit < solver.limits[0]:
        return SpikewrightError(
            f"Aim area has {limit} cycles per sample; this network needs at least "
            f"{solver.limits[0]}."
        )
    least = solver.cheapest()
    short = int((least.used / np.maximum(solver.budget, 1e-9)).argmax())
    slow = "" if limit is None else f" for {limit} cycles per sample"
    if limit is not None and least.used[short] <= solver.budget[short]:
        return SpikewrightError(f"Budget is too small{slow}; allowed are more cycles.")
    return SpikewrightError(
        f"Budget leaves {RESOURCES[short]} {max(0, math.floor(solver.budget[short]))} for "
        f"engines{slow}; this network needs about {math.ceil(least.used[short])}."
    )


def _timing(plan: Plan) -> tuple[int, int]:
    """Return interval and latency."""
    found = schedule(plan, _SAMPLES)
    return found.mean_interval, found.latency


def _asked(network: Network, hardware: Hardware, folds: Mapping[str, Fold]) -> Hardware:
    """Return the hardware that names every fold, with lanes for all of them."""
    total = sum(lanes(network[name], fold, network) for name, fold in folds.items())
    return replace(hardware, lanes=max(1, total), folds=dict(folds), kind="stream")
