import numpy as np
import pytest

from ir.fold import Hardware
from ir.occupancy import held, settle, solved
from ir.plan import Buffer, Window
from ir.planner import build
from ir.schedule import schedule
from tests.networks import digits_network, random_hardware, random_network


@pytest.mark.parametrize("seed", range(12))
def test_depths_are_what_a_literal_count_finds(seed):
    rng = np.random.default_rng(seed)
    words, interval = int(rng.integers(1, 9)), int(rng.integers(20, 40))
    taken = np.sort(rng.choice(interval, words, replace=False))
    given = taken + int(rng.integers(1, 4 * interval))
    times = [(t + f * interval, g + f * interval) for f in range(9) for t, g in zip(taken, given, strict=True)]
    most = max(sum(a < t <= b for a, b in times) for t, _ in times)
    assert held(taken, given, interval) == most + 1


@pytest.mark.parametrize("kind", ["stream", "table"])
@pytest.mark.parametrize("lanes", [300, 2000])
def test_settled_plans_keep_the_interval(kind, lanes):
    plan = build(digits_network(width=8, steps=2), Hardware(lanes, 2, kind=kind))
    found = settle(plan)
    assert schedule(found, 12).interval == schedule(plan, 12).interval
    depths = [s.depth for s in found.stations if isinstance(s, Buffer)]
    assert sum(depths) < sum(s.depth for s in plan.stations if isinstance(s, Buffer))


@pytest.mark.parametrize("slices", [0, 0.8])
@pytest.mark.parametrize("seed", range(8))
def test_random_plans_keep_the_interval(seed, slices):
    network = random_network(seed, attention=True, residual=True, size=4, width=4)
    plan = build(network, random_hardware(network, seed, tables=0.5, slices=slices))
    last = schedule(plan, 24).moves[plan.sink.name][:, -1]
    found = schedule(settle(plan), 24).moves[plan.sink.name][:, -1]
    assert found[-1] - found[-9] <= last[-1] - last[-9]


@pytest.mark.parametrize("seed", range(8))
def test_windows_never_wait_for_room_and_would_with_two_pixels_less(seed):
    network = random_network(seed, pool=True, size=6, width=4)
    plan = build(network, random_hardware(network, seed))
    found = settle(plan)
    interval = solved(plan, 3, 0).interval
    ample, fitted = (solved(each, 3, interval).moves for each in (plan, found))
    for station in found.sized():
        if not isinstance(station, Window):
            continue
        taken = ample[station.i.name]
        assert np.array_equal(fitted[station.i.name], taken)
        if station.capacity > station.span + 2:
            smaller = found.resize({station.name: station.capacity - 2})
            assert (solved(smaller, 3, interval).moves[station.i.name] > taken).any()
