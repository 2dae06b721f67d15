"""Proofs that an engine neither loses nor invents a word, counted in whole samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, Value

from ir.plan import Buffer, Station
from ir.timing import flow
from tests.hw.proof import Bench

SAMPLES = {"attend": 5, "tile": 5}
"""Samples on their way in a kind of engine at most, where a sample has two words or more; else 4:
two banks, what is written, what is offered."""
SLACK = 4


class Conserved(Bench):
    """Asserts that words leave only of samples that came, and that all of them leave.

    Of every pair of an input and an output it counts the samples whose first word was offered and
    whose last word has not left. No word leaves where there are none; there are never more than an
    engine has room for; and when nothing has been offered for as long as the engine needs for all
    of them, with the sink ready and the inputs between two samples, none are left.

    Parameters
    ----------
    engine : hw.stream.Engine
    """

    def __init__(self, engine: Any) -> None:
        super().__init__(engine)
        self.station: Station = engine.station
        self.most = room(self.station)
        self.patience = needed(self.station, self.most) + SLACK

    def right(self, m: Module) -> Value:
        inputs, outputs = self.engine.inputs, self.engine.outputs
        came = [_Place(m, *each) for each in zip(inputs, self.station.inputs, strict=True)]
        left = [_Place(m, *each) for each in zip(outputs, self.station.outputs, strict=True)]
        right, level = [], [place.at == 0 for place in came]
        empty = [place.at == 0 for place in left]
        for o in left:
            pending = []
            for i in came:
                count = Signal(range(self.most + 2))
                begins = i.offers & (i.at == 0)
                m.d.sync += count.eq(count + begins - (o.moves & o.last))
                right += [~o.moves | (count > 0) | begins, count <= self.most]
                pending.append(count)
            level += [count == pending[0] for count in pending[1:]]
            empty += [count == 0 for count in pending]
        quiet = Signal(range(self.patience + 1))
        idle = Cat([~port.valid for port in inputs], [port.ready for port in outputs]).all()
        m.d.sync += quiet.eq(Mux(idle, quiet + (quiet < self.patience), 0))
        self.settled = (quiet == self.patience) & Cat(level).all()
        self.finished = left[0].moves & left[0].last
        return Cat(*right, ~self.settled | Cat(empty).all()).all()


class Unsettled(Conserved):
    """Asserts that the engine never has the rest after which it must be empty, which is wrong."""

    def right(self, m: Module) -> Value:
        return super().right(m) & ~self.settled


class Unfinished(Conserved):
    """Asserts that no sample ever leaves, which is wrong."""

    def right(self, m: Module) -> Value:
        return super().right(m) & ~self.finished


class _Place:
    """The place of a stream in its sample: ``at`` is the word that moves next."""

    def __init__(self, m: Module, port: Any, link: Any) -> None:
        self.at = Signal(range(max(2, link.words)))
        self.moves, waited = port.valid & port.ready, Signal()
        self.last = self.at == link.words - 1
        self.offers = port.valid & ~waited
        m.d.sync += waited.eq(port.valid & ~port.ready)
        m.d.sync += self.at.eq(Mux(self.moves, Mux(self.last, 0, self.at + 1), self.at))


def room(station: Station) -> int:
    """Return the samples that a station can have on their way."""
    held = station.depth // station.o.words if isinstance(station, Buffer) else 0
    return SAMPLES.get(station.kind, 4) + held


def needed(station: Station, samples: int) -> int:
    """Return the cycles after which ``samples`` have left, from the first word offered on."""
    valid = [np.arange(link.words * samples) for link in station.inputs]
    move = [np.arange(link.words * samples) for link in station.outputs]
    while True:
        taken, offered = flow(station, valid, move, samples)
        later = [
            np.maximum(ready, np.concatenate([[0], times[:-1] + 1]))
            for ready, times in zip(valid, taken, strict=True)
        ]
        left = [np.maximum(a, b) for a, b in zip(move, offered, strict=True)]
        if all(map(np.array_equal, left, move)) and all(map(np.array_equal, later, valid)):
            return int(max(times[-1] for times in move))
        valid, move = later, left
