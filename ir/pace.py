"""Pace: the cycles per sample that a station needs when it never waits for another."""

from __future__ import annotations

import math

from ir.attention import Attend, Recall
from ir.plan import Plan, SerialNeurons, Station, Window
from ir.readout import Accumulate
from ir.tile import Reorder, Tile


def pace(station: Station) -> int:
    """Return the cycles per sample of a station that is never stalled, from its folds alone.

    Every link moves a word a cycle at most. Serial neurons and attention take several cycles for a
    word, and a tile waits for its tables where loading them takes longer than a pass.
    """
    words = max(link.words for link in (*station.inputs, *station.outputs))
    if isinstance(station, Tile):
        length = station.visits * station.planes + station.gap
        load = 0 if station.resident else station.tables.load_cycles + 1
        return station.passes * max(length, load)
    if isinstance(station, SerialNeurons):
        return words * station.o.steps
    if isinstance(station, Attend):
        return max(words, station.i.words * station.visits)
    return words


def latency(plan: Plan) -> int:
    """Return about how many cycles pass from the first word in to the last word out.

    Words are taken to flow evenly, every station at its pace: it begins when words arrive, or when
    a whole sample has arrived if it needs one, and ends no earlier than those before it.
    :func:`ir.schedule.schedule` gives the exact figure, at the price of every transfer.
    """
    times = {plan.source.name: (0.0, float(plan.source.words))}
    for station in plan.stations:
        arrive = [times[link.name] for link in station.inputs]
        first, last = max(a for a, _ in arrive), max(b for _, b in arrive)
        cycles = pace(station)
        if isinstance(station, (Attend, Recall, Reorder, Accumulate)):
            first = last
        elif isinstance(station, Tile):
            first += cycles / station.neuron_fold
        elif isinstance(station, Window):
            held = (station.span - station.padding * (station.width + 1)) / station.height
            first += max(0.0, held / station.width) * (last - first) / station.maps
        for link in station.outputs:
            times[link.name] = first, max(last, first + cycles)
    return math.ceil(times[plan.sink.name][1])
