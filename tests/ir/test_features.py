from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from ir.errors import SpikewrightError
from ir.features import features, tree
from ir.planner import build
from ir.sizing import fit
from ir.types import IntType
from sim import topology
from sim.draw import draw
from sim.samples import sample
from tests.networks import random_hardware, random_network


def test_tree_is_that_of_the_hardware():
    for count in range(1, 20):
        widths, bits = [3] * count, 0
        while len(widths) > 1:
            pairs = [max(a, b) + 1 for a, b in zip(widths[::2], widths[1::2], strict=False)]
            bits += sum(pairs)
            widths = pairs + widths[len(widths) - len(widths) % 2 :]
        found = tree(count, 3)
        assert found[1:] == (count - 1, widths[0])
        assert abs(found[0] - bits) <= count  # an odd operand waits, here one bit wider than there


@pytest.mark.parametrize("fabric", ["ecp5", "ice40", "gowin", "xc7"])
@pytest.mark.parametrize("seed", range(4))
def test_every_station_has_features(fabric, seed):
    network = random_network(seed)
    folds = random_hardware(network, seed, slices=0.5 * (seed % 2))
    for plan in (build(network, folds), build(*sample(seed, fabric))):
        for station in plan.stations:
            found = features(station, fabric)
            values = [*found.logic.values(), found.registers, found.multipliers]
            assert all(np.isfinite(value) and value >= 0 for value in values), station
            assert any(found.logic.values())


def test_a_wire_takes_nothing_and_the_unknown_is_refused():
    network = random_network(1, residual=True)
    plan = fit(build(network, random_hardware(network, 1)))
    wires = [s for s in plan.stations if s.kind == "buffer" and s.depth == 0]
    assert [features(station, "ecp5") for station in wires] == [None] * len(wires)

    class Odd:
        kind, name = "odd", "x"

    with pytest.raises(SpikewrightError, match=r"^Station x is a odd; costs are known of fork, "):
        features(Odd(), "ecp5")


def described():
    """Return the digest of what every kind of station shows, by fabric, over drawn networks."""
    rows = defaultdict(list)
    for fabric in ("ecp5", "ice40", "gowin", "xc7"):
        for index in range(24):
            network, hardware = topology.build(draw(11, index))
            if fabric == "ice40" and any(f.kind == "table" for f in hardware.folds.values()):
                continue
            stations = build(network, replace(hardware, fabric=fabric)).stations
            align = [s for s in stations if s.kind == "align"]
            wider = [replace(s, shift=IntType(0, 7), groups=n) for s in align for n in (1, 9)]
            for station in (*stations, *wider):
                found = features(station, fabric)
                shown = None if found is None else asdict(found)
                rows[f"{fabric} {station.kind}"].append(json.dumps(shown, sort_keys=True))
    return {key: sha256("\n".join(rows[key]).encode()).hexdigest()[:16] for key in sorted(rows)}


def test_features_are_those_that_the_shipped_coefficients_were_fitted_to():
    """After a change, ``spikewright characterise`` fits anew; then the digests are stored anew."""
    assert described() == json.loads(Path(__file__).with_name("features.json").read_text())
