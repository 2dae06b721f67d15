"""The shipped coefficients: complete, and as close to Yosys as the project claims."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ir import characterisation
from ir.cost import predict_plan, usage
from ir.features import Features
from ir.mapping import Mapped
from ir.planner import build
from ir.sizing import fit
from ir.usage import Usage
from tests.networks import digits_network, random_hardware

FABRICS = ("ecp5", "ice40", "gowin", "xc7")


def test_the_shipped_file_covers_every_fabric():
    shipped = characterisation.load()
    assert tuple(sorted(shipped.fabrics)) == tuple(sorted(FABRICS))
    for costs in shipped.fabrics.values():
        assert len(costs.checks) >= 2
        for check in costs.checks:
            assert abs(check["predicted"] / check["measured"] - 1) <= 0.10, check


@pytest.mark.parametrize("fabric", FABRICS)
def test_a_plan_is_the_sum_of_its_stations(fabric):
    network = digits_network()
    plan = build(network, random_hardware(network, 3))
    found = predict_plan(plan, fabric)
    assert found.keys() == {"", *(station.name for station in plan.stations)}
    total = sum(found.values(), Usage())
    assert total.lut > 1000
    assert total.ff > 1000
    assert total.carry > 100
    assert (total.lut_ram > 0) == (fabric != "ice40")
    smaller = predict_plan(fit(plan), fabric)  # buffers and windows at their smallest
    assert sum(smaller.values(), Usage()).lut <= total.lut


def test_what_was_not_measured_costs_one_lut_a_unit():
    shipped = characterisation.load().fabrics["ecp5"]
    costs = replace(shipped, models={})
    found = usage(Features("new", {"one": 1.0, "bits": 7.0}, 5, Mapped(1, 2), 3), costs)
    assert found == Usage(lut=8 + 2 * round(costs.lut_per_lut_ram), ff=5, block_ram=1, lut_ram=2)
