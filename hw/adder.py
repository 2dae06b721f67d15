"""Trees of unsigned adders, built for the fabric.

A plain ``+`` for every pair is the reference. On ECP5 a separate adder costs up to five cells more
than its bits (carry feed-in, feed-out, padding to pairs), so many adders lie in one carry chain, an
idle position between two of them; each operand of a position may be the OR of two bits for free.
On 7-series an adder has three operands and one LUT per bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Const, Instance, Module, Signal, Value, ValueLike

from hw.memory import VERILOG

CHAIN = 24
"""Positions of one carry chain at most, where a single adder does not need more."""

CHAIN_NAME = "spikewright_chain_ecp5"
CHAIN_SOURCE = """\
// s = (a | b) + (c | d): many small adders in one carry chain of ECP5, zeros between them.
module spikewright_chain_ecp5 #(
  parameter WIDTH = 1
) (
  input [WIDTH - 1:0] a, b, c, d,
  output [WIDTH - 1:0] s
);
`ifdef SYNTHESIS
  // Position 0 makes a carry of 0 from constants, so that what enters the chain does not matter.
  localparam CELLS = WIDTH / 2 + 1;
  wire [2 * CELLS - 1:0] a_ = {a, 1'b0}, b_ = {b, 1'b0}, c_ = {c, 1'b0}, d_ = {d, 1'b0};
  wire [2 * CELLS - 1:0] sum;
  wire [CELLS:0] carry;
  assign carry[0] = 1'b0;
  assign s = sum[WIDTH:1];
  genvar k;
  generate
    for (k = 0; k < CELLS; k = k + 1) begin : cell_
      CCU2C #(
        .INIT0(k == 0 ? 16'h0000 : 16'h111e),
        .INIT1(16'h111e),
        .INJECT1_0("NO"),
        .INJECT1_1("NO")
      ) pair (
        .CIN(carry[k]),
        .A0(a_[2 * k]), .B0(b_[2 * k]), .C0(c_[2 * k]), .D0(d_[2 * k]),
        .A1(a_[2 * k + 1]), .B1(b_[2 * k + 1]), .C1(c_[2 * k + 1]), .D1(d_[2 * k + 1]),
        .S0(sum[2 * k]), .S1(sum[2 * k + 1]),
        .COUT(carry[k + 1])
      );
    end
  endgenerate
`else
  assign s = (a | b) + (c | d);
`endif
endmodule
"""

TERNARY_NAME = "spikewright_ternary_xc7"
TERNARY_SOURCE = """\
// s = a + b + c with one LUT6 a bit: each LUT makes the carry-save pair of its own bit's majority
// (O5, wired to the next bit) and the propagate of its carry position (O6).
module spikewright_ternary_xc7 #(
  parameter WIDTH = 1
) (
  input [WIDTH - 1:0] a, b, c,
  output [WIDTH + 1:0] s
);
`ifdef SYNTHESIS
  localparam CELLS = WIDTH / 4 + 1;
  wire [WIDTH:0] majority;
  wire [4 * CELLS - 1:0] propagate, generated, sum, carry;
  assign majority[0] = 1'b0;
  genvar k;
  generate
    for (k = 0; k < WIDTH; k = k + 1) begin : bit_
      LUT6_2 #(.INIT(64'h69966996_e8e8e8e8)) lut (
        .I0(a[k]), .I1(b[k]), .I2(c[k]), .I3(majority[k]), .I4(1'b0), .I5(1'b1),
        .O5(majority[k + 1]), .O6(propagate[k])
      );
      assign generated[k] = majority[k];
      assign s[k] = sum[k];
    end
    LUT1 #(.INIT(2'b10)) top (.I0(majority[WIDTH]), .O(propagate[WIDTH]));
    assign generated[WIDTH] = majority[WIDTH];
    assign s[WIDTH] = sum[WIDTH];
    assign s[WIDTH + 1] = carry[WIDTH];
    for (k = WIDTH + 1; k < 4 * CELLS; k = k + 1) begin : idle
      assign propagate[k] = 1'b0;
      assign generated[k] = 1'b0;
    end
    for (k = 0; k < CELLS; k = k + 1) begin : cell_
      if (k == 0) begin : first
        CARRY4 four (
          .CI(1'b0), .CYINIT(1'b0), .S(propagate[3:0]), .DI(generated[3:0]),
          .O(sum[3:0]), .CO(carry[3:0])
        );
      end else begin : next
        CARRY4 four (
          .CI(carry[4 * k - 1]), .CYINIT(1'b0),
          .S(propagate[4 * k +: 4]), .DI(generated[4 * k +: 4]),
          .O(sum[4 * k +: 4]), .CO(carry[4 * k +: 4])
        );
      end
    end
  endgenerate
`else
  assign s = a + b + c;
`endif
endmodule
"""

SOURCES = {CHAIN_NAME: CHAIN_SOURCE, TERNARY_NAME: TERNARY_SOURCE}
"""Verilog modules that trees instantiate: behaviour for simulation, cells for synthesis."""


@dataclass(frozen=True)
class Number:
    """Unsigned operand.

    Parameters
    ----------
    bits : tuple of Value
        Alternatives whose OR is the number; at most two, and one of them 0.
    high : int
        Largest value.
    """

    bits: tuple[Value, ...]
    high: int

    @property
    def width(self) -> int:
        """Bits that the value needs."""
        return max(1, self.high.bit_length())

    @property
    def value(self) -> Value:
        """The number."""
        return reduce(or_, self.bits)[: self.width]

    def alternative(self, index: int, width: int) -> Value:
        """Return one alternative in ``width`` bits, zero if there is none."""
        if index >= len(self.bits):
            return Const(0, width)
        found = self.bits[index][: self.width]
        return Cat(found, Const(0, width - len(found)))


def tree(
    m: Module,
    rows: Sequence[Sequence[Number]],
    *,
    fabric: str = "plain",
    arity: int = 2,
    enable: ValueLike = 1,
    platform: object = None,
    register: bool = True,
) -> list[Value]:
    """Return the sum of each row, all rows with the same number of levels.

    Parameters
    ----------
    m : Module
    rows : sequence of sequence of Number
        Equally many numbers per row.
    fabric : str
        ``ecp5`` and ``xc7`` have adders of their own; any other name means ``+``.
    arity : int
        Operands of one adder, 2 or 3.
    enable : Value
        Registers advance.
    platform : object
        With :data:`hw.memory.VERILOG`, adders become the modules in :data:`SOURCES`.
    register : bool
        A register after every level.

    Timing
    ------
    One cycle per level where registered, else 0; the levels are those of
    :attr:`ir.tables.Tables.levels`.
    """
    rows = [list(row) for row in rows]
    while len(rows[0]) > 1:
        jobs = [row[k : k + arity] for row in rows for k in range(0, len(row), arity)]
        found = _level(m, jobs, fabric, platform)
        if register:
            found = [_register(m, value, enable) for value in found]
        each = len(found) // len(rows)
        highs = [sum(number.high for number in job) for job in jobs]
        numbers = [Number((v,), high) for v, high in zip(found, highs, strict=True)]
        rows = [numbers[k * each : (k + 1) * each] for k in range(len(rows))]
    return [row[0].value for row in rows]


def accumulate(
    m: Module,
    values: Sequence[Value],
    terms: Sequence[Value],
    carries: Sequence[Value],
    *,
    fabric: str = "plain",
    platform: object = None,
) -> list[Value]:
    """Return ``value + term + carry`` of each pair, in the width of the value.

    Parameters
    ----------
    values, terms : sequence of Value
        Of the same width each.
    carries : sequence of Value
        One bit each.
    """
    found = []
    for value, term, carry in zip(values, terms, carries, strict=True):
        # A position below the lowest makes the carry: Yosys gives a carry input to no adder.
        a, b = Cat(carry, value), Cat(carry, term)
        if fabric == "ecp5":
            none = Const(0, len(a))
            found.append(_chain(m, (a, none, b, none), len(a), platform)[1:])
        else:
            found.append((a + b)[1 : len(a)])
    return found


def _register(m: Module, value: Value, enable: ValueLike) -> Value:
    held = Signal(len(value), reset_less=True)
    with m.If(enable):
        m.d.sync += held.eq(value)
    return held


def _level(
    m: Module, jobs: Sequence[Sequence[Number]], fabric: str, platform: object
) -> list[Value]:
    """Return the sums of one level, in as many bits as each needs."""
    found: list[Value] = [Const(0)] * len(jobs)
    pairs = []
    for k, job in enumerate(jobs):
        width = max(1, sum(number.high for number in job).bit_length())
        if len(job) == 1:
            found[k] = job[0].value
        elif len(job) == 3 and fabric == "xc7":
            found[k] = _ternary(m, job, platform)[:width]
        elif len(job) == 2 and fabric == "ecp5":
            pairs.append((k, width))
        else:
            total = Signal(width)
            m.d.comb += total.eq(sum((number.value for number in job[1:]), job[0].value))
            found[k] = total
    for chain in _chains(pairs):
        width = sum(positions for _, positions in chain)
        operands = [
            Cat(jobs[k][side].alternative(index, positions) for k, positions in chain)
            for side in range(2)
            for index in range(2)
        ]
        total = _chain(m, operands, width, platform)
        low = 0
        for k, positions in chain:
            found[k] = total[low : low + positions]
            low += positions
    return found


def _chains(pairs: Sequence[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Share adders of the given widths among chains, in order."""
    chains: list[list[tuple[int, int]]] = []
    free = 0
    for pair in pairs:
        if pair[1] > free:
            chains.append([])
            free = CHAIN
        chains[-1].append(pair)
        free -= pair[1]
    return chains


def _chain(m: Module, operands: Sequence[Value], width: int, platform: object) -> Value:
    a, b, c, d = operands
    total = Signal(width)
    if platform == VERILOG:
        m.submodules += Instance(CHAIN_NAME, p_WIDTH=width, i_a=a, i_b=b, i_c=c, i_d=d, o_s=total)
    else:
        m.d.comb += total.eq((a | b) + (c | d))
    return total


def _ternary(m: Module, job: Sequence[Number], platform: object) -> Value:
    width = max(number.width for number in job)
    a, b, c = (Cat(n.value, Const(0, width - n.width)) for n in job)
    total = Signal(width + 2)
    if platform == VERILOG:
        m.submodules += Instance(TERNARY_NAME, p_WIDTH=width, i_a=a, i_b=b, i_c=c, o_s=total)
    else:
        m.d.comb += total.eq(a + b + c)
    return total
