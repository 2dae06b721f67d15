"""The schedule: the cycle of every transfer, computed from the plan alone.

With an ideal source and sink, from reset, the transfers of all links are the least solution of the
recurrences in :mod:`ir.timing`; it is found by iterating them from below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ir.errors import SpikewrightError
from ir.plan import Plan, Station
from ir.timing import delayed, flow

SAMPLES = 4
MAX_SWEEPS = 20_000


@dataclass(frozen=True, eq=False)
class Schedule:
    """Transfers of back-to-back samples; cycle 0 is the first input transfer.

    Parameters
    ----------
    plan : Plan
    samples : int
    moves : mapping of link name to int64 (samples, words)
        Cycle of every transfer.
    """

    plan: Plan
    samples: int
    moves: Mapping[str, np.ndarray]

    @property
    def latency(self) -> int:
        """Cycles from the first input transfer to the last output transfer of the first sample."""
        return int(self.moves[self.plan.sink.name][0, -1])

    @property
    def interval(self) -> int:
        """Cycles between the last output transfers of the last two samples."""
        last = self.moves[self.plan.sink.name][:, -1]
        return int(last[-1] - last[-2])

    @property
    def mean_interval(self) -> int:
        """Mean of the last two intervals, rounded up; of three samples or more.

        Where samples go through two banks they can come early and late in turn.
        """
        last = self.moves[self.plan.sink.name][:, -1]
        return -(int(last[-3] - last[-1]) // 2)

    @property
    def steady(self) -> bool:
        """Whether the last two intervals are equal, so that further samples may be extrapolated."""
        last = self.moves[self.plan.sink.name][:, -1]
        return len(last) < 3 or bool(last[-1] - last[-2] == last[-2] - last[-3])

    def first_last(self, link: str) -> list[tuple[int, int]]:
        """Return (first, last) transfer cycle of each sample on a link."""
        return [(int(m[0]), int(m[-1])) for m in self.moves[link]]

    @property
    def busy(self) -> float:
        """Useful lane-operations / (lanes built x interval), over the whole network."""
        useful = sum(station.operations for station in self.plan.stations)
        return useful / (self.plan.lanes * self.interval)


class Solver:
    """Iterates the recurrences; a solved state can be the start for a plan with less memory.

    Parameters
    ----------
    plan : Plan
    samples : int
        Back-to-back samples, at least 2.
    start : Solver, optional
        Solution for a plan that differs only by larger buffers and windows: a lower bound.
    pace : int
        Least cycles between the first words that the source offers of two samples.
    """

    def __init__(
        self, plan: Plan, samples: int, start: Solver | None = None, *, pace: int = 0
    ) -> None:
        self.plan = plan
        self.samples = samples
        self.valid: dict[str, np.ndarray] = {}
        self.move: dict[str, np.ndarray] = {}
        self._dirty = {station.name for station in plan.stations}
        self._producer = {o.name: s.name for s in plan.stations for o in s.outputs}
        self._consumer = {i.name: s.name for s in plan.stations for i in s.inputs}
        for name, link in plan.links.items():
            floor = np.arange(link.words * samples, dtype=np.int64)
            self.valid[name] = floor if start is None else start.valid[name]
            self.move[name] = floor if start is None else start.move[name]
        self.valid[plan.source.name] = np.maximum(
            self.valid[plan.source.name], np.repeat(np.arange(samples) * pace, plan.source.words)
        )
        if start is not None:
            self._dirty = {
                new.name
                for new, old in zip(plan.stations, start.plan.stations, strict=True)
                if new != old
            }

    def solve(self, sweeps: int = MAX_SWEEPS, latest: int | None = None) -> bool:
        """Iterate to the least solution.

        Parameters
        ----------
        sweeps : int
            Give up after so many passes over the stations.
        latest : int, optional
            Give up once the last output is proven to come after this cycle.

        Returns
        -------
        bool
            Whether the solution was reached.
        """
        forward = True
        order = self.plan.stations
        for _ in range(sweeps):
            if not self._dirty:
                return True
            if latest is not None and self.move[self.plan.sink.name][-1] > latest:
                return False
            for station in order if forward else reversed(order):
                if station.name in self._dirty:
                    self._dirty.discard(station.name)
                    self._update(station)
            forward = not forward
        return not self._dirty

    def _update(self, station: Station) -> None:
        name = station.name
        valid = [self.valid[link.name] for link in station.inputs]
        move = [self.move[link.name] for link in station.outputs]
        taken, offered = flow(station, valid, move, self.samples)
        for link, times in zip(station.inputs, taken, strict=True):
            self._raise(self.move, link.name, times, self._producer.get(link.name))
            if link.name == self.plan.source.name:
                ready = delayed(self.move[link.name], 1) + 1
                ready[0] = 0
                self._raise(self.valid, link.name, ready, name)
        for link, times in zip(station.outputs, offered, strict=True):
            self._raise(self.valid, link.name, times, self._consumer.get(link.name))
            if link.name == self.plan.sink.name:
                self._raise(self.move, link.name, self.valid[link.name], name)

    def _raise(
        self, state: dict[str, np.ndarray], link: str, times: np.ndarray, affected: str | None
    ) -> None:
        higher = np.maximum(state[link], times)
        if not np.array_equal(higher, state[link]):
            state[link] = higher
            if affected is not None:
                self._dirty.add(affected)

    def schedule(self) -> Schedule:
        """Return the solved state as a schedule."""
        moves = {name: m.reshape(self.samples, -1) for name, m in self.move.items()}
        return Schedule(self.plan, self.samples, moves)


def schedule(plan: Plan, samples: int = SAMPLES) -> Schedule:
    """Return the schedule of ``samples`` back-to-back samples.

    Raises
    ------
    SpikewrightError
        If fewer than 2 samples are asked for, or the plan would deadlock.
    """
    if samples < 2:
        raise SpikewrightError(f"Schedule of {samples} samples; allowed are at least 2.")
    solver = Solver(plan, samples)
    if not solver.solve():
        raise SpikewrightError("Plan would deadlock: a buffer or window is too small.")
    return solver.schedule()
