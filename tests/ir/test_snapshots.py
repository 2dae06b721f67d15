"""What drawn networks become on their way to hardware, as digests: nothing changes unnoticed.

These tests say that something changed, not that it is wrong; others compare with the golden model.
After a change that is meant: ``python -m tests.ir.test_snapshots`` stores the digests anew.
"""

from __future__ import annotations

import json
from collections import defaultdict
from hashlib import sha256
from pathlib import Path

import numpy as np

from ir import golden
from ir.folding import cycles, lanes, solve
from ir.image import images
from ir.occupancy import settle
from ir.planner import build
from ir.schedule import schedule
from ir.sizing import fit
from sim import topology
from sim.draw import draw
from tests.networks import random_images

STORED = Path(__file__).with_name("snapshots.json")
DRAWN = 40


def properties(station):
    """Return what a station says of itself: its fields and its public properties."""
    kind = type(station)
    names = [name for name in dir(kind) if isinstance(getattr(kind, name), property)]
    return {name: repr(getattr(station, name)) for name in names if not name.startswith("_")}


def found():
    """Return the digest of every aspect over all drawn networks."""
    rows = defaultdict(list)
    for index in range(DRAWN):
        network, hardware = topology.build(draw(23, index))
        plan = build(network, hardware)
        for station in plan.stations:
            rows[f"station {station.kind}"].append([repr(station), properties(station)])
        rows["links"].append(repr([plan.source, plan.sink, plan.probes, plan.lanes]))
        fitted, settled = fit(plan, 4), settle(plan)
        rows["fitted sizes"].append(repr([repr(station) for station in fitted.sized()]))
        rows["settled sizes"].append(repr([repr(station) for station in settled.sized()]))
        for each in (fitted, settled):
            moves = schedule(each, 3).moves
            rows["schedule"].append({name: move.tolist() for name, move in moves.items()})
        contents = images(network, plan)
        rows["images"].append([(name, contents[name].width, contents[name].words) for name in sorted(contents)])
        outputs = golden.run(network, random_images(network, index, 2)).outputs
        rows["golden model"].append({name: np.asarray(outputs[name]).tolist() for name in sorted(outputs)})
        folds = solve(network, hardware)
        rows["folds"].append([repr(folds), *(
            (lanes(network[n], f, network), cycles(network[n], f, network)) for n, f in folds.items()
        )])
    return {key: sha256(json.dumps(rows[key]).encode()).hexdigest()[:16] for key in sorted(rows)}


def test_nothing_changed():
    assert found() == json.loads(STORED.read_text())


if __name__ == "__main__":
    STORED.write_text(json.dumps(found(), indent=1) + "\n")
