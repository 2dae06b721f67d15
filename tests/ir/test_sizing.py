"""Sizes are the smallest that keep the interval: one less costs, one more gains nothing."""

import pytest

from ir.errors import SpikewrightError
from ir.fold import Hardware
from ir.plan import Buffer, Plan, Window
from ir.planner import build
from ir.schedule import SAMPLES, Solver, schedule
from ir.sizing import fit, smallest, station_size
from tests.ir.cycles import simulate
from tests.networks import digits_network, random_hardware, random_network

# Networks whose interval is the same from sample to sample with the most generous sizes.
STEADY = (0, 1, 8, 10, 12, 14, 16, 34)
LONG = 16


def intervals(plan: Plan, samples: int, limit: int) -> list[int] | None:
    """Return the cycles between samples, or None if the last one comes after ``limit``, or never."""
    solver = Solver(plan, samples)
    if not solver.solve(10**6, latest=limit):
        return None
    last = solver.schedule().moves[plan.sink.name][:, -1]
    return (last[1:] - last[:-1]).tolist()


def check(generous: Plan, samples: int) -> int:
    """Assert that the fitted sizes are minimal; return how many are above the smallest."""
    fitted = fit(generous)
    reference = Solver(generous, samples)
    assert reference.solve()
    last = reference.schedule().moves[generous.sink.name][:, -1]
    interval = int(last[-1] - last[-2])
    limit = int(last[-1]) + 4 * interval * samples
    assert intervals(fitted, samples, limit)[-1] == interval
    above = 0
    for station in fitted.sized():
        size = station_size(station)
        assert smallest(station) <= size <= station_size(
            next(s for s in generous.sized() if s.name == station.name)
        )
        more = intervals(fitted.resize({station.name: size + 1}), samples, limit)
        assert more is None or more[-1] >= interval, f"{station.name}: more than {size} gains"
        if size > smallest(station):
            above += 1
            less = intervals(fitted.resize({station.name: size - 1}), SAMPLES, limit)
            assert less is None or less[-1] > interval, f"{station.name}: less than {size} will do"
    return above


@pytest.mark.parametrize("slices", [0, 0.8])
@pytest.mark.parametrize("seed", STEADY)
def test_fitted_sizes_are_minimal(seed, slices):
    network = random_network(seed)
    check(build(network, random_hardware(network, seed, slices=slices)), LONG)


@pytest.mark.parametrize("seed", STEADY)
def test_fitted_plans_keep_their_interval_for_ever(seed):
    network = random_network(seed)
    generous = build(network, random_hardware(network, seed))
    fitted = fit(generous)
    a, b = (intervals(plan, LONG, 10**7) for plan in (generous, fitted))
    assert set(a[-8:]) == set(b[-8:])
    assert len(set(a[-8:])) == 1


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [64, 300])
def test_digits_shaped_networks_are_fitted(lanes):
    network = digits_network(width=2, heads=1, steps=2)
    assert check(build(network, Hardware(lanes, 2)), 5) > 0


def test_fitted_plans_run_in_the_simulator_as_scheduled():
    network = random_network(12)
    plan = fit(build(network, random_hardware(network, 12)))
    solver = Solver(plan, 3)
    assert solver.solve()
    expected = simulate(plan, 3)
    assert {name: m.tolist() for name, m in solver.move.items()} == expected


def test_smallest_sizes():
    plan = build(digits_network(width=2, heads=1, steps=2), Hardware(64, 2))
    for station in plan.sized():
        if isinstance(station, Buffer):
            assert smallest(station) == 0
            assert station_size(station) == station.depth
        else:
            assert isinstance(station, Window)
            assert smallest(station) == (station.kernel - 1) * (station.width + 1) + 1
            assert station_size(station) == station.capacity


def test_plans_that_deadlock_are_refused(monkeypatch):
    plan = build(digits_network(width=2, heads=1, steps=2), Hardware(64, 2))
    dead = plan.resize({s.name: smallest(s) for s in plan.sized()})
    assert simulate(dead, 2) is None
    # A dead plan is given up after thousands of sweeps; a few show as much.
    monkeypatch.setattr(Solver.solve, "__defaults__", (50, None))
    with pytest.raises(SpikewrightError, match="would deadlock with any buffer sizes"):
        fit(dead)
    with pytest.raises(SpikewrightError, match="Plan would deadlock: a buffer or window is too small"):
        schedule(dead)
