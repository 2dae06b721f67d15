import numpy as np
import pytest

from ir.fold import Hardware
from ir.menu import bare, menu, price
from ir.pace import pace
from ir.planner import assemble
from tests.networks import digits_network, random_network

RNG = np.random.default_rng(0)


def chosen(options):
    folds, least, slowest = {}, 0, 0
    for each in options.values():
        k = int(RNG.integers(len(each.folds)))
        folds |= each.folds[k]
        least = least + each.price[k]
        slowest = max(slowest, each.pace[k])
    return folds, least, slowest


@pytest.mark.parametrize("fabric", ["ecp5", "xc7", "ice40"])
@pytest.mark.parametrize("seed", range(6))
def test_layers_alone_take_nearly_what_the_plan_takes(fabric, seed):
    network = random_network(seed, attention=False, residual=True, size=5, width=6)
    options, fixed = menu(network, Hardware(1, network.steps, fabric=fabric))
    for _ in range(6):
        folds, least, slowest = chosen(options)
        plan = bare(assemble(network, Hardware(1, network.steps, fabric=fabric), folds))
        used = price(plan, fabric)
        # LUTs, block RAM and DSPs: neighbours only add to them.
        assert (fixed + least)[0] <= used[0] + 0.02 * used[0]
        assert (fixed + least)[3] <= used[3]
        assert (fixed + least)[5] <= used[5]
        assert slowest <= max(map(pace, plan.stations))


def test_every_layer_that_folds_is_chosen_once_with_tables_where_there_is_lut_ram():
    network = digits_network(width=8, steps=2)
    for fabric, kinds in (("ecp5", {"stream", "table"}), ("ice40", {"stream"})):
        options, _ = menu(network, Hardware(1, 2, fabric=fabric))
        names = [name for each in options.values() for name in each.folds[0]]
        assert len(names) == len(set(names))
        found = {fold.kind for each in options.values() for own in each.folds for fold in own.values()}
        assert found == kinds


def test_options_below_a_limit():
    options, _ = menu(digits_network(width=8, steps=2), Hardware(1, 2, fabric="ecp5"))
    (first, *_) = options.values()
    kept = first.below(int(np.median(first.pace)))
    assert 0 < len(kept.folds) == len(kept.pace) == len(kept.price) < len(first.folds)
