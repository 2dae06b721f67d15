from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from ir.fold import Fold, Hardware
from ir.folding import _memory, choices, cycles, dimensions, divisors, lanes, solve
from ir.layers import Attention, Input
from ir.planner import build
from ir.schedule import schedule
from tests.networks import Builder, digits_network, random_hardware, random_network

NETWORK = digits_network(width=8, steps=2)
FOLDABLE = [layer for layer in NETWORK.layers if dimensions(layer, NETWORK) is not None]


def spent(network, folds):
    return sum(lanes(network[name], fold, network) for name, fold in folds.items())


def test_divisors():
    assert divisors(12) == [1, 2, 3, 4, 6, 12]
    assert divisors(1) == [1]


@pytest.mark.parametrize("budget", [64, 65, 100, 256, 1000, 1 << 20])
def test_the_budget_is_respected_and_every_fold_is_legal(budget):
    hardware = Hardware(budget, 2)
    folds = solve(NETWORK, hardware)
    assert spent(NETWORK, folds) <= budget
    assert folds.keys() == {layer.name for layer in FOLDABLE}
    for layer in FOLDABLE:
        fold = folds[layer.name]
        assert fold in set(choices(layer, NETWORK))
        assert dimensions(layer, NETWORK)[0] % fold.pe == 0
    assert spent(NETWORK, folds) == build(NETWORK, hardware).lanes


def test_more_lanes_are_never_slower():
    pace = []
    for budget in (64, 128, 256, 512, 1024, 1 << 20):
        folds = solve(NETWORK, Hardware(budget, 2))
        pace.append(max(cycles(NETWORK[name], fold, NETWORK) for name, fold in folds.items()))
    assert pace == sorted(pace, reverse=True)
    assert pace[0] > pace[-1]


def test_budget_below_the_smallest_folds_is_refused(refused):
    smallest = {
        layer.name: min(choices(layer, NETWORK), key=lambda f, x=layer: lanes(x, f, NETWORK))
        for layer in FOLDABLE
    }
    least = spent(NETWORK, smallest)
    assert spent(NETWORK, solve(NETWORK, Hardware(least, 2))) == least
    with refused(f"Hardware has lanes {least - 1}; this network needs at least {least}."):
        solve(NETWORK, Hardware(least - 1, 2))


def test_named_folds_are_kept():
    named = {"block.0.fc1.conv": Fold(4, 2), "head": Fold(5, 8)}
    folds = solve(NETWORK, Hardware(4000, 2, named))
    assert {name: folds[name] for name in named} == named


@pytest.mark.parametrize(
    ("folds", "part"),
    [
        ({"block.0.fc1.conv": Fold(3, 1)}, "Fold of layer block.0.fc1.conv is pe 3, simd 1; allowed are (1, 1), (1, 2)"),
        ({"block.0.fc1.conv": Fold(1, 3)}, "is pe 1, simd 3"),
        ({"block.0.attention": Fold(2, 3)}, "Fold of layer block.0.attention is pe 2, simd 3; allowed are (1, 1, kv), (1, 2, kv), (1, 4, kv), (2, 1, kv)"),
        ({"block.0.attention": Fold(1, 8, "kv")}, "is pe 1, simd 8, first kv; allowed are"),
        ({"head": Fold(1, 1, "qk")}, "Fold of layer head is pe 1, simd 1, first qk; allowed are (1, 1), (1, 2)"),
        ({"block.0.attention_lif": Fold(1, 1)}, "Fold names layer 'block.0.attention_lif'; foldable are tokenizer.0.conv"),
        ({"nothing": Fold(1, 1)}, "Fold names layer 'nothing'"),
        ({"head": Fold(1, 1, kind="table")}, "Fold of layer head has kind table; allowed for readout is stream."),
        ({"block.0.fc1.conv": Fold(1, 1, steps=4)}, "Fold of layer block.0.fc1.conv has steps 4; allowed are divisors of the network's 2 time steps."),
        ({"head": Fold(1, 1, steps=1)}, "Fold of layer head has steps 1; allowed for readout is 0."),
        ({"block.0.attention": Fold(1, 1, steps=2)}, "Fold of layer block.0.attention has steps 2; allowed for attention is 0."),
        ({"block.0.fc1.conv": Fold(3, 1, kind="table")}, "Fold of layer block.0.fc1.conv is pe 3, simd 1"),
    ],
)  # fmt: skip
def test_illegal_folds_are_refused(folds, part, refused):
    with refused(part):
        solve(NETWORK, Hardware(4000, 2, folds))


@pytest.mark.parametrize(("tokens", "first"), [(4, "qk"), (16, "kv")])
def test_attention_computes_first_what_takes_fewer_cycles(tokens, first):
    b = Builder(np.random.default_rng(0), 2)
    last = b.put(Input("input", (), (1, tokens, 1), 1))
    q, k, v = (b.unit(n, last, 16) for n in "qkv")
    network = b.readout(b.lif("lif", b.put(Attention("attention", (q, k, v), 2))), 2)
    other = {"kv": "qk", "qk": "kv"}[first]
    for named, wanted in (({"attention": Fold(2, 4)}, first),
                          ({"attention": Fold(2, 4, other)}, other)):
        assert solve(network, Hardware(4000, 2, named))["attention"].first == wanted
    layer = network["attention"]
    pace = {f: cycles(layer, Fold(2, 4, f), network) for f in ("kv", "qk")}
    assert pace == {"kv": tokens * 8 * 2, "qk": tokens * 8 * tokens // 4}
    assert pace[first] < pace[other]


def test_attention_that_keeps_up_either_way_takes_less_memory():
    """Digits: 8,192 bits of k and v instead of 10,240 bits of counters, with the same lanes."""
    network = digits_network(width=32, heads=4, steps=4)
    layer = network["block.0.attention"]
    fold = solve(network, Hardware(256, 4))[layer.name]
    assert fold == Fold(1, 1, "qk")
    assert cycles(layer, fold, network) == 8192
    assert cycles(layer, Fold(1, 1, "kv"), network) == 4096
    memory = {}
    for first in ("kv", "qk"):
        plan = build(network, Hardware(400, 4, {layer.name: Fold(1, 1, first)}))
        memory[first] = sum(
            s.memory_bits for s in plan.stations if s.kind in ("attend", "recall")
        )
    assert memory == {"kv": 10240, "qk": 8192}
    assert memory == {first: _memory(layer, Fold(1, 1, first), network) for first in memory}


@pytest.mark.parametrize("budget", [40, 60, 90, 150, 400])
def test_the_solution_equals_exhaustive_search(budget):
    """Fewest cycles of the slowest layer, and of those folds the fewest lanes."""
    b = Builder(np.random.default_rng(0), 1)
    last = b.put(Input("input", (), (2, 2, 3), 3))
    last = b.unit("stem", last, 4)
    q, k, v = (b.unit(n, last, 4) for n in "qkv")
    network = b.readout(b.lif("lif", b.put(Attention("attention", (q, k, v), 2))), 2)
    layers = [layer for layer in network.layers if dimensions(layer, network) is not None]
    options = [
        {(cycles(x, f, network), lanes(x, f, network)) for f in choices(x, network)}
        for x in layers
    ]
    best = min(
        (max(c for c, _ in row), sum(n for _, n in row))
        for row in product(*options)
        if sum(n for _, n in row) <= budget
    )
    folds = solve(network, Hardware(budget, 1))
    pace = max(cycles(x, folds[x.name], network) for x in layers)
    assert (pace, spent(network, folds)) == best


@pytest.mark.parametrize("slices", [0, 0.8])
@pytest.mark.parametrize("seed", range(15))
def test_no_interval_beats_the_cycles_of_the_slowest_layer(seed, slices):
    network = random_network(seed, size=4, width=4)
    hardware = random_hardware(network, seed, slices=slices)
    found = schedule(build(network, hardware), 12)
    last = found.moves[found.plan.sink.name][:, -1]
    folds = solve(network, hardware)
    assert found.plan.lanes == spent(network, folds)
    slowest = max(cycles(network[name], fold, network) for name, fold in folds.items())
    assert last[-1] >= 12 * slowest


def test_tables_need_lut_ram(refused):
    hardware = Hardware(4000, 2, {"block.0.fc1.conv": Fold(2, 4, kind="table")}, fabric="ice40")
    with refused("Fold of layer block.0.fc1.conv has kind table; fabric ice40 has no LUT RAM."):
        solve(NETWORK, hardware)


@pytest.mark.parametrize(("fold", "loaders"), [((2, 4), 1), ((2, 4), 4), ((1, 8), 2), ((16, 8), 1)])
def test_cycles_of_tables_bound_the_interval(fold, loaders):
    network = digits_network(width=8, steps=4)
    named = {"block.0.fc1.conv": Fold(*fold, kind="table", loaders=loaders)}
    plan = build(network, Hardware(1 << 20, 4, named))
    wanted = cycles(network["block.0.fc1.conv"], named["block.0.fc1.conv"], network)
    assert schedule(plan, 4).interval >= wanted


@pytest.mark.parametrize("budget", [200, 400, 1000])
def test_tables_are_derived_from_lanes(budget):
    network = digits_network(width=8, steps=4)
    hardware = Hardware(budget, 4, kind="table")
    folds = solve(network, hardware)
    assert spent(network, folds) <= budget
    for layer in network.layers:
        if layer.name in folds:
            assert (folds[layer.name].kind == "table") == (layer.kind == "synapse")
    plan = build(network, hardware)
    assert plan.lanes == spent(network, folds)
    slowest = max(cycles(network[name], fold, network) for name, fold in folds.items())
    assert schedule(plan, 4).interval >= slowest


def test_loaders_hide_behind_a_pass():
    network = digits_network(width=16, steps=4)
    for name, fold in solve(network, Hardware(3000, 4, kind="table")).items():
        if fold.kind == "table" and fold.loaders > 1:
            fewer = replace(fold, loaders=fold.loaders // 2)
            assert cycles(network[name], fewer, network) > cycles(network[name], fold, network)


def test_derived_tables_need_lut_ram(refused):
    with refused("Hardware has kind table; fabric ice40 has no LUT RAM, allowed are plain, ecp5, gowin, xc7."):
        solve(NETWORK, Hardware(4000, 2, fabric="ice40", kind="table"))


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_streams_carry_the_steps_of_a_pass(steps):
    network = digits_network(width=8, steps=4)
    named = {"block.0.fc1.conv": Fold(2, 4), "block.0.fc2.conv": Fold(2, 4, steps=2)}
    folds = solve(network, Hardware(400, steps, named))
    for layer in network.layers:
        if layer.kind == "synapse":
            wanted = 2 if layer.name == "block.0.fc2.conv" else steps % 4
            assert folds[layer.name].steps == wanted
        elif layer.name in folds:
            assert folds[layer.name].steps == 0
    assert spent(network, folds) <= 400
    layer = network["block.0.fc1.conv"]
    fold, tokens = folds[layer.name], network.edges[layer.name].positions
    assert lanes(layer, fold, network) == 2 * 4 * steps
    assert cycles(layer, fold, network) == tokens * 16 // 2 * 8 // 4 * 4 // steps


@pytest.mark.parametrize("steps", [1, 2])
def test_slices_of_time_take_as_long_as_all_steps_with_fewer_lanes(steps):
    """A static map, the first layer, has one step in any case."""
    network = digits_network(width=8, steps=4)
    for name in ("tokenizer.0.conv", "tokenizer.1.conv"):
        layer = network[name]
        whole, part = Fold(2, 1), Fold(2, 1, steps=steps)
        ratio = 1 if name == "tokenizer.0.conv" else 4 // steps
        assert lanes(layer, whole, network) == ratio * lanes(layer, part, network)
        assert ratio * cycles(layer, whole, network) == cycles(layer, part, network)


def test_steps_that_do_not_divide_those_of_the_network_are_refused(refused):
    with refused("Hardware has steps_per_pass 3; allowed are divisors of the network's 4 time steps."):
        solve(digits_network(width=4, steps=4), Hardware(1000, 3))
