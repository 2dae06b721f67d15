"""The lanes of a synapse alone, without memories and accumulators, to see what a lane costs."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw import pe
from hw.stream import resize
from ir.scheme import Scheme
from ir.types import IntType


class Lanes(wiring.Component):
    """Sums of ``simd`` products for ``outputs`` outputs, as :class:`hw.synapse.Synapse` has them.

    Parameters
    ----------
    scheme : ir.scheme.Scheme
    activation : ir.types.IntType
    outputs, simd : int

    Members
    -------
    codes : In(outputs * simd * bits)
        Weight codes, lane by lane, output 0 lowest.
    activations : In(simd * width)
    sums : Out(outputs * width of a sum)

    Timing
    ------
    Latency 1 cycle: what enters is not registered, what leaves is.
    """

    def __init__(self, scheme: Scheme, activation: IntType, outputs: int, simd: int) -> None:
        self.scheme, self.activation, self.outputs, self.simd = scheme, activation, outputs, simd
        ends = [
            code * value
            for code in (scheme.code_type.low, scheme.code_type.high)
            for value in (activation.low, activation.high)
        ]
        self.width = IntType(min(ends), max(ends)).times(simd).width
        super().__init__(
            {
                "codes": In(outputs * simd * scheme.bits),
                "activations": In(simd * activation.width),
                "sums": Out(outputs * self.width),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bits, width, signed = self.scheme.bits, self.activation.width, self.activation.signed
        values = [self.activations[k * width : (k + 1) * width] for k in range(self.simd)]
        values = [value.as_signed() if signed else value for value in values]
        for p in range(self.outputs):
            first = p * self.simd
            codes = [self.codes[k * bits : (k + 1) * bits] for k in range(first, first + self.simd)]
            (total,) = pe.products(m, self.scheme, self.activation, codes, [[v] for v in values])
            low = p * self.width
            m.d.sync += self.sums[low : low + self.width].eq(resize(total, self.width))
        return m
