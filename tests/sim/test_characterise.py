"""Fitting and checking of costs on stations whose cost is known, and the page of lanes."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from ir.cost import usage
from ir.features import Features
from ir.mapping import Mapped
from ir.usage import Usage
from sim.characterise import Measured, check, checks, fit
from sim.fabrics import fabric
from sim.fitting import least_squares
from sim.lane_table import _jobs, page, rows
from sim.samples import sample


def station(rng, model="join"):
    bits, lut_ram = int(rng.integers(1, 200)), int(rng.integers(0, 3))
    found = Features(model, {"one": 1.0, "bits": bits}, bits + 2, Mapped(1, lut_ram), 2 * bits)
    return Measured(found, Usage(10 + 3 * bits + 6 * lut_ram, bits + 3, bits, 1, lut_ram, bits))


def test_the_cost_of_stations_is_found():
    rng = np.random.default_rng(0)
    costs = fit([station(rng) for _ in range(9)], fabric("ecp5"))
    model = costs.models["join"]
    assert model.lut == pytest.approx({"one": 10, "bits": 3}, abs=1.5)
    assert (model.ff, model.dsp) == (pytest.approx((1, 1), abs=0.01), 0.5)
    assert model.samples == 9
    assert model.error < 0.01
    other = station(rng)
    found = usage(other.features, costs)
    assert found.lut == pytest.approx(other.usage.lut, rel=0.02)
    assert replace(found, lut=0) == replace(other.usage, lut=0)
    assert check("x", [other], costs)["left_out"] == 0


def test_what_one_model_never_shows_is_taken_from_its_family():
    rng = np.random.default_rng(2)
    family = [station(rng, "synapse_gated") for _ in range(9)]
    alone = station(rng, "synapse_shift")
    lone = replace(alone.features, logic={"one": 1.0, "bits": 0.0})
    shift = Measured(lone, Usage(lut=10 + 6 * alone.usage.lut_ram, lut_ram=alone.usage.lut_ram))
    costs = fit([*family, shift], fabric("ecp5"))
    assert costs.models["synapse_shift"].lut["bits"] == pytest.approx(3, abs=0.1)
    stranger = replace(shift, features=replace(lone, model="other"))
    assert fit([*family, stranger], fabric("ecp5")).models["other"].lut["bits"] == 1


def test_each_network_is_predicted_from_the_others():
    rng = np.random.default_rng(1)
    networks = {name: [station(rng) for _ in range(4)] for name in ("a", "b")}
    networks["a"].append(station(rng, "odd"))
    a, b = checks(networks, fabric("ecp5"))
    assert a["left_out"] == networks["a"][-1].usage.lut
    assert a["measured"] == sum(each.usage.lut for each in networks["a"][:4])
    assert b["left_out"] == 0
    for found in (a, b):
        assert found["predicted"] == pytest.approx(found["measured"], rel=0.02)
    networks["b"] = [Measured(each.features, Usage(lut=5)) for each in networks["b"]]
    assert checks(networks, fabric("ecp5"))[0]["predicted"] < a["measured"] / 2


def test_coefficients_are_never_negative():
    features = np.array([[1.0, 1], [1, 2], [1, 3]])
    assert least_squares(features, np.array([3.0, 2, 1])).min() == 0
    assert least_squares(np.zeros((2, 3)), np.array([1.0, 2])).tolist() == [0, 0, 0]


def test_what_no_sample_has_stays_as_expected():
    features = np.array([[1.0, 0], [2, 0]])
    found = least_squares(features, np.array([4.0, 8]), 1.5, belief=1e-6)
    assert found.tolist() == pytest.approx([4, 1.5], abs=1e-3)


@pytest.mark.parametrize("name", ["ecp5", "ice40"])
def test_samples_are_the_same_for_one_seed(name):
    one, again = sample(3, name), sample(3, name)
    assert one[1] == again[1]
    kinds = {fold.kind for seed in range(4) for fold in sample(seed, name)[1].folds.values()}
    assert kinds == ({"stream", "table"} if name == "ecp5" else {"stream"})


def test_a_measurement_does_not_rename_its_row(monkeypatch, tmp_path):
    row = {"fabric": "ecp5", "kind": "table, 2 banks", "activation": "binary", "lanes": 512}
    row |= {"weight_bits": 2, "format": "u2"}
    found = {"kind": "table", "lanes": 64, "luts_per_lane": 4.5, "load_cycles": 262}
    monkeypatch.setattr("sim.lane_table._jobs", lambda *given: iter([(row, lambda: found)]))
    (measured,) = rows(["ecp5"], tmp_path)
    assert measured == row | {
        "luts_per_lane": 4.5,
        "load_cycles": 262,
        "loader_luts_per_lane": 0.0,
        "fmax_mhz": None,
    }


def test_page_of_lanes(tmp_path):
    found = [row for name in ("ecp5", "ice40") for row, _ in _jobs(name, tmp_path, ())]
    assert {row["kind"] for row in found if row["fabric"] == "ice40"} == {"gated", "integer", "shift"}
    assert min(row["lanes"] for row in found if not row["kind"].endswith("engine")) >= 512
    measured = {"loader_luts_per_lane": 0.0, "load_cycles": 0, "fmax_mhz": None}
    for row in found:
        cost = {"pot3": 12.0, "u3": 10.0}.get(row["format"], 1.0)
        row |= measured | {"luts_per_lane": cost}
    text = page(found, "spikewright bench lanes")
    assert "Power-of-two weights, binary inputs: pot2 +0 % against u2, pot3 +20 % against u3" in text
    assert "`spikewright bench lanes` (Yosys 0." in text
    assert len(re.findall(r"^\| ", text, re.MULTILINE)) == len(found) + 2
