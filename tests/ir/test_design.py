import pytest

from ir.cost import predict_plan
from ir.design import design
from ir.fold import Hardware
from ir.menu import bare
from ir.pace import latency
from ir.planner import assemble, build
from ir.usage import Usage
from tests.networks import digits_network

NETWORK = digits_network(width=8, steps=2)
HARDWARE = Hardware(1, 2, fabric="ecp5")
BUDGET = Usage(lut=12000, ff=12000, carry=6000, block_ram=40, lut_ram=1500, dsp=10)
FIELDS = ("lut", "ff", "carry", "block_ram", "lut_ram", "dsp")


@pytest.mark.parametrize(("aim", "limit"), [("throughput", None), ("area", 2000), ("latency", None)])
def test_designs_fit_and_their_folds_build_the_same_plan(aim, limit):
    found = design(NETWORK, HARDWARE, BUDGET, aim, limit)
    used = sum(predict_plan(found.plan, "ecp5").values(), Usage())
    assert used == found.used
    assert all(getattr(used, name) <= getattr(BUDGET, name) for name in FIELDS)
    again = build(NETWORK, found.hardware)
    assert [s.name for s in again.stations] == [s.name for s in found.plan.stations]
    assert again.fold_of == found.plan.fold_of
    if aim == "throughput":
        assert found.cycles <= 1.05 * found.relaxed
        assert found.interval <= 1.01 * found.cycles
        assert found.bound is not None
    if aim == "area":
        assert found.interval <= limit
        assert found.used.lut <= 1.05 * found.relaxed
        assert found.bound is None


def test_each_aim_is_best_at_its_own():
    quick = design(NETWORK, HARDWARE, BUDGET)
    small = design(NETWORK, HARDWARE, BUDGET, "area", 4 * quick.cycles)
    early = design(NETWORK, HARDWARE, BUDGET, "latency")
    assert small.used.lut < quick.used.lut
    assert quick.cycles <= min(small.cycles, early.cycles)
    assert early.latency <= min(small.latency, quick.latency)


def test_what_cannot_be_is_refused(refused):
    with refused("Budget leaves lut 300 for engines; this network needs about "):
        design(NETWORK, HARDWARE, Usage(300, 12000, 6000, 40, 1500, 10))
    with refused("Budget leaves block_ram 0 for engines; this network needs about "):
        design(NETWORK, HARDWARE, Usage(60000, 60000, 30000, 0, 7500, 100))
    with refused("Aim area has 3 cycles per sample; this network needs at least "):
        design(NETWORK, HARDWARE, BUDGET, "area", 3)
    with refused("for engines for 600 cycles per sample; this network needs about "):
        design(NETWORK, HARDWARE, Usage(3000, 12000, 6000, 40, 1500, 10), "area", 600)
    with refused("Aim is 'beauty'; allowed are throughput, area, latency."):
        design(NETWORK, HARDWARE, BUDGET, "beauty")
    with refused("only area takes one"):
        design(NETWORK, HARDWARE, BUDGET, "latency", 5)


def test_a_latency_that_no_budget_lowers_is_one_cycle_above_what_is_refused():
    ample = Usage(10**6, 10**6, 10**6, 4000, 10**6, 10**4)
    found = design(NETWORK, HARDWARE, ample, "latency")
    assert found.bound.resource == "cycles"
    assert found.bound.cycles == latency(bare(assemble(NETWORK, HARDWARE, found.hardware.folds))) - 1
    assert str(found.bound) == f"layer tokenizer.0.conv has no fold of {found.bound.cycles} cycles or less"
