import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from hw.popcount import STYLES, matches


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("lanes", [1, 2, 3, 6, 7, 20, 32])
def test_every_style_counts(lanes: int, style: str) -> None:
    m = Module()
    a, b, o = Signal(lanes), Signal(lanes), Signal(8)
    m.d.comb += o.eq(matches(m, [(a[k], b[k]) for k in range(lanes)], style))
    rng = np.random.default_rng(lanes)
    whole = (1 << lanes) - 1
    few = min(64, 1 << lanes)
    cases = [(whole, whole), (whole, 0)] + [(k, whole) for k in range(few)]
    cases += rng.integers(0, whole + 1, (40, 2)).tolist()

    async def bench(ctx) -> None:
        for x, y in cases:
            ctx.set(a, x)
            ctx.set(b, y)
            assert ctx.get(o) == (x & y).bit_count()

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
