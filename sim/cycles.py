"""Measured cycles: when each layer moved its words, and whether the schedule said so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ir.plan import Link
from ir.schedule import Schedule
from sim.compare import Record, check_count

LISTED = 4


@dataclass(frozen=True)
class LayerCycles:
    """First and last transfer of a layer's output in each of the first samples.

    Parameters
    ----------
    firsts, lasts : list of int
        Cycles, one per sample, of at most :data:`LISTED` samples; the first input is cycle 0.
    predicted_firsts, predicted_lasts : list of int
        What the schedule says; empty without one or under pauses.
    interval : int or None
        Cycles between the last transfers of the last two samples.
    differing : int
        Transfers, among those that the schedule covers, that came in another cycle.
    """

    firsts: list[int]
    lasts: list[int]
    predicted_firsts: list[int]
    predicted_lasts: list[int]
    interval: int | None
    differing: int


@dataclass(frozen=True)
class Cycles:
    """Measured cycles of one run of back-to-back samples.

    Parameters
    ----------
    latency : int
        From the first input transfer to the last output transfer of the first sample.
    interval : int or None
        Between the last output transfers of the last two samples; None for one sample.
    total : int
        From the first input transfer to the last output transfer.
    exact : bool
        Whether the schedule claims every cycle; under pauses it only bounds the total.
    predicted_latency, predicted_interval, predicted_total : int or None
    layers : dict of str to LayerCycles
    first_difference : str or None
        Sentence on the first transfer that the schedule placed in another cycle.
    """

    latency: int
    interval: int | None
    total: int
    exact: bool
    predicted_latency: int | None
    predicted_interval: int | None
    predicted_total: int | None
    layers: dict[str, LayerCycles]
    first_difference: str | None

    @property
    def as_predicted(self) -> bool:
        """Whether every transfer came in the predicted cycle."""
        return (
            self.first_difference is None
            and self.latency == self.predicted_latency
            and self.interval in (None, self.predicted_interval)
            and self.total == self.predicted_total
        )


def measure(
    records: Mapping[str, tuple[Record, Link]],
    sink: Link,
    samples: int,
    schedule: Schedule | None = None,
    *,
    exact: bool = True,
) -> Cycles:
    """Return the measured cycles, compared with ``schedule`` where it is given.

    Parameters
    ----------
    records : mapping of layer name to (Record, Link)
        In the order of the layers, the sink's included.
    sink : Link
    samples : int
    schedule : Schedule, optional
        Covers as many of the first samples as it was computed for.
    exact : bool
        Whether source and sink were ideal, so that every cycle must be the predicted one.

    Raises
    ------
    SpikewrightError
        If a layer made more or fewer transfers than ``samples`` samples cause.
    """
    layers: dict[str, LayerCycles] = {}
    earliest: tuple[int, str] | None = None
    moves: dict[str, np.ndarray] = {}
    for layer, (record, link) in records.items():
        check_count(record, link, samples)
        moves[link.name] = move = record.cycle.reshape(samples, link.words)
        predicted = schedule.moves[link.name] if schedule is not None and exact else None
        differing = 0
        if predicted is not None:
            covered = min(samples, len(predicted))
            differs = (move[:covered] != predicted[:covered]).ravel()
            differing = int(np.count_nonzero(differs))
            if differing:
                index = int(differs.argmax())
                cycle, got = int(predicted.ravel()[index]), int(move.ravel()[index])
                sentence = (
                    f"Layer {layer}, sample {index // link.words}, word {index % link.words}: "
                    f"predicted in cycle {cycle}, moved in cycle {got}."
                )
                if earliest is None or min(cycle, got) < earliest[0]:
                    earliest = min(cycle, got), sentence
        ideal = move[:0] if predicted is None else predicted[:samples]
        layers[layer] = LayerCycles(
            *_ends(move), *_ends(ideal), interval=_interval(move), differing=differing
        )
    out = moves[sink.name]
    return Cycles(
        int(out[0, -1]),
        _interval(out),
        int(out[-1, -1]),
        exact,
        None if schedule is None else schedule.latency,
        None if schedule is None else schedule.interval,
        None if schedule is None else total(schedule, samples),
        layers,
        None if earliest is None else earliest[1],
    )


def total(schedule: Schedule, samples: int) -> int:
    """Return the predicted last output cycle; beyond the schedule each sample adds an interval."""
    last = schedule.moves[schedule.plan.sink.name][:, -1]
    if samples <= len(last):
        return int(last[samples - 1])
    return int(last[-1]) + (samples - len(last)) * schedule.interval


def _interval(move: np.ndarray) -> int | None:
    return int(move[-1, -1] - move[-2, -1]) if len(move) > 1 else None


def _ends(move: np.ndarray) -> tuple[list[int], list[int]]:
    """Return the first and last cycle of each of the first samples."""
    return move[:LISTED, 0].tolist(), move[:LISTED, -1].tolist()
