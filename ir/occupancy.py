"""Depths of buffers from what they hold: one look at the schedule, where trying sizes takes long.

A source that sends a sample every interval fills no buffer more than the network needs. With depths
that hold what is then held, a source that sends as fast as it can is never later (more depth and
earlier words only move transfers forward), so the interval stays that of the most generous plan.
"""

from __future__ import annotations

import numpy as np

from ir.errors import SpikewrightError
from ir.plan import Buffer, Plan
from ir.schedule import Schedule, Solver

_MOST_SAMPLES = 32


def settle(plan: Plan, samples: int = 3) -> Plan:
    """Return the plan with each buffer as deep as paced samples need.

    Not the smallest depths, which :func:`ir.sizing.fit` finds by trying, but such that keep the
    interval. Windows keep their sizes.

    Parameters
    ----------
    plan : Plan
        With generous buffers.
    samples : int
        Samples to begin with; doubled until the last two differ by the interval alone.

    Raises
    ------
    SpikewrightError
        If the plan deadlocks, or its samples do not become alike.
    """
    interval = solved(plan, samples, 0).interval
    while samples <= _MOST_SAMPLES:
        found = solved(plan, samples, interval)
        if all((move[-1] - move[-2] == interval).all() for move in found.moves.values()):
            depths = {
                station.name: held(
                    found.moves[station.i.name][-1], found.moves[station.o.name][-1], interval
                )
                for station in plan.stations
                if isinstance(station, Buffer)
            }
            return plan.resize(depths)
        if found.interval > interval:  # the first samples had not filled the pipeline yet
            interval = found.interval
        else:
            samples *= 2
    raise SpikewrightError(f"Plan has samples that differ after {_MOST_SAMPLES} at its interval.")


def solved(plan: Plan, samples: int, pace: int) -> Schedule:
    """Return the schedule with a source that begins a sample every ``pace`` cycles at most."""
    solver = Solver(plan, samples, pace=pace)
    if not solver.solve():
        raise SpikewrightError("Plan would deadlock with any buffer sizes.")
    return solver.schedule()


def held(taken: np.ndarray, given: np.ndarray, interval: int) -> int:
    """Return the depth that a buffer needs whose samples all look like one, an interval apart.

    Parameters
    ----------
    taken, given : int64 (words,)
        Cycles in which the words of one sample enter and leave, ascending.
    interval : int

    Examples
    --------
    >>> held(np.array([0, 1, 2]), np.array([1, 2, 3]), 10)
    2
    >>> held(np.array([0, 1, 2]), np.array([25, 26, 27]), 10)
    9
    """
    if np.array_equal(taken, given):
        return 0
    most = np.zeros(len(taken), dtype=np.int64)
    for past in range(int(given[-1] - taken[0]) // interval + 2):
        # Words of the sample that came ``past`` intervals ago, as each word of this one enters.
        at = taken + past * interval
        most += np.searchsorted(taken, at) - np.searchsorted(given, at)
    return int(most.max()) + 1
