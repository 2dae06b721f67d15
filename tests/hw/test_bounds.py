"""No counter passes its end and no address the depth of its memory, for ever, in every engine."""

from __future__ import annotations

from functools import cache
from unittest.mock import patch

import pytest
from amaranth.hdl import Elaboratable, Mux

from hw.top import ENGINES, engine
from ir.image import images as memory_images
from ir.planner import build as plan
from sim.draw import draw
from sim.topology import build
from tests.hw.bounds import Bounds, Narrow
from tests.hw.proof import reach

TOPOLOGIES, TRIED = 200, 40
ENDLESS = ("fork", "join")
"""Kinds without counters and memories."""


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Engines that were only looked at are never used; Amaranth need not say so."""
    monkeypatch.setattr(Elaboratable, "_MustUse__silence", True)


@cache
def every():
    """Return the stations of every kind in drawn networks, those with few words first."""
    found = {}
    for index in range(TOPOLOGIES):
        network, hardware = build(draw(9, index))
        made = plan(network, hardware)
        images = memory_images(network, made)
        for station in made.stations:
            size = sum(link.words + link.width // 4 for link in (*station.inputs, *station.outputs))
            found.setdefault(station.kind, []).append((size, station, images))
    return {kind: sorted(found[kind], key=lambda each: each[0]) for kind in found}


@cache
def counting(kind):
    """Return the station of a kind, among small ones, with most values that could be too large."""
    ends = lambda each: len(Bounds(engine(*each[1:])).bounds)  # noqa: E731
    few = every()[kind]
    return max(few[:TRIED] if any(map(ends, few[:TRIED])) else few, key=ends)[1:]


@pytest.mark.parametrize("kind", ENGINES)
def test_values_stay_below_their_ends(kind, tmp_path):
    bench = Bounds(engine(*counting(kind)))
    if kind in ENDLESS:
        assert not bench.bounds
    else:
        assert bench.bounds and reach(bench, tmp_path) == "UNSAT"


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(ENGINES.keys() - set(ENDLESS)))
def test_values_reach_their_ends(kind, tmp_path):
    assert reach(Narrow(engine(*counting(kind))), tmp_path) == "SAT"


def test_a_counter_that_turns_late_is_found(tmp_path):
    def late(m, counter, count):
        m.d.sync += counter.eq(Mux(counter == count, 0, counter + 1))

    chosen = counting("synapse")
    with patch("hw.stream.advance", late):
        assert reach(Bounds(engine(*chosen)), tmp_path) == "SAT"
