"""Power-of-two layers are shifts: no multiplier before mapping, no DSP after it."""

from __future__ import annotations

import numpy as np
import pytest

from hw.emit import emit
from ir.fold import Hardware
from ir.layers import Add, Input
from ir.plan import Synapse
from ir.planner import build
from ir.sizing import fit
from sim.resources import count
from tests.networks import Builder


def counted(folder, scheme, high=1):
    """Return the synapse stations of a small network with such weights, and its resources."""
    b = Builder(np.random.default_rng(1), 2, neurons="default", schemes=(scheme,))
    pixels = b.put(Input("input", (), (2, 2, 2), high))
    spikes = b.unit("binary", pixels, 2)
    counts = b.put(Add("add", (spikes, spikes)))
    network = b.readout(b.unit("multi", counts, 2), 2)
    plan = fit(build(network, Hardware(32, 2)))
    emit(network, plan, folder / "verilog")
    stations = [station for station in plan.stations if isinstance(station, Synapse)]
    return stations, count(folder / "verilog", build_dir=folder / "netlists")


@pytest.fixture(scope="module")
def power_of_two(tmp_path_factory):
    return counted(tmp_path_factory.mktemp("pot"), "pot4")


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "multi-bit"])
def test_power_of_two_layers_have_no_multiplier_and_no_dsp(power_of_two, binary):
    stations, found = power_of_two
    chosen = [station for station in stations if station.i.type.binary == binary]
    assert chosen
    for station in chosen:
        part = found.parts[station.name.replace(".", "_")]
        assert part.arithmetic == {}, station.name
        assert part.usage.dsp == 0, station.name
        assert part.usage.lut > 0, station.name


def test_a_whole_power_of_two_network_has_none_either(power_of_two):
    _, found = power_of_two
    assert found.to_dict()["multipliers"] == {}
    assert found.total.dsp == 0


def test_uniform_weights_times_wide_inputs_are_multipliers(tmp_path):
    stations, found = counted(tmp_path, "u8", high=255)
    wide = [s.name.replace(".", "_") for s in stations if s.i.type.width > 4]
    assert wide
    for name in wide:
        assert found.parts[name].arithmetic.get("$mul", 0) > 0, name
