"""Sizes of buffers and windows: the smallest that keep the interval, computed from the schedule."""

from __future__ import annotations

from ir.errors import SpikewrightError
from ir.occupancy import settle
from ir.plan import Buffer, Plan, Station, Window
from ir.schedule import SAMPLES, Solver

# A size that does not limit the interval settles in a few sweeps; one that does keeps pushing
# the samples apart, sweep after sweep.
_SWEEPS = 60
_MOST_SAMPLES = 64


def smallest(station: Station) -> int:
    """Return the smallest size with which the station works at all."""
    return station.span + 1 if isinstance(station, Window) else 0


def sized(plan: Plan) -> Plan:
    """Return the plan with sizes to build: the smallest, or with tiles those that samples fill.

    Tiles send each sample many times, one step a word; trying sizes would take minutes there.
    """
    return settle(plan) if any(s.kind == "tile" for s in plan.stations) else fit(plan)


def fit(plan: Plan, samples: int = SAMPLES) -> Plan:
    """Return the plan with each buffer and window, in order, at its smallest size.

    A size is accepted if the interval of back-to-back samples stays what it was with the most
    generous sizes. One word less in any of them would deadlock or lengthen the interval.
    ``samples`` is doubled until four times as many show the same interval: buffers that hold
    several samples hide for that long what they cost.

    Raises
    ------
    SpikewrightError
        If the plan deadlocks even with generous sizes.
    """
    while True:
        fitted, interval = _fit(plan, samples)
        longer = 4 * samples
        if samples >= _MOST_SAMPLES or all(
            _solve(candidate, longer).schedule().interval == interval
            for candidate in (fitted, plan)
        ):
            return fitted
        samples *= 2


def _solve(plan: Plan, samples: int) -> Solver:
    solver = Solver(plan, samples)
    if not solver.solve():
        raise SpikewrightError("Plan would deadlock with any buffer sizes.")
    return solver


def _fit(plan: Plan, samples: int) -> tuple[Plan, int]:
    """Return the plan at its smallest sizes, judged by ``samples`` samples, and its interval."""
    best = _solve(plan, samples)
    interval = best.schedule().interval
    latest = int(best.move[plan.sink.name][-1]) + interval

    def attempt(name: str, size: int) -> Solver | None:
        solver = Solver(best.plan.resize({name: size}), samples, best)
        settled = solver.solve(_SWEEPS, latest)
        return solver if settled and solver.schedule().interval <= interval else None

    for station in plan.sized():
        low, high, stride = smallest(station), station_size(station), 1
        while low < high:  # gallop from below, where most sizes lie, then bisect
            middle = min(low + stride - 1, (low + high) // 2)
            solver = attempt(station.name, middle)
            if solver is None:
                low, stride = middle + 1, 2 * stride
            else:
                high, best, stride = middle, solver, high

    # A buffer that became a wire is a cycle faster, so that others may now do with less.
    shrunk = True
    while shrunk:
        shrunk = False
        best = _solve(best.plan, samples)
        for station in best.plan.sized():
            size = station_size(station)
            while size > smallest(station):
                solver = attempt(station.name, size - 1)
                if solver is None:
                    break
                size, best, shrunk = size - 1, solver, True
    return best.plan, interval


def station_size(station: Station) -> int:
    """Return the depth of a buffer or the capacity of a window."""
    assert isinstance(station, (Buffer, Window))
    return station.depth if isinstance(station, Buffer) else station.capacity
