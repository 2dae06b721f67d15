"""Sizes of buffers and windows: the smallest that keep the interval, computed from the schedule."""

from __future__ import annotations

from ir.errors import SpikewrightError
from ir.plan import Buffer, Plan, Station, Window
from ir.schedule import SAMPLES, Solver

# A size that does not limit the interval settles in a few sweeps; one that does keeps pushing
# the samples apart, sweep after sweep.
_SWEEPS = 60


def smallest(station: Station) -> int:
    """Return the smallest size with which the station works at all."""
    return station.span + 1 if isinstance(station, Window) else 0


def fit(plan: Plan, samples: int = SAMPLES) -> Plan:
    """Return the plan with each buffer and window, in order, at its smallest size.

    A size is accepted if the interval of ``samples`` back-to-back samples stays what it was with the
    most generous sizes. One word less in any of them would deadlock or lengthen the interval.

    Raises
    ------
    SpikewrightError
        If the plan deadlocks even with generous sizes.
    """
    best = Solver(plan, samples)
    if not best.solve():
        raise SpikewrightError("Plan would deadlock with any buffer sizes.")
    interval = best.schedule().interval
    latest = int(best.move[plan.sink.name][-1]) + interval

    def attempt(sizes: dict[str, int]) -> Solver | None:
        solver = Solver(best.plan.resize(sizes), samples, best)
        settled = solver.solve(_SWEEPS, latest)
        return solver if settled and solver.schedule().interval <= interval else None

    for station in list(plan.sized()):
        low, high, stride = smallest(station), station_size(station), 1
        while low < high:  # gallop from below, where most sizes lie, then bisect
            middle = min(low + stride - 1, (low + high) // 2)
            solver = attempt({station.name: middle})
            if solver is None:
                low, stride = middle + 1, 2 * stride
            else:
                high, best, stride = middle, solver, high
    return best.plan


def station_size(station: Station) -> int:
    """Return the depth of a buffer or the capacity of a window."""
    assert isinstance(station, (Buffer, Window))
    return station.depth if isinstance(station, Buffer) else station.capacity
