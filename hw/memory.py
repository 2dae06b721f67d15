"""Memory of an image with two faces: contents for the simulator, an image file for Verilog."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth.hdl import ClockSignal, Instance, Module, Mux, Signal, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.parity import Guarded
from ir.image import parity
from ir.mapping import ROM_BLOCK_BITS

VERILOG = "verilog"
"""Platform with which memories become instances of ``spikewright_rom``."""

ROM_NAME = "spikewright_rom"
ROM_SOURCE = """\
// Read-only memory whose content is loaded from IMAGE, a $readmemh text. From BLOCK_BITS bits on it
// asks for block RAM, as logic would cost more than the rest of its engine.
module spikewright_rom #(
  parameter WIDTH = 1,
  parameter DEPTH = 1,
  parameter IMAGE = ""
) (
  input clk,
  input enable,
  input [(DEPTH > 1 ? $clog2(DEPTH) : 1) - 1:0] address,
  output reg [WIDTH - 1:0] data
);
  generate
    if (WIDTH * DEPTH >= BLOCK_BITS) begin : block
      (* ram_style = "block" *)
      reg [WIDTH - 1:0] words [0:DEPTH - 1];
      if (IMAGE != "") begin : load
        initial $readmemh(IMAGE, words);
      end
      always @(posedge clk)
        if (enable) data <= words[address];
    end else begin : logic_
      reg [WIDTH - 1:0] words [0:DEPTH - 1];
      if (IMAGE != "") begin : load
        initial $readmemh(IMAGE, words);
      end
      always @(posedge clk)
        if (enable) data <= words[address];
    end
  endgenerate
endmodule
""".replace("BLOCK_BITS", str(ROM_BLOCK_BITS))

RELOADED_NAME = "spikewright_reloaded"
RELOADED_SOURCE = """\
// Memory with one port, whose first content is loaded from IMAGE, a $readmemh text. It reads
// nothing while it is written, which spares the logic that would show the old word.
module spikewright_reloaded #(
  parameter WIDTH = 1,
  parameter DEPTH = 1,
  parameter IMAGE = ""
) (
  input clk,
  input enable,
  input write_enable,
  input [(DEPTH > 1 ? $clog2(DEPTH) : 1) - 1:0] address,
  input [WIDTH - 1:0] write_data,
  output reg [WIDTH - 1:0] data
);
  generate
    if (WIDTH * DEPTH >= BLOCK_BITS) begin : block
      (* ram_style = "block" *)
      reg [WIDTH - 1:0] words [0:DEPTH - 1];
      if (IMAGE != "") begin : load
        initial $readmemh(IMAGE, words);
      end
      always @(posedge clk)
        if (write_enable) words[address] <= write_data;
        else if (enable) data <= words[address];
    end else begin : logic_
      reg [WIDTH - 1:0] words [0:DEPTH - 1];
      if (IMAGE != "") begin : load
        initial $readmemh(IMAGE, words);
      end
      always @(posedge clk)
        if (write_enable) words[address] <= write_data;
        else if (enable) data <= words[address];
    end
  endgenerate
endmodule
""".replace("BLOCK_BITS", str(ROM_BLOCK_BITS))


@dataclass(frozen=True)
class Port:
    """Wires by which a memory is written and read back.

    Parameters
    ----------
    select : Signal
        The memory belongs to this port, and whoever else reads it gets anything.
    read, write : Signal
        Of the word at ``address``; never both.
    address, data : Signal
        ``data`` is a word as it is stored, parity included.
    found : Signal
        The word that was read, from the next cycle on.
    """

    select: Signal
    read: Signal
    write: Signal
    address: Signal
    data: Signal
    found: Signal


def instance(name: str, component: wiring.Component, **parameters: int | str) -> Instance:
    """Return the Verilog module ``name``, clocked, in place of a component with the same ports.

    Parameters
    ----------
    name : str
    component : Component
    parameters : int or str
        By name, after ``p_``.
    """
    ports = {
        f"{member.flow.name[0].lower()}_{port}": getattr(component, port)
        for port, member in component.signature.members.items()
    }
    return Instance(name, i_clk=ClockSignal(), **parameters, **ports)


class Memory(Guarded):
    """Words of a memory image; read-only unless it is opened.

    Parameters
    ----------
    width, depth : int
        Word width [bit] and number of words.
    image : str
        File name below ``images/`` from which the emitted Verilog loads.
    words : sequence of int
        Contents for Amaranth's simulator; may be empty where only Verilog is wanted.

    Members
    -------
    enable : In(1)
        Load ``data``.
    address : In(ceil_log2(depth), at least 1)
    data : Out(width)

    Timing
    ------
    ``data`` shows the word at ``address`` from the cycle after ``enable``, until the next one.

    Raises
    ------
    ValueError
        If ``words`` are neither ``depth`` in number nor absent, or wider than ``width``.
    """

    port: Port | None = None

    def __init__(self, width: int, depth: int, image: str, words: Sequence[int] = ()) -> None:
        if len(words) not in (0, depth):
            raise ValueError(f"Memory {image} gets {len(words)} words; allowed are {depth}")
        if any(not 0 <= word < 1 << width for word in words):
            raise ValueError(f"Memory {image} gets a word beyond {width} bits")
        self.width, self.depth, self.image, self.words = width, depth, image, tuple(words)
        super().__init__(
            {
                "enable": In(1),
                "address": In(max(1, ceil_log2(depth))),
                "data": Out(unsigned(width)),
            }
        )

    def open(self, width: int) -> Port:
        """Let the memory be written; return the port. To be called before it is elaborated.

        Parameters
        ----------
        width : int
            Of a stored word [bit], parity included.
        """
        self.port = Port(
            Signal(name="select"),
            Signal(name="read"),
            Signal(name="write"),
            Signal(len(self.address), name="port_address"),
            Signal(width, name="port_data"),
            Signal(width, name="found"),
        )
        return self.port

    def elaborate(self, platform: object) -> Module | Instance:
        if self.fault is not None:
            return self._guarded()
        if self.port is not None:
            return self._opened(self.port, platform)
        if platform == VERILOG:
            image = f"images/{self.image}"
            return instance(ROM_NAME, self, p_WIDTH=self.width, p_DEPTH=self.depth, p_IMAGE=image)
        m = Module()
        m.submodules.rom = rom = self._held()
        read = rom.read_port()
        m.d.comb += [
            read.en.eq(self.enable),
            read.addr.eq(self.address),
            self.data.eq(read.data),
        ]
        return m

    def _held(self) -> memory.Memory:
        return memory.Memory(shape=unsigned(self.width), depth=self.depth, init=self.words)

    def _guarded(self) -> Module:
        m = Module()
        words = [parity(word, self.width) for word in self.words]
        m.submodules.guarded = inner = Memory(self.width + 1, self.depth, self.image, words)
        inner.port = self.port
        m.d.comb += [
            inner.enable.eq(self.enable),
            inner.address.eq(self.address),
            self.data.eq(inner.data),
        ]
        read = Signal()
        port = self.port
        enable = self.enable if port is None else Mux(port.select, port.read, self.enable)
        m.d.sync += read.eq(enable)
        self.check(m, read, inner.data)
        return m

    def _opened(self, port: Port, platform: object) -> Module:
        m = Module()
        address, enable, write = Signal.like(self.address), Signal(), Signal()
        m.d.comb += [
            address.eq(Mux(port.select, port.address, self.address)),
            enable.eq(Mux(port.select, port.read, self.enable)),
            write.eq(port.select & port.write),
            port.found.eq(self.data),
        ]
        if platform == VERILOG:
            m.submodules.words = Instance(
                RELOADED_NAME,
                p_WIDTH=self.width,
                p_DEPTH=self.depth,
                p_IMAGE=f"images/{self.image}",
                i_clk=ClockSignal(),
                i_enable=enable,
                i_write_enable=write,
                i_address=address,
                i_write_data=port.data,
                o_data=self.data,
            )
            return m
        m.submodules.words = words = self._held()
        into, out = words.write_port(), words.read_port()
        m.d.comb += [
            into.en.eq(write),
            into.addr.eq(address),
            into.data.eq(port.data),
            out.en.eq(enable & ~write),
            out.addr.eq(address),
            self.data.eq(out.data),
        ]
        return m
