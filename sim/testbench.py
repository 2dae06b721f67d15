"""The Verilog bench around an accelerator: source, sink, monitors, liveness.

The bench is generated for the ports of one top. Everything that changes from run to run (stimulus,
number of words, gap and stall patterns, output folder) comes in as plusargs and files, so one
compiled bench serves all runs. Each monitor appends one record per transfer to a binary file:
32 bits of cycle (0 is the cycle of the first input transfer), then the payload padded to a multiple
of 32 bits, everything least significant byte first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ir.errors import SpikewrightError

TOP = "accelerator"
BENCH = "bench"
PATTERN_BITS = 4096
COUNTERS = ("cycles", "samples", "latency", "interval", "input_stalls", "output_stalls")

_MODULE = r"^\s*module\s+{name}\b(.*?)^\s*endmodule"
_PORT = re.compile(
    r"\b(?:input|output)\s+(?:wire\s+|reg\s+|logic\s+)?(?:signed\s+)?"
    r"(?:\[\s*(\d+)\s*:\s*(\d+)\s*\]\s*)?(\\\S+|\w+)"
)


@dataclass(frozen=True)
class Stream:
    """A stream that is monitored.

    Parameters
    ----------
    name : str
        Name of the file of records, without its suffix.
    move, payload : str
        Verilog expressions inside the bench.
    width : int
        Payload width [bit].
    """

    name: str
    move: str
    payload: str
    width: int

    @property
    def words(self) -> int:
        """32-bit words per record."""
        return 1 + -(-self.width // 32)

    @property
    def file(self) -> str:
        """Name of the file of records."""
        return f"{self.name}.bin"


@dataclass(frozen=True)
class Bench:
    """A generated bench.

    Parameters
    ----------
    text : str
        SystemVerilog source.
    streams : mapping of str to Stream
        ``i``, ``o`` and one ``probe_<layer>`` per probed layer.
    counters : tuple of str
        Counters of the top that the bench makes readable.
    """

    text: str
    streams: Mapping[str, Stream]
    counters: tuple[str, ...]


def ports(verilog: str, top: str = TOP) -> dict[str, int]:
    """Return the width [bit] of every port of module ``top``, by name.

    Raises
    ------
    SpikewrightError
        If the source has no such module.

    Examples
    --------
    >>> ports("module t(a, b);\\n  input a;\\n  wire a;\\n  output [7:0] b;\\nendmodule", "t")
    {'a': 1, 'b': 8}
    """
    module = re.search(_MODULE.format(name=re.escape(top)), verilog, re.DOTALL | re.MULTILINE)
    if module is None:
        raise SpikewrightError(f"The Verilog has no module {top}.")
    text = re.sub(r"//.*|\(\*.*?\*\)", "", module.group(1))
    return {
        name: abs(int(high or 0) - int(low or 0)) + 1 for high, low, name in _PORT.findall(text)
    }


def generate(verilog: str, output_words: int, top: str = TOP) -> Bench:
    """Return the bench for module ``top`` of ``verilog``.

    Parameters
    ----------
    verilog : str
        Source that holds the module.
    output_words : int
        Output transfers per sample.
    top : str

    Raises
    ------
    SpikewrightError
        If the module or one of its stream ports is missing.
    """
    widths = ports(verilog, top)
    for name in ("clk", "rst", *(f"{s}__{p}" for s in "io" for p in ("payload", "valid", "ready"))):
        if name not in widths:
            raise SpikewrightError(f"Module {top} has no port {name}.")
    streams = {
        "i": Stream("i", "i__valid && i__ready", "i__payload", widths["i__payload"]),
        "o": Stream("o", "o__valid && o__ready", "o__payload", widths["o__payload"]),
    }
    for name in widths:
        if name.startswith("probe_") and name.endswith("_move"):
            probe = name.removesuffix("_move")
            payload = f"{probe}_payload"
            if payload not in widths:
                raise SpikewrightError(f"Module {top} has port {name} but no port {payload}.")
            streams[probe] = Stream(probe, name, payload, widths[payload])
    counters = tuple(name for name in COUNTERS if name in widths)
    return Bench(_text(top, widths, streams, counters, output_words), streams, counters)


def _wire(name: str, width: int, attribute: str = "") -> str:
    return f"  wire [{width - 1}:0] {name}{attribute};"


def _monitor(stream: Stream) -> str:
    bits = 32 * (stream.words - 1)
    pad = f"{bits - stream.width}'d0, " if bits > stream.width else ""
    return (
        f"  integer file_{stream.name};\n"
        f'  initial file_{stream.name} = $fopen({{folder, "/{stream.file}"}}, "wb");\n'
        f"  always @(posedge clk) if (!rst && {stream.move})\n"
        f'    $fwrite(file_{stream.name}, "%u", {{{pad}{stream.payload}, cycle}});\n'
        f"  final $fclose(file_{stream.name});\n"
    )


def _text(
    top: str,
    widths: Mapping[str, int],
    streams: Mapping[str, Stream],
    counters: tuple[str, ...],
    output_words: int,
) -> str:
    outside = ("clk", "rst", "i__valid", "i__payload", "o__ready")
    readable = " /*verilator public_flat_rd*/"
    wires = [
        _wire(name, width, readable if name in counters else "")
        for name, width in widths.items()
        if name not in outside
    ]
    pins = ",\n".join(f"    .{name}({name})" for name in widths)
    moves = " || ".join(f"({stream.move})" for stream in streams.values())
    values = {
        "wires": "\n".join(wires),
        "pins": pins,
        "top": top,
        "moves": moves,
        "words": str(output_words),
        "width": str(widths["i__payload"]),
        "bytes": str(-(-widths["i__payload"] // 8)),
        "bits": str(PATTERN_BITS),
        "address": str(PATTERN_BITS.bit_length() - 1),
        "monitors": "\n".join(_monitor(stream) for stream in streams.values()),
    }
    return re.sub(r"@(\w+)@", lambda found: values[found.group(1)], _TEMPLATE)


_TEMPLATE = """\
// Generated by sim.testbench: source, sink and monitors around module @top@.
`timescale 1ns/1ns
module bench(
  input wire clk /*verilator public_flat_rw*/,
  input wire rst /*verilator public_flat_rw*/
);
  string folder, stimulus;
  int unsigned left_at_start, limit;
  initial begin
    if (!$value$plusargs("folder=%s", folder)) folder = ".";
    if (!$value$plusargs("words=%d", left_at_start)) left_at_start = 0;
    if (!$value$plusargs("limit=%d", limit)) limit = 100000;
  end

@wires@
  reg [@width@-1:0] i__payload;
  reg i__valid;
  wire o__ready;

  @top@ top (
@pins@
  );

  // Cycle 0 is the cycle of the first input transfer.
  reg [31:0] cycle /*verilator public_flat_rd*/;
  reg started;
  always @(posedge clk)
    if (rst) begin
      cycle <= 0;
      started <= 0;
    end else if (started || (i__valid && i__ready)) begin
      cycle <= cycle + 1;
      started <= 1;
    end

  // Gap and stall patterns: 1 lets a word through.
  reg flow_i [0:@bits@-1];
  reg flow_o [0:@bits@-1];
  reg [@address@-1:0] tick;
  initial begin
    $readmemb({folder, "/flow_i.mem"}, flow_i);
    $readmemb({folder, "/flow_o.mem"}, flow_o);
  end
  always @(posedge clk) tick <= rst ? 0 : tick + 1;

  // Source: valid, once high, stays high until the transfer.
  integer source, code;
  int unsigned left;
  reg [8*@bytes@-1:0] word;
  initial source = $fopen({folder, "/stimulus.bin"}, "rb");
  always @(posedge clk)
    if (rst) begin
      left <= left_at_start;
      i__valid <= 0;
    end else if (!i__valid || i__ready) begin
      if (left != 0 && flow_i[tick]) begin
        code = $fread(word, source);
        i__payload <= word[@width@-1:0];
        i__valid <= 1;
        left <= left - 1;
      end else
        i__valid <= 0;
    end
  final $fclose(source);

  // Sink.
  assign o__ready = flow_o[tick];

  // Cycles in which the design waited for the bench.
  reg [31:0] gaps /*verilator public_flat_rd*/;
  reg [31:0] stalls /*verilator public_flat_rd*/;
  always @(posedge clk)
    if (rst) begin
      gaps <= 0;
      stalls <= 0;
    end else begin
      if (started && i__ready && !i__valid && left != 0) gaps <= gaps + 1;
      if (o__valid && !o__ready) stalls <= stalls + 1;
    end

  // Wakes Python when a sample is finished, or when nothing moved for too long.
  reg wake /*verilator public_flat_rd*/;
  reg hung /*verilator public_flat_rd*/;
  reg [31:0] finished /*verilator public_flat_rd*/;
  int unsigned word_of_sample, idle;
  wire moved = @moves@;
  always @(posedge clk)
    if (rst) begin
      wake <= 0;
      hung <= 0;
      finished <= 0;
      word_of_sample <= 0;
      idle <= 0;
    end else begin
      idle <= moved ? 0 : idle + 1;
      if (o__valid && o__ready) begin
        if (word_of_sample == @words@ - 1) begin
          word_of_sample <= 0;
          finished <= finished + 1;
          wake <= ~wake;
        end else
          word_of_sample <= word_of_sample + 1;
      end
      if (idle == limit) begin
        hung <= 1;
        wake <= ~wake;
      end
    end

@monitors@
endmodule
"""
