"""Memory with one port to write and one to read, for words that are not read while written."""

from __future__ import annotations

from amaranth.hdl import Instance, Module, unsigned
from amaranth.lib import memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.memory import VERILOG, instance
from hw.parity import Guarded, sound

RAM_NAME = "spikewright_ram"
RAM_SOURCE = """\
// Nobody reads a word while it is written. Saying so spares the logic that would give the old one.
module spikewright_ram #(
  parameter WIDTH = 1,
  parameter DEPTH = 1
) (
  input clk,
  input write_enable,
  input [(DEPTH > 1 ? $clog2(DEPTH) : 1) - 1:0] write_address,
  input [WIDTH - 1:0] write_data,
  input read_enable,
  input [(DEPTH > 1 ? $clog2(DEPTH) : 1) - 1:0] read_address,
  output reg [WIDTH - 1:0] read_data
);
  reg [WIDTH - 1:0] words [0:DEPTH - 1];
  always @(posedge clk) begin
    if (write_enable) words[write_address] <= write_data;
    if (read_enable)
      read_data <= write_enable && write_address == read_address
        ? {WIDTH{1'bx}} : words[read_address];
  end
endmodule
"""


class Ram(Guarded):
    """One write and one synchronous read per cycle.

    Parameters
    ----------
    width, depth : int
        Word width [bit] and number of words.

    Members
    -------
    write_enable, write_address, write_data : In
    read_enable, read_address : In
    read_data : Out(width)

    Timing
    ------
    ``read_data`` shows the word at ``read_address`` from the cycle after ``read_enable`` until the
    next one. A word that is written and read in the same cycle reads as anything.
    """

    def __init__(self, width: int, depth: int) -> None:
        self.width, self.depth = width, depth
        address = max(1, ceil_log2(depth))
        super().__init__(
            {
                "write_enable": In(1),
                "write_address": In(address),
                "write_data": In(width),
                "read_enable": In(1),
                "read_address": In(address),
                "read_data": Out(width),
            }
        )

    def elaborate(self, platform: object) -> Module | Instance:
        if self.fault is not None:
            return self._guarded()
        if platform == VERILOG:
            return instance(RAM_NAME, self, p_WIDTH=self.width, p_DEPTH=self.depth)
        m = Module()
        m.submodules.words = words = memory.Memory(
            shape=unsigned(self.width), depth=self.depth, init=[]
        )
        write, read = words.write_port(), words.read_port()
        m.d.comb += [
            write.en.eq(self.write_enable),
            write.addr.eq(self.write_address),
            write.data.eq(self.write_data),
            read.en.eq(self.read_enable),
            read.addr.eq(self.read_address),
            self.read_data.eq(read.data),
        ]
        return m

    def _guarded(self) -> Module:
        m = Module()
        m.submodules.guarded = inner = Ram(self.width + 1, self.depth)
        m.d.comb += [
            inner.write_enable.eq(self.write_enable),
            inner.write_address.eq(self.write_address),
            inner.write_data.eq(self.guard(self.write_data)),
            inner.read_enable.eq(self.read_enable),
            inner.read_address.eq(self.read_address),
            self.read_data.eq(inner.read_data),
        ]
        self.check(m, sound(m, inner), inner.read_data)
        return m
