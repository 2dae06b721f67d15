"""The recurrences against the cycle-by-cycle simulator: every transfer of every link is equal."""

import numpy as np
import pytest

from ir.attention import Attend, Correlate, Mix, Recall
from ir.errors import SpikewrightError
from ir.fold import Fold, Hardware
from ir.layers import Attention, Input
from ir.plan import (
    Align,
    Buffer,
    Fork,
    Join,
    Link,
    Maximum,
    Merge,
    Neurons,
    Plan,
    SerialNeurons,
    Split,
    Station,
    Synapse,
    Window,
)
from ir.planner import build
from ir.readout import Accumulate, Classify
from ir.schedule import Solver, schedule
from ir.scheme import Scheme
from ir.sizing import smallest, station_size
from ir.tile import Reorder, Stepwise, Tile
from ir.timing import NEVER, delayed, ramp
from ir.types import IntType
from tests.ir.cycles import simulate
from tests.networks import Builder, digits_network, random_hardware, random_network

SEEDS = range(30)
MAX_WORDS = 1500


def random_plan(seed: int, *, tight: bool, tables: float = 0, slices: float = 0) -> Plan:
    """Return a plan small enough to simulate, with random sizes near the smallest if ``tight``."""
    rng = np.random.default_rng(seed)
    while True:
        steps = int(rng.choice([2, 3, 4, 6])) if slices else None
        moving = bool(slices and rng.random() < 0.3)
        network = random_network(int(rng.integers(1 << 30)), steps=steps, moving=moving)
        hardware = random_hardware(
            network, int(rng.integers(1 << 30)), tables=tables, slices=slices
        )
        plan = build(network, hardware)
        if sum(link.words for link in plan.links.values()) <= MAX_WORDS:
            break
    if not tight:
        return plan
    return plan.resize(
        {
            s.name: int(
                smallest(s) + rng.integers(0, min(4, station_size(s) - smallest(s)) + 1)
            )
            for s in plan.sized()
        }
    )


def solved(plan: Plan, samples: int) -> dict[str, list[int]] | None:
    # In every cycle before a deadlock something changes: a register of a station, at least.
    words = sum(link.words for link in plan.links.values())
    loads = sum(s.passes * s.tables.load_cycles for s in plan.stations if isinstance(s, Tile))
    solver = Solver(plan, samples)
    if not solver.solve(10**6, latest=samples * (words * 8 + loads)):
        return None
    return {name: moves.tolist() for name, moves in solver.move.items()}


def compare(plan: Plan, samples: int = 3) -> bool:
    """Assert equal transfers; return whether the plan is alive."""
    expected, got = simulate(plan, samples), solved(plan, samples)
    if expected is None or got is None:
        assert expected is None, "the schedule deadlocks, the simulation does not"
        assert got is None, "the simulation deadlocks, the schedule does not"
        return False
    assert got.keys() == expected.keys()
    for name in expected:
        assert got[name] == expected[name], f"transfers of {name} differ"
    return True


@pytest.mark.parametrize("seed", SEEDS)
def test_every_transfer_is_predicted(seed):
    assert compare(random_plan(seed, tight=False))


@pytest.mark.parametrize("seed", SEEDS)
def test_every_transfer_is_predicted_with_tight_buffers(seed):
    compare(random_plan(1000 + seed, tight=True))


@pytest.mark.parametrize("tight", [False, True], ids=["generous", "tight"])
@pytest.mark.parametrize("seed", range(2000, 2020))
def test_every_transfer_is_predicted_with_tables(seed, tight):
    alive = compare(random_plan(seed, tight=tight, tables=0.7))
    assert alive or tight


@pytest.mark.parametrize("tables", [0, 0.4], ids=["streams", "mixed"])
@pytest.mark.parametrize("tight", [False, True], ids=["generous", "tight"])
@pytest.mark.parametrize("seed", range(3000, 3012))
def test_every_transfer_is_predicted_with_slices_of_time(seed, tight, tables):
    alive = compare(random_plan(seed, tight=tight, tables=tables, slices=0.8))
    assert alive or tight


def test_some_plans_of_the_smallest_sizes_live_and_some_deadlock():
    alive = set()
    for seed in SEEDS[:16]:
        plan = random_plan(seed, tight=False)
        alive.add(compare(plan.resize({s.name: smallest(s) for s in plan.sized()}), samples=2))
    assert alive == {True, False}


def test_random_plans_hold_every_kind_of_station():
    kinds = {type(s) for seed in SEEDS for s in random_plan(seed, tight=False).stations}
    assert kinds == {
        Accumulate, Align, Attend, Buffer, Classify, Correlate, Fork, Join, Maximum, Merge, Mix, Neurons,
        Recall, SerialNeurons, Split, Synapse, Window,
    }  # fmt: skip
    kinds = {type(s) for k in range(2000, 2020) for s in random_plan(k, tight=False, tables=0.7).stations}
    assert kinds >= {Reorder, Tile, Stepwise}


def test_digits_shaped_network_is_predicted():
    network = digits_network(steps=2, width=4, heads=2)
    assert compare(build(network, Hardware(400, 2)), samples=2)


def link(name: str, words: int, lanes: int = 1, steps: int = 1) -> Link:
    return Link(name, words, lanes, steps, IntType(0, 1))


def chain(seed: int) -> Plan:
    """Return random stations in a row, so that every kind is pushed and stalled by every other."""
    rng = np.random.default_rng(seed)
    stations: list[Station] = []
    pixels, lanes = int(rng.integers(1, 5)) * 2, 12
    source = here = link("source", pixels, lanes)
    for n in range(int(rng.integers(2, 8))):
        kind = rng.choice(
            ["buffer", "split", "merge", "window", "synapse", "neurons", "serial", "maximum"]
        )
        name = f"s{n}"
        if kind == "buffer":
            out = link(name, here.words, here.lanes, here.steps)
            stations.append(Buffer(name, (here,), (out,), int(rng.integers(0, 4))))
        elif kind == "split" and here.lanes > 1 and here.words < 60:
            ratio = next(r for r in (3, 2) if here.lanes % r == 0)
            out = link(name, here.words * ratio, here.lanes // ratio, here.steps)
            stations.append(Split(name, (here,), (out,)))
        elif kind == "merge" and here.words % 2 == 0:
            out = link(name, here.words // 2, here.lanes * 2, here.steps)
            stations.append(Merge(name, (here,), (out,)))
        elif kind == "maximum" and here.words % 2 == 0:
            out = link(name, here.words // 2, here.lanes, here.steps)
            stations.append(Maximum(name, (here,), (out,), 2))
        elif kind == "synapse" and here.words % 2 == 0:
            out = link(name, here.words // 2, here.lanes, here.steps)
            stations.append(Synapse(name, (here,), (out,), Scheme("u", 2), 1, 1, 2))
        elif kind in ("neurons", "serial"):
            unit = SerialNeurons if kind == "serial" else Neurons
            steps = int(rng.integers(2 if kind == "serial" else 1, 5))
            out = link(name, here.words, here.lanes, steps)
            zero = IntType(-1, 0)
            stations.append(unit(name, (here,), (out,), None, 1, zero, zero, zero, zero, zero))
        elif kind == "window" and here.words < 60:
            repeats = int(rng.integers(1, 4))
            out = link(name, here.words * repeats, here.lanes, here.steps)
            capacity = int(rng.integers(1, 4))
            stations.append(
                Window(name, (here,), (out,), here.words, 1, 1, 1, 1, 0, repeats, "tap", capacity)
            )
        else:
            continue
        here = out
    positions = here.words
    out = link("sum", 1, here.lanes)
    stations.append(Accumulate("sum", (here,), (out,), positions, 1))
    sink = link("sink", 1)
    stations.append(Classify("sink", (out,), (sink,), 1, IntType(-1, 0)))
    return Plan(1, tuple(stations), source, sink)


@pytest.mark.parametrize("seed", range(60))
def test_chains_of_random_stations_are_predicted(seed):
    assert compare(chain(seed), samples=4)


@pytest.mark.parametrize("steps", [2, 3, 5])
@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("fold", [1, 2, 4])
@pytest.mark.parametrize("repeats", [1, 2, 9])
def test_serial_neurons_are_predicted_between_slower_and_faster_neighbours(
    steps, depth, fold, repeats
):
    source = link("source", 5 * fold)
    sums, fired = link("sums", 5), link("fired", 5, 1, steps)
    held, sink = link("held", 5, 1, steps), link("sink", 5 * repeats, 1, steps)
    zero = IntType(-1, 0)
    plan = Plan(
        1,
        (
            Synapse("sums", (source,), (sums,), Scheme("u", 2), 1, 1, fold),
            SerialNeurons("fired", (sums,), (fired,), None, 1, zero, zero, zero, zero, zero),
            Buffer("held", (fired,), (held,), depth),
            Window("sink", (held,), (sink,), 5, 1, 1, 1, 1, 0, repeats, "tap", 1),
        ),
        source,
        sink,
    )
    assert compare(plan, samples=3)


@pytest.mark.parametrize("depths", [(0, 0), (0, 1), (1, 0), (1, 1), (2, 1), (5, 0), (0, 7)])
@pytest.mark.parametrize("steps", [1, 3])
def test_branches_that_meet_again_are_predicted(depths, steps):
    source = link("source", 5)
    a, b, c, d, e, f = (link(name, 5) for name in "abcdef")
    zero = IntType(-1, 0)
    slow = Link("e", 5, 1, steps, IntType(0, 1))
    plan = Plan(
        1,
        (
            Fork("fork", (source,), (a, b)),
            Buffer("c", (a,), (c,), depths[0]),
            Neurons("e", (b,), (slow,), None, 1, zero, zero, zero, zero, zero),
            Buffer("d", (slow,), (d,), depths[1]),
            Join("f", (c, d), (f,)),
        ),
        source,
        f,
    )
    compare(plan, samples=4)


def test_more_samples_do_not_change_earlier_transfers():
    plan = random_plan(7, tight=False)
    few, many = schedule(plan, 2), schedule(plan, 5)
    for name in plan.links:
        assert np.array_equal(few.moves[name], many.moves[name][:2])


def test_schedule_refuses_one_sample():
    with pytest.raises(SpikewrightError, match="Schedule of 1 samples; allowed are at least 2"):
        schedule(random_plan(7, tight=False), 1)


def test_ramp_is_the_least_increasing_sequence():
    rng = np.random.default_rng(0)
    for _ in range(50):
        earliest = rng.integers(0, 20, 12)
        got, expected, last = ramp(earliest), [], -1
        for value in earliest.tolist():
            last = max(value, last + 1)
            expected.append(last)
        assert got.tolist() == expected


def test_delayed_leaves_the_first_words_free():
    times = np.arange(5)
    assert delayed(times, 2).tolist() == [NEVER, NEVER, 0, 1, 2]
    assert delayed(times, 9).tolist() == [NEVER] * 5


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("chunks", [1, 2])
@pytest.mark.parametrize("tokens", [1, 2])
@pytest.mark.parametrize("depth", [0, 1, 2, 5, 9])
@pytest.mark.parametrize("repeats", [1, 2, 5])
def test_attention_whose_output_is_stalled_is_predicted(rows, chunks, tokens, depth, repeats):
    """Accumulating runs ahead of applying until both banks are taken."""
    source = link("source", tokens, 2)
    forked = [link(f"to_{n}", tokens, 2) for n in "qkv"]
    q = link("q", tokens, 2)
    out = link("out", tokens * chunks, 2 // chunks)
    sink = link("sink", out.words * repeats, out.lanes)
    plan = Plan(
        1,
        (
            Fork("fork", (source,), tuple(forked)),
            Buffer("q", (forked[0],), (q,), depth),
            Attend("out", (q, *forked[1:]), (out,), tokens, 1, 2, 2 // rows),
            Window("sink", (out,), (sink,), out.words, 1, 1, 1, 1, 0, repeats, "tap", 1),
        ),
        source,
        sink,
    )
    assert compare(plan, samples=6) or depth < tokens + 1


def attending(fold: Fold, tokens: int, heads: int, width: int) -> Plan:
    """Return the plan of a network that is little more than attention."""
    b = Builder(np.random.default_rng(0), 1)
    last = b.put(Input("input", (), (1, tokens, 1), 1))
    q, k, v = (b.unit(n, last, heads * width) for n in "qkv")
    mixed = b.put(Attention("attention", (q, k, v), heads))
    network = b.readout(b.lif("lif", mixed), 2)
    wide = {f"{n}.conv": Fold(2, 1) for n in "qkv"}
    wide |= {"attention": fold, "head": Fold(2, heads * width)}
    return build(network, Hardware(1 << 20, 1, wide))


@pytest.mark.parametrize(
    "fold",
    [Fold(1, 1, "kv"), Fold(2, 4, "kv"), Fold(4, 2, "kv"), Fold(8, 1, "kv"),
     Fold(1, 1, "qk"), Fold(2, 6, "qk"), Fold(4, 3, "qk"), Fold(8, 1, "qk")],
    ids=str,
)  # fmt: skip
def test_attention_has_no_idle_cycle(fold):
    """Back to back, a sample takes as long as either side, while its inputs come in small words."""
    plan = attending(fold, tokens=6, heads=2, width=4)
    last = schedule(plan, 12).moves["attention"][:, -1]
    rows = 4 if fold.first == "kv" else 6
    assert set(np.diff(last)[4:]) == {6 * (8 // fold.pe) * (rows // fold.simd)}
    assert compare(plan, samples=5)
