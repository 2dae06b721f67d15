from __future__ import annotations

import copy
import json
import math

import pytest

from ir import characterisation
from ir.cost import predict, predict_plan
from ir.errors import SpikewrightError
from ir.planner import build
from ir.usage import Usage
from tests.networks import digits_network, random_hardware

GOOD = {
    "format": "spikewright-characterisation",
    "version": 1,
    "date": "2026-01-01",
    "command": "x",
    "tools": {"yosys": "0.70"},
    "fabrics": {
        "ecp5": {
            "accounting": "a",
            "lut_per_lut_ram": 6.0,
            "models": {
                "join": {
                    "lut": {"one": 4.0, "bits": 1.0},
                    "carry": {"one": 0.0, "bits": 0.5},
                    "ff": [1.0, 1.0],
                    "dsp": 0.0,
                    "samples": 3,
                    "error": 0.01,
                }
            },
            "checks": [{"name": "n", "measured": 100, "predicted": 99, "left_out": 0}],
        }
    },
    "lanes": [
        {
            "fabric": "ecp5",
            "kind": "gated",
            "activation": "binary",
            "weight_bits": 4,
            "format": "u4",
            "lanes": 512,
            "luts_per_lane": 15.0,
            "loader_luts_per_lane": 0.0,
            "load_cycles": 0,
            "fmax_mhz": None,
        }
    ],
}


FF = ("fabrics", "ecp5", "models", "join", "ff")


def write(tmp_path, content):
    path = tmp_path / "data.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    characterisation.load.cache_clear()
    return path


def test_what_is_written_is_read(tmp_path):
    found = characterisation.load(write(tmp_path, GOOD))
    assert found.fabrics["ecp5"].models["join"].lut == {"one": 4.0, "bits": 1.0}
    assert found.lanes[0]["fmax_mhz"] is None
    network = digits_network()
    plan = build(network, random_hardware(network, 0))
    join = next(s for s in plan.stations if s.kind == "join")
    width = join.o.width
    assert predict(join, "ecp5", found) == Usage(
        lut=4 + width, ff=2 + width, carry=round(width / 2)
    )
    fork = next(s for s in plan.stations if s.kind == "fork")  # not in the file
    assert predict(fork, "ecp5", found).ff == len(fork.outputs)
    assert predict_plan(plan, "ecp5", found)[fork.name] == predict(fork, "ecp5", found)
    with pytest.raises(SpikewrightError, match=r"^Fabric 'xc7' was not measured; known are ecp5\.$"):
        predict(join, "xc7", found)


def paths(value, here=()):
    """Yield the place of every value in a nested structure."""
    yield here
    if isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from paths(item, (*here, key))


def changed(place, new):
    damaged = copy.deepcopy(GOOD)
    parent = damaged
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = new
    return damaged


@pytest.mark.parametrize("place", [p for p in paths(GOOD) if p], ids=str)
def test_damage_is_refused(tmp_path, place):
    for new in (-1, True, {"odd": {}}, [[]], "", math.inf):
        text = json.dumps(changed(place, new)).replace("Infinity", "1e999")
        with pytest.raises(SpikewrightError) as caught:
            characterisation.load(write(tmp_path, text))
        assert str(caught.value).startswith("File data.json")
        assert "\n" not in str(caught.value)


def test_keys_and_versions(tmp_path):
    for content, sentence in (
        (GOOD | {"odd": 1}, "has unknown keys: odd."),
        ({k: v for k, v in GOOD.items() if k != "lanes"}, "lacks keys: lanes."),
        (GOOD | {"version": 2}, "allowed is spikewright-characterisation version 1."),
        ("[", "is no valid JSON"),
        (changed(FF, [1.0, 1.0, 1.0]), "has 3 numbers for ff; allowed are 2."),
        (changed(FF, [1.0]), "has 1 numbers for ff; allowed are 2."),
    ):
        with pytest.raises(SpikewrightError, match=sentence.replace(".", r"\.")):
            characterisation.load(write(tmp_path, content))
    with pytest.raises(SpikewrightError, match="cannot be read"):
        characterisation.load(tmp_path / "missing.json")
