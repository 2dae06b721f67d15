"""``bench lanes`` and ``characterise``: refusals, and what they write."""

from __future__ import annotations

import json

import pytest

from ir.characterisation import LANE_KEYS, load
from ir.features import TOP, Features
from ir.usage import Usage
from sim import bus_costs, characterise, lane_table
from sim.characterise import Measured
from spikewright import costs


@pytest.mark.parametrize("verb", [("bench", "lanes"), ("characterise", "--no-lanes")])
def test_an_unknown_fabric_is_refused(spikewright, tmp_path, verb):
    out = tmp_path / "out"
    done = spikewright(*verb, "--fabric", "ecp5,vax", "--out", str(out), "--json")
    assert done.status == 1
    assert done.err.strip().splitlines()[-1] == (
        "spikewright: Fabric 'vax' is unknown; allowed are ecp5, ice40, gowin, xc7."
    )
    assert not out.exists()


def test_lanes(monkeypatch, tmp_path, spikewright):
    monkeypatch.setattr(lane_table, "measure", lambda *a, **k: {"luts_per_lane": 9.5, "odd": 1})
    out = tmp_path / "lanes.md"
    done = spikewright("bench", "lanes", "--fabric", "ice40", "--out", str(out), "--json")
    rows = json.loads(done.out)["rows"]
    assert [tuple(row) for row in rows] == [tuple(sorted(LANE_KEYS))] * len(rows)
    assert {row["kind"] for row in rows} == {"gated", "integer", "shift"}
    assert all((row["lanes"], row["luts_per_lane"]) == (512, 9.5) for row in rows)
    assert all(row["fmax_mhz"] is None for row in rows)
    assert "`spikewright bench lanes --fabric ice40`" in out.read_text()


def test_data_file(monkeypatch, tmp_path):
    def measure(seed, mapped, build_dir, **more):
        return [Measured(TOP, Usage(lut=100 + seed, ff=20))]

    def around(seed, name, build_dir, **more):
        return [Measured(Features("bus_axi", {"one": 1.0}, 1), Usage(lut=500 + seed))]

    monkeypatch.setattr(characterise, "measure", measure)
    monkeypatch.setattr(bus_costs, "measure", around)
    out = tmp_path / "costs.json"
    found = costs.measure(["xc7"], out, networks=3, with_lanes=False)
    assert [row["measured"] for row in found["rows"]] == [100, 101, 102]
    data = load(out)
    assert data.command == "spikewright characterise --fabric xc7 --networks 3 --no-lanes"
    assert data.fabrics["xc7"].models["top"].lut["one"] == pytest.approx(101, abs=2)
    assert data.lanes == ()
    assert data.fabrics["xc7"].models["bus_axi"].lut["one"] == pytest.approx(501, abs=8)
    monkeypatch.setattr(bus_costs, "measure", lambda *given, **more: around(700, *given[1:]))
    rows = costs.measure_buses(out, networks=3)["rows"]
    assert [(row["fabric"], row["model"], row["samples"]) for row in rows] == [("xc7", "bus_axi", 3)]
    again = load(out)
    assert again.command == f"{data.command}; spikewright characterise --buses --networks 3"
    assert again.fabrics["xc7"].models["top"] == data.fabrics["xc7"].models["top"]
    assert again.fabrics["xc7"].models["bus_axi"].lut["one"] == pytest.approx(1200, abs=40)
