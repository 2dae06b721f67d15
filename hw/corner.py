"""Memory that is written in narrow words and read in wide ones, to turn the corner of an order."""

from __future__ import annotations

from amaranth.hdl import ClockSignal, Instance, Module, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.memory import VERILOG

CORNER_NAME = "spikewright_corner"
CORNER_SOURCE = """\
// Memory written in words of WIDTH bits and read RATIO words at a time, slot 0 lowest.
// Words are as wide as they are read, and each slot has an enable: read ports for single slots
// would multiply the block RAMs. What a word reads as while it is written is left open (x), or
// logic would be built around block RAM that holds on to the old word.
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
  output reg [RATIO * WIDTH - 1:0] read_data
);
  reg [RATIO * WIDTH - 1:0] words [0:DEPTH - 1];
  genvar slot;
  generate
    for (slot = 0; slot < RATIO; slot = slot + 1) begin : slots
      wire written = write_enable && (RATIO == 1 || write_slot == slot);
      always @(posedge clk) begin
        if (written) words[write_address][slot * WIDTH +: WIDTH] <= write_data;
        if (read_enable) begin
          read_data[slot * WIDTH +: WIDTH] <= words[read_address][slot * WIDTH +: WIDTH];
          if (written && write_address == read_address)
            read_data[slot * WIDTH +: WIDTH] <= {WIDTH{1'bx}};
        end
      end
    end
  endgenerate
endmodule
"""


class Corner(wiring.Component):
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
        if platform == VERILOG:
            return Instance(
                CORNER_NAME,
                p_WIDTH=self.width,
                p_RATIO=self.ratio,
                p_SLOT_BITS=ceil_log2(self.ratio),
                p_DEPTH=self.depth,
                i_clk=ClockSignal(),
                i_write_enable=self.write_enable,
                i_write_address=self.write_address,
                i_write_slot=self.write_slot,
                i_write_data=self.write_data,
                i_read_enable=self.read_enable,
                i_read_address=self.read_address,
                o_read_data=self.read_data,
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
