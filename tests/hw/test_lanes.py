"""Lanes alone give the sums of any codes, illegal ones included, and any activations."""

from __future__ import annotations

import numpy as np
import pytest
from amaranth.sim import Simulator

from hw.lanes import Lanes
from ir.scheme import Scheme
from ir.types import IntType


@pytest.mark.parametrize("activation", [IntType(0, 1), IntType(0, 3), IntType(-2, 1), IntType(0, 40)])
@pytest.mark.parametrize("form", ["u2", "u4", "pot2", "pot4"])
def test_sums(form, activation):
    rng = np.random.default_rng(0)
    scheme, outputs, simd = Scheme.parse(form), 2, 5
    dut = Lanes(scheme, activation, outputs, simd)
    mask = (1 << activation.width) - 1

    async def bench(ctx):
        for _ in range(8):
            codes = rng.integers(0, 1 << scheme.bits, (outputs, simd))
            values = rng.integers(activation.low, activation.high + 1, simd)
            ctx.set(dut.codes, sum(int(c) << (k * scheme.bits) for k, c in enumerate(codes.flat)))
            ctx.set(
                dut.activations,
                sum((int(v) & mask) << (k * activation.width) for k, v in enumerate(values)),
            )
            await ctx.tick()
            found = ctx.get(dut.sums)
            wanted = scheme.decode(codes) @ values
            for p, total in enumerate(wanted):
                bits = (1 << dut.width) - 1
                assert found >> (p * dut.width) & bits == int(total) & bits

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
