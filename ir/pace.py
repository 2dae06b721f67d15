"""Pace: the cycles per sample that a station needs when it never waits for another."""

from __future__ import annotations

from ir.attention import Attend
from ir.plan import Plan, SerialNeurons, Station
from ir.tile import Tile


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


def slowest(plan: Plan) -> Station:
    """Return the station that needs the most cycles per sample; the first of several."""
    return max(plan.stations, key=pace)
