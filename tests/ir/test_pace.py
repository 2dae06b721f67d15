import pytest

from ir.fold import Hardware
from ir.occupancy import settle
from ir.pace import latency, pace
from ir.planner import build
from ir.schedule import schedule
from tests.networks import digits_network, random_hardware, random_network


def test_the_slowest_station_sets_the_interval():
    ratios = []
    for seed in range(24):
        network = random_network(seed, attention=bool(seed % 2), residual=True, size=4, width=4)
        plan = settle(build(network, random_hardware(network, seed, tables=0.5)))
        last = schedule(plan, 40).moves[plan.sink.name][:, -1]
        # Ten samples apart, as two banks make samples early and late in turn; the last ones drain.
        interval = (last[30] - last[20]) / 10
        ratios.append(interval / max(map(pace, plan.stations)))
    assert min(ratios) == 1
    assert sorted(ratios)[-3] == 1


@pytest.mark.parametrize("kind", ["stream", "table"])
@pytest.mark.parametrize("lanes", [100, 300, 2000])
def test_latency_is_estimated_within_a_quarter(kind, lanes):
    plan = build(digits_network(width=16, steps=2), Hardware(lanes, 2, kind=kind))
    assert latency(plan) == pytest.approx(schedule(plan).latency, rel=0.25)
