"""Predicted against counted, on a network that nothing was fitted to."""

from __future__ import annotations

import pytest

from hw.emit import emit
from ir.cost import predict_plan
from ir.fold import Hardware
from ir.planner import build
from ir.sizing import fit
from ir.usage import Usage
from sim.fabrics import fabric
from sim.resources import count
from tests.networks import digits_network


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ecp5", "ice40", "gowin", "xc7"])
def test_predicted_within_a_tenth(tmp_path, name):
    network = digits_network()
    plan = fit(build(network, Hardware(400, network.steps)))
    emit(network, plan, tmp_path / "verilog")
    counted = count(tmp_path / "verilog", fabric=fabric(name), build_dir=tmp_path / "build").total
    predicted = sum(predict_plan(plan, name).values(), Usage())
    assert predicted.lut == pytest.approx(counted.lut, rel=0.10)
    assert predicted.ff == pytest.approx(counted.ff, rel=0.10)
    assert predicted.block_ram == pytest.approx(counted.block_ram, abs=1)
    assert predicted.lut_ram == pytest.approx(counted.lut_ram, rel=0.10, abs=8)
