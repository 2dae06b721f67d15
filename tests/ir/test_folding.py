import pytest

from ir.fold import Fold, Hardware
from ir.folding import choices, cycles, dimensions, divisors, lanes, solve
from ir.planner import build
from ir.schedule import schedule
from tests.networks import digits_network, random_hardware, random_network

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
        ({"block.0.attention": Fold(2, 2)}, "Fold of layer block.0.attention is pe 2, simd 2; allowed are (1, 4), (2, 4), (4, 4)."),
        ({"block.0.attention_lif": Fold(1, 1)}, "Fold names layer 'block.0.attention_lif'; foldable are tokenizer.0.conv"),
        ({"nothing": Fold(1, 1)}, "Fold names layer 'nothing'"),
        ({"head": Fold(1, 1, "table")}, "Fold of layer head has kind table; allowed for readout is stream."),
        ({"block.0.fc1.conv": Fold(3, 1, "table")}, "Fold of layer block.0.fc1.conv is pe 3, simd 1"),
    ],
)  # fmt: skip
def test_illegal_folds_are_refused(folds, part, refused):
    with refused(part):
        solve(NETWORK, Hardware(4000, 2, folds))


@pytest.mark.parametrize("seed", range(15))
def test_no_interval_beats_the_cycles_of_the_slowest_layer(seed):
    network = random_network(seed, size=4, width=4)
    hardware = random_hardware(network, seed)
    found = schedule(build(network, hardware), 12)
    last = found.moves[found.plan.sink.name][:, -1]
    slowest = max(cycles(network[name], fold, network) for name, fold in hardware.folds.items())
    assert last[-1] >= 12 * slowest


def test_tables_need_lut_ram(refused):
    hardware = Hardware(4000, 2, {"block.0.fc1.conv": Fold(2, 4, "table")}, fabric="ice40")
    with refused("Fold of layer block.0.fc1.conv has kind table; fabric ice40 has no LUT RAM."):
        solve(NETWORK, hardware)


@pytest.mark.parametrize(("fold", "loaders"), [((2, 4), 1), ((2, 4), 4), ((1, 8), 2), ((16, 8), 1)])
def test_cycles_of_tables_bound_the_interval(fold, loaders):
    network = digits_network(width=8, steps=4)
    named = {"block.0.fc1.conv": Fold(*fold, "table", loaders)}
    plan = build(network, Hardware(1 << 20, 4, named))
    wanted = cycles(network["block.0.fc1.conv"], named["block.0.fc1.conv"], network)
    assert schedule(plan, 4).interval >= wanted
