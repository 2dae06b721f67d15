"""Sizes of buffers and windows from what they hold: one look at the schedule.

Trying sizes takes long; this takes one schedule or a few. A source that sends a sample every
interval fills no buffer more than the network needs. With sizes that hold what is then held, a
source that sends as fast as it can is never later (more room and earlier words only move transfers
forward), so the interval stays that of the most generous plan.
"""

from __future__ import annotations

import numpy as np

from ir.errors import SpikewrightError
from ir.plan import Plan, Window
from ir.schedule import Schedule, Solver
from ir.timing import oldest

_MOST_SAMPLES = 128


def settle(plan: Plan, samples: int = 3) -> Plan:
    """Return the plan with each buffer and window as large as paced samples need.

    Not the smallest sizes, which :func:`ir.sizing.fit` finds by trying, but such that keep the
    interval.

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
    # The first samples may be late and then come faster than others ever will, for as long as it
    # takes to make up; no link carries more than a word a cycle.
    words = max(link.words for link in plan.links.values())
    interval = max(solved(plan, samples, 0).interval, words)
    while samples <= _MOST_SAMPLES:
        found = solved(plan, samples, interval)
        if all((move[-1] - move[-2] == interval).all() for move in found.moves.values()):
            sizes = {}
            for station in plan.sized():
                taken, given = found.moves[station.i.name], found.moves[station.o.name]
                if isinstance(station, Window):
                    sizes[station.name] = spanned(station, taken, given)
                else:
                    sizes[station.name] = held(taken[-1], given[-1], interval)
            return plan.resize(sizes)
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


def spanned(station: Window, taken: np.ndarray, given: np.ndarray) -> int:
    """Return the capacity with which a window never waits for room [pixel].

    Parameters
    ----------
    station : ir.plan.Window
    taken, given : int64 (samples, words)
        Cycles in which its words enter and leave, ascending.
    """
    maps = len(taken) * station.maps
    begun = taken.ravel()[:: station.groups]
    # The last word of a position is read at the latest one cycle before it leaves.
    size = station.words_per_position
    read = given.ravel()[size - 1 :: size] - 1
    needed = oldest(station, maps)[np.searchsorted(read, begun)]
    return max(station.span + 1, int((np.arange(len(begun)) - needed).max()) + 1)
