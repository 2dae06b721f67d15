"""Every engine is proven to keep the rules of streams; engines with planted faults are not."""

from __future__ import annotations

from functools import cache

import pytest
from amaranth.hdl import Assert, Module, Signal

from hw.top import ENGINES
from ir.image import Image
from ir.image import images as memory_images
from ir.plan import Station
from ir.planner import build as plan
from sim.draw import draw
from sim.topology import build
from tests.hw.faults import FAULTS
from tests.hw.proof import Rules, prove
from tests.hw.test_faults import planted

EACH = 3
TOPOLOGIES = 120
# Inside them lies a queue whose pointers no rule of streams ties together.
BOUNDED = ("buffer", "tile")
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


class Silent(Rules):
    """Asserts that an engine never offers a word, which is wrong."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        silent = Signal(init=1)
        m.d.sync += silent.eq(~self.engine.outputs[0].valid)
        m.d.comb += Assert(silent)
        return m


def test_every_kind_of_engine_is_there():
    assert stations().keys() == ENGINES.keys()


@pytest.mark.parametrize("kind", ENGINES)
def test_engine_keeps_the_rules_of_streams(kind, tmp_path):
    bounded = kind in BOUNDED
    for index, (station, images) in enumerate(stations()[kind][: 1 if bounded else EACH]):
        (tmp_path / str(index)).mkdir()
        prove(station, images, tmp_path / str(index), induction=not bounded)


@pytest.mark.parametrize("kind", ENGINES)
def test_what_is_wrong_has_no_proof(kind, tmp_path):
    station, images = stations()[kind][0]
    with pytest.raises(AssertionError, match="Status: FAILED"):
        prove(station, images, tmp_path, rules=Silent)


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
