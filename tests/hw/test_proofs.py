"""Every engine is proven to keep the rules of streams; engines with planted faults are not."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from amaranth.hdl import Module, Value

from hw.top import ENGINES, engine
from ir.image import Image
from ir.image import images as memory_images
from ir.plan import Buffer, Station
from ir.planner import build as plan
from sim.draw import draw
from sim.topology import build
from tests.hw.conserved import Conserved, Unfinished, Unsettled
from tests.hw.faults import FAULTS
from tests.hw.proof import Bench, Rules, prove, reach
from tests.hw.test_faults import planted

EACH = 3
TOPOLOGIES = 120
SHORT = 300
DEPTH = 3
# Inside them lies a queue whose pointers no rule of streams ties together: :func:`prove` bounds them
# in time, and :func:`reach` finds what ties them.
BOUNDED = ("buffer", "tile")
SHOWN = ("fork", "tile", "neurons", "synapse")
"""Kinds of which every run of the tests shows that a false claim is found false."""
# Faults that break a rule of streams by themselves, and the kind of station that shows each.
BREAKING = {
    "pipeline: loads over a waiting word": "align",
    "join: waits never": "join",
    "mix: a waiting sum is lost": "mix",
    "maximum: takes while it waits": "maximum",
    "accumulate: a waiting sum is lost": "accumulate",
    "synapse: adds while a complete sum waits": "synapse",
    "accumulators: adds while a complete sum waits": "correlate",
    "serial: steps while a word waits": "serial_neurons",
}


@cache
def stations() -> dict[str, list[tuple[Station, dict[str, Image]]]]:
    """Return some stations of every kind that random networks have, from the smallest on."""
    found: dict[str, list[tuple[int, Station, dict[str, Image]]]] = {}
    for index in range(TOPOLOGIES):
        network, hardware = build(draw(9, index))
        made = plan(network, hardware)
        images = memory_images(network, made)
        for station in made.stations:
            size = sum(link.width + link.words // 8 for link in (*station.inputs, *station.outputs))
            found.setdefault(station.kind, []).append((size, station, images))
    chosen = {}
    for kind, every in found.items():
        every.sort(key=lambda entry: entry[0])
        chosen[kind] = [entry[1:] for entry in every[:: max(1, len(every) // EACH)][:EACH]]
    return chosen


@cache
def shortest() -> dict[str, tuple[Station, dict[str, Image]]]:
    """Return the station of every kind with the fewest words in its samples, of three or more.

    A buffer is made shallow, as its depth is only how far its pointers count.
    """
    found: dict[str, tuple[tuple[int, int], Station, dict[str, Image]]] = {}
    for index in range(SHORT):
        network, hardware = build(draw(9, index))
        made = plan(network, hardware)
        for station in made.stations:
            links = (*station.inputs, *station.outputs)
            size = sum(link.words for link in links), sum(link.width for link in links)
            few = size[0] <= len(links)
            if not few and (station.kind not in found or size < found[station.kind][0]):
                found[station.kind] = size, station, memory_images(network, made)
    return {
        kind: (replace(station, depth=DEPTH) if isinstance(station, Buffer) else station, images)
        for kind, (_, station, images) in found.items()
    }


class Silent(Bench):
    """Asserts that an engine never offers a word, which is wrong."""

    def right(self, m: Module) -> Value:
        return ~self.engine.outputs[0].valid


def test_every_kind_of_engine_is_there():
    assert stations().keys() == ENGINES.keys()


@pytest.mark.parametrize("kind", ENGINES)
def test_engine_keeps_the_rules_of_streams(kind, tmp_path):
    bounded = kind in BOUNDED
    for index, (station, images) in enumerate(stations()[kind][: 1 if bounded else EACH]):
        (tmp_path / str(index)).mkdir()
        prove(station, images, tmp_path / str(index), induction=not bounded)


@pytest.mark.parametrize(
    "kind", [pytest.param(k, marks=[] if k in SHOWN else [pytest.mark.slow]) for k in ENGINES]
)
def test_what_is_wrong_has_no_proof(kind, tmp_path):
    station, images = stations()[kind][0]
    with pytest.raises(AssertionError, match="Status: FAILED"):
        prove(station, images, tmp_path, rules=Silent)


@pytest.mark.parametrize("kind", BOUNDED)
def test_queue_keeps_the_rules_of_streams_for_ever(kind, tmp_path):
    assert reach(Rules(engine(*shortest()[kind])), tmp_path) == "UNSAT"


@pytest.mark.parametrize(
    "kind", [pytest.param(k, marks=[pytest.mark.slow] if k == "tile" else []) for k in ENGINES]
)
def test_engine_neither_loses_nor_invents_words(kind, tmp_path):
    assert reach(Conserved(engine(*shortest()[kind])), tmp_path) == "UNSAT"


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [Unsettled, Unfinished])
@pytest.mark.parametrize("kind", ENGINES)
def test_every_engine_rests_and_gives_samples(kind, wrong, tmp_path):
    assert reach(wrong(engine(*shortest()[kind])), tmp_path) == "SAT"


@pytest.mark.parametrize("name", BREAKING)
def test_fault_has_no_proof(name, tmp_path):
    (fault,) = [fault for fault in FAULTS if fault.name == name]
    found = []
    with planted(fault, tmp_path / "planted"):
        for index, (station, images) in enumerate(stations()[BREAKING[name]]):
            work = tmp_path / str(index)
            work.mkdir()
            try:
                prove(station, images, work)
            except AssertionError as error:
                found.append(str(error))
    assert any("Status: FAILED" in each for each in found)
