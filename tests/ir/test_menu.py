import numpy as np
import pytest

from ir.fold import LARGEST, Hardware
from ir.layers import Input
from ir.menu import NEVER, Menu, bare, price
from ir.pace import pace
from ir.planner import assemble
from tests.networks import Builder, digits_network, meeting_network, random_network

RNG = np.random.default_rng(0)


NETWORKS = [
    *map(random_network, range(8)),
    meeting_network(4),
    digits_network(width=8, steps=2),
]


@pytest.mark.parametrize("fabric", ["ecp5", "xc7", "ice40"])
@pytest.mark.parametrize("network", NETWORKS)
def test_any_choice_takes_what_its_plan_takes_and_is_as_fast(network, fabric):
    hardware = Hardware(1, network.steps, fabric=fabric)
    menu = Menu(network, hardware)
    for _ in range(12):
        folds = {
            name: options.fold(int(RNG.integers(len(options.folds))))
            for name, options in menu.folding.items()
        }
        plan = bare(assemble(network, hardware, folds))
        found = menu.tally(folds)
        assert (found.used == price(plan, fabric)).all()
        assert found.cycles == max(map(pace, plan.stations))
        assert found.cycles == max(found.paces.values())
        for name, options in menu.folding.items():
            k = options.places[folds[name]]
            speed, used = options.alone
            assert speed[k] <= found.paces[name]
            assert (used[k] <= found.parts[name]).all()


def test_tables_where_there_is_lut_ram():
    network = digits_network(width=8, steps=2)
    for fabric, kinds in (("ecp5", {"stream", "table"}), ("ice40", {"stream"})):
        menu = Menu(network, Hardware(1, 2, fabric=fabric))
        found = {fold.kind for options in menu.folding.values() for fold in options.folds}
        assert found == kinds
        steps = {fold.steps for fold in menu.folding["block.0.fc1.conv"].folds}
        assert steps == {1, 2} | ({0} if "table" in kinds else set())


def test_limits_are_what_choices_can_have():
    network = random_network(0)
    menu = Menu(network, Hardware(1, network.steps, fabric="ecp5"))
    assert menu.limits == sorted(set(menu.limits))
    assert menu.limits[-1] < NEVER
    for limit in menu.limits[:: max(1, len(menu.limits) // 5)]:
        for options in menu.layers.values():
            paces, prices = options.within(limit)
            assert (paces <= limit).any()
            assert np.isfinite(prices[paces <= limit]).all()
    for options in menu.folding.values():
        slow = options.alone[0].max()
        paces, prices = options.within(int(slow) - 1)
        assert np.isinf(prices[paces == slow]).all()


def test_loaders_end_where_folds_end():
    """At one position loading is what takes longest, so that more loaders always help."""
    b = Builder(np.random.default_rng(0), 1, neurons="default", schemes=("u2",))
    network = b.readout(b.unit("wide", b.put(Input("input", (), (256, 1, 1), 1)), 512), 2)
    menu = Menu(network, Hardware(1, 1, fabric="ecp5"))
    assert max(fold.loaders for fold in menu.folding["wide.conv"].folds) == LARGEST
