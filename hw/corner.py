"""Memory that is written in narrow words and read in wide ones, to turn the corner of an order."""

from __future__ import annotations

from amaranth.hdl import Cat, Instance, Module, unsigned
from amaranth.lib import memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.memory import VERILOG, instance
from hw.parity import Guarded, sound

CORNER_NAME = "spikewright_corner"
CORNER_SOURCE = """\
// Memory written in words of WIDTH bits and read RATIO words at a time, slot 0 lowest.
// 2^SLOT_BITS is the power of two that holds RATIO: block RAM then serves both widths by itself.
// Nobody reads a word while it is written. Saying so spares the logic that would give the old one.
module spikewright_corner #(
  parameter WIDTH = 1,
  parameter RATIO = 1,
  parameter SLOT_BITS = 0,
  parameter DEPTH = 1
) (
  input clk,
  input write_enable,
  input [(DEPTH > 1 ? $clog2(DEPTH) : 1) - 1:0] write_address,
  input [(SLOT_BITS > 0 ? SLOT_BITS : 1) - 1:0] write_slot,
  input [WIDTH - 1:0] write_data,
  input read_enable,
  input [(DEPTH > 1 ? $clog2(DEPTH) : 1) - 1:0] read_address,
  output [RATIO * WIDTH - 1:0] read_data
);
  genvar slot;
  generate
    if (SLOT_BITS > 0) begin : wide
      reg [WIDTH - 1:0] words [0:(DEPTH << SLOT_BITS) - 1];
      reg [RATIO * WIDTH - 1:0] data;
      wire [(DEPTH > 1 ? $clog2(DEPTH) : 1) + SLOT_BITS - 1:0] target;
      assign target = {write_address, write_slot};
      assign read_data = data;
      always @(posedge clk)
        if (write_enable) words[target] <= write_data;
      for (slot = 0; slot < RATIO; slot = slot + 1) begin : slots
        localparam [SLOT_BITS - 1:0] SLOT = slot;
        always @(posedge clk)
          if (read_enable)
            data[slot * WIDTH +: WIDTH] <= write_enable && target == {read_address, SLOT}
              ? {WIDTH{1'bx}} : words[{read_address, SLOT}];
      end
    end else begin : narrow
      spikewright_ram #(.WIDTH(WIDTH), .DEPTH(DEPTH)) ram (
        .clk(clk), .write_enable(write_enable), .write_address(write_address),
        .write_data(write_data), .read_enable(read_enable), .read_address(read_address),
        .read_data(read_data)
      );
    end
  endgenerate
endmodule
"""


class Corner(Guarded):
    """One narrow write and one wide synchronous read per cycle.

    Parameters
    ----------
    width : int
        Bits of a written word.
    ratio : int
        Written words per read word.
    depth : int
        Words as they are read.

    Members
    -------
    write_enable, write_address, write_slot, write_data : In
        Write ``write_data`` as slot ``write_slot`` of the word at ``write_address``.
    read_enable, read_address : In
    read_data : Out(ratio * width)

    Timing
    ------
    ``read_data`` shows the word at ``read_address`` from the cycle after ``read_enable`` until the
    next one. A word that is written and read in the same cycle reads as anything.
    """

    def __init__(self, width: int, ratio: int, depth: int) -> None:
        self.width, self.ratio, self.depth = width, ratio, depth
        address = max(1, ceil_log2(depth))
        super().__init__(
            {
                "write_enable": In(1),
                "write_address": In(address),
                "write_slot": In(max(1, ceil_log2(ratio))),
                "write_data": In(width),
                "read_enable": In(1),
                "read_address": In(address),
                "read_data": Out(ratio * width),
            }
        )

    def elaborate(self, platform: object) -> Module | Instance:
        if self.fault is not None:
            return self._guarded()
        if platform == VERILOG:
            return instance(
                CORNER_NAME,
                self,
                p_WIDTH=self.width,
                p_RATIO=self.ratio,
                p_SLOT_BITS=ceil_log2(self.ratio),
                p_DEPTH=self.depth,
            )
        m = Module()
        m.submodules.words = words = memory.Memory(
            shape=unsigned(self.ratio * self.width), depth=self.depth, init=[]
        )
        write, read = words.write_port(granularity=self.width), words.read_port()
        m.d.comb += [
            write.addr.eq(self.write_address),
            write.data.eq(self.write_data.replicate(self.ratio)),
            write.en.eq(self.write_enable << (self.write_slot if self.ratio > 1 else 0)),
            read.en.eq(self.read_enable),
            read.addr.eq(self.read_address),
            self.read_data.eq(read.data),
        ]
        return m

    def _guarded(self) -> Module:
        m = Module()
        m.submodules.guarded = inner = Corner(self.width + 1, self.ratio, self.depth)
        slots = [
            inner.read_data[slot * inner.width : (slot + 1) * inner.width]
            for slot in range(self.ratio)
        ]
        m.d.comb += [
            inner.write_enable.eq(self.write_enable),
            inner.write_address.eq(self.write_address),
            inner.write_slot.eq(self.write_slot),
            inner.write_data.eq(self.guard(self.write_data)),
            inner.read_enable.eq(self.read_enable),
            inner.read_address.eq(self.read_address),
            self.read_data.eq(Cat(slot[: self.width] for slot in slots)),
        ]
        self.check(m, sound(m, inner), *slots)
        return m
