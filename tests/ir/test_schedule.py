import numpy as np
import pytest

from ir.fold import Hardware
from ir.planner import build
from ir.schedule import Schedule, Solver, schedule
from tests.networks import digits_network

PLAN = build(digits_network(width=4, steps=2), Hardware(200, 2))


@pytest.fixture(scope="module")
def found() -> Schedule:
    return schedule(PLAN, 5)


def test_first_input_moves_in_cycle_0_and_words_one_by_one(found):
    assert found.moves[PLAN.source.name][0, 0] == 0
    for name, moves in found.moves.items():
        assert moves.shape == (5, PLAN.links[name].words)
        assert (np.diff(moves.ravel()) > 0).all()


def test_latency_and_interval_are_read_off_the_last_link(found):
    last = found.moves[PLAN.sink.name]
    assert found.latency == last[0, -1]
    assert found.interval == last[4, -1] - last[3, -1]
    assert found.latency > found.interval > 0
    assert found.first_last(PLAN.sink.name) == [(int(m[0]), int(m[-1])) for m in last]


def test_busy_is_useful_work_over_built_work(found):
    useful = sum(station.operations for station in PLAN.stations)
    assert found.busy == useful / (PLAN.lanes * found.interval)
    assert 0 < found.busy <= 1


def test_solving_from_a_larger_plan_gives_the_same_times():
    window = next(s for s in PLAN.sized() if s.kind == "window")
    smaller = PLAN.resize({window.name: window.capacity - 40})
    large, fresh = Solver(PLAN, 4), Solver(smaller, 4)
    assert large.solve() and fresh.solve()
    started = Solver(smaller, 4, large)
    assert started.solve()
    for name, moves in fresh.move.items():
        assert np.array_equal(started.move[name], moves), name


def test_solver_gives_up_after_its_sweeps_and_after_the_latest_cycle():
    assert not Solver(PLAN, 4).solve(sweeps=1)
    assert not Solver(PLAN, 4).solve(latest=100)


@pytest.mark.parametrize(("last", "steady"), [([9, 19, 29, 39], True), ([9, 18, 29, 39], False), ([9, 19], True)])
def test_only_equal_intervals_are_steady(last, steady):
    found = Schedule(PLAN, len(last), {PLAN.sink.name: np.array(last)[:, None]})
    assert found.steady is steady
