"""The Verilog bench around an accelerator: source, sink, monitors, liveness.

The bench is generated for the ports of one top and the probe wires inside it. Everything that
changes from run to run (stimulus, number of samples, gap and stall patterns, output folder) comes
in as plusargs and files, so one compiled bench serves all runs. Input words come from ``main.cpp``
and transfers go there, which keeps one file of records per stream: 32 bits of cycle (0 is the cycle
of the first input transfer), then the payload padded to a multiple of 32 bits, everything least
significant byte first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ir.errors import SpikewrightError
from sim.dialect import C, Dialect

TOP = "accelerator"
BENCH = "bench"
PATTERN_BITS = 4096
COUNTERS = ("cycles", "samples", "latency", "interval", "input_stalls", "output_stalls", "fault")

_MODULE = r"^\s*module\s+{name}\b(.*?)^\s*endmodule"
_RANGE = r"(?:\[\s*(\d+)\s*:\s*(\d+)\s*\]\s*)?"
_PORT = re.compile(
    r"\b(?:input|output)\s+(?:wire\s+|reg\s+|logic\s+)?(?:signed\s+)?" + _RANGE + r"(\\\S+|\w+)"
)
_PROBE = re.compile(r"\bwire\s+" + _RANGE + r"(probe_\w+?__(?:valid|ready|payload))\b")


@dataclass(frozen=True)
class Stream:
    """A stream that is monitored.

    Parameters
    ----------
    name : str
        Name of the file of records, without its suffix.
    base : str
        Verilog expression inside the bench whose ``__valid``, ``__ready`` and ``__payload`` it is.
    width : int
        Payload width [bit].
    """

    name: str
    base: str
    width: int

    @property
    def words(self) -> int:
        """32-bit words per record."""
        return 1 + -(-self.width // 32)

    @property
    def file(self) -> str:
        """Name of the file of records."""
        return f"{self.name}.bin"

    @property
    def padded(self) -> str:
        """Verilog expression of the payload, padded to a multiple of 32 bits."""
        bits = 32 * (self.words - 1) - self.width
        payload = f"{self.base}__payload"
        return f"{{{bits}'d0, {payload}}}" if bits else payload

    @property
    def move(self) -> str:
        """Verilog expression that says whether a word is transferred."""
        return f"{self.base}__valid && {self.base}__ready"


@dataclass(frozen=True)
class Bench:
    """A generated bench.

    Parameters
    ----------
    text : str
        SystemVerilog source.
    header : str
        The streams for ``main.cpp``.
    streams : mapping of str to Stream
        ``i``, ``o`` and one ``probe_<layer>`` per probed layer.
    """

    text: str
    header: str
    streams: Mapping[str, Stream]

    @property
    def sources(self) -> dict[str, str]:
        """Files to compile beside the design."""
        return {"bench.sv": self.text, "streams.h": self.header}


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
    return _widths(_PORT, _module(verilog, top))


def _module(verilog: str, top: str) -> str:
    module = re.search(_MODULE.format(name=re.escape(top)), verilog, re.DOTALL | re.MULTILINE)
    if module is None:
        raise SpikewrightError(f"The Verilog has no module {top}.")
    return re.sub(r"//.*|\(\*.*?\*\)", "", module.group(1))


def _widths(pattern: re.Pattern[str], text: str) -> dict[str, int]:
    found = pattern.findall(text)
    return {name: abs(int(high or 0) - int(low or 0)) + 1 for high, low, name in found}


def generate(
    verilog: str,
    output_words: int,
    top: str = TOP,
    *,
    probes: bool = True,
    dialect: Dialect = C,
) -> Bench:
    """Return the bench for module ``top`` of ``verilog``.

    Parameters
    ----------
    verilog : str
        Source that holds the module.
    output_words : int
        Output transfers per sample.
    top : str
    probes : bool
        Whether the streams on the module's probe wires are monitored, too.
    dialect : Dialect
        How the bench talks to its simulator.

    Raises
    ------
    SpikewrightError
        If the module, one of its stream ports or one wire of a probe is missing.
    """
    body = _module(verilog, top)
    widths = _widths(_PORT, body)
    for name in ("clk", "rst", *(f"{s}__{p}" for s in "io" for p in ("payload", "valid", "ready"))):
        if name not in widths:
            raise SpikewrightError(f"Module {top} has no port {name}.")
    streams = {name: Stream(name, name, widths[f"{name}__payload"]) for name in "io"}
    wires = _widths(_PROBE, body) if probes else {}
    for name in sorted({wire.rpartition("__")[0] for wire in wires}):
        for part in ("valid", "ready", "payload"):
            if f"{name}__{part}" not in wires:
                raise SpikewrightError(f"Module {top} has probe {name} but no wire {name}__{part}.")
        streams[name] = Stream(name, f"top.{name}", wires[f"{name}__payload"])
    counters = tuple(name for name in COUNTERS if name in widths)
    header = _header(streams)
    return Bench(_text(top, widths, streams, counters, output_words, dialect), header, streams)


def _idle(name: str) -> str:
    """Return what keeps an input at rest: nobody writes memories here."""
    return " = 0" if name.startswith("reload__") and name != "reload__found" else ""


def _header(streams: Mapping[str, Stream]) -> str:
    rows = "".join(
        f" \\\n    X({index}, {stream.name}, {stream.words - 1})"
        for index, stream in enumerate(streams.values())
    )
    words = streams["i"].words - 1
    return f"#define INPUT_WORDS {words}\n#define STREAMS(X){rows}\n"


def _text(
    top: str,
    widths: Mapping[str, int],
    streams: Mapping[str, Stream],
    counters: tuple[str, ...],
    output_words: int,
    dialect: Dialect,
) -> str:
    outside = ("clk", "rst", "i__valid", "i__payload", "o__ready")
    wires = [
        f"  wire [{width - 1}:0] {name}{_idle(name)};"
        for name, width in widths.items()
        if name not in outside
    ]
    monitors = [dialect.monitor(index, stream) for index, stream in enumerate(streams.values())]
    padded = str(32 * (streams["i"].words - 1))
    values = {
        "wires": "\n".join(wires),
        "pins": ",\n".join(f"    .{name}({name})" for name in widths),
        "top": top,
        "moves": " || ".join(f"({stream.move})" for stream in streams.values()),
        "words": str(output_words),
        "width": str(widths["i__payload"]),
        "padded": padded,
        "head": dialect.head.replace("@padded@", padded),
        "flow_i": dialect.pattern("flow_i"),
        "flow_o": dialect.pattern("flow_o"),
        "fetch": dialect.fetch,
        "sample": dialect.sample,
        "end": dialect.over,
        "final": dialect.final(counters),
        "bits": str(PATTERN_BITS),
        "address": str(PATTERN_BITS.bit_length() - 1),
        "monitors": "\n".join(monitors),
    }
    return re.sub(r"@(\w+)@", lambda found: values[found.group(1)], _TEMPLATE)


_TEMPLATE = """\
// Generated by sim.testbench: source, sink and monitors around module @top@.
`timescale 1ns/1ns
@head@
  int unsigned words, wanted, limit, most, tail;
  initial begin
    if (!$value$plusargs("words=%d", words)) words = 0;
    if (!$value$plusargs("samples=%d", wanted)) wanted = 0;
    if (!$value$plusargs("limit=%d", limit)) limit = 100000;
    if (!$value$plusargs("most=%d", most)) most = 0;
    if (!$value$plusargs("tail=%d", tail)) tail = 0;
  end

@wires@
  reg [@width@-1:0] i__payload;
  reg i__valid;
  wire o__ready;

  @top@ top (
@pins@
  );

  // Cycle 0 is the cycle of the first input transfer.
  reg [31:0] cycle;
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
    $readmemb(@flow_i@, flow_i);
    $readmemb(@flow_o@, flow_o);
  end
  always @(posedge clk) tick <= rst ? 0 : tick + 1;

  // Source: valid, once high, stays high until the transfer.
  int unsigned left;
  bit [@padded@-1:0] word;
  always @(posedge clk)
    if (rst) begin
      left <= words;
      i__valid <= 0;
    end else if (!i__valid || i__ready) begin
      if (left != 0 && flow_i[tick]) begin
        @fetch@
        i__payload <= word[@width@-1:0];
        i__valid <= 1;
        left <= left - 1;
      end else
        i__valid <= 0;
    end

  // Sink.
  assign o__ready = flow_o[tick];

  // Cycles in which the design waited for the bench.
  reg [31:0] gaps;
  reg [31:0] stalls;
  always @(posedge clk)
    if (rst) begin
      gaps <= 0;
      stalls <= 0;
    end else begin
      if (started && i__ready && !i__valid && left != 0) gaps <= gaps + 1;
      if (o__valid && !o__ready) stalls <= stalls + 1;
    end

  // Over: some cycles after the last sample, in which words that no output needs still move, or
  // when nothing moved for too long, or no sample was finished.
  reg [31:0] finished /*verilator public_flat_rd*/;
  reg over /*verilator public_flat_rd*/;
  reg hung;
  int unsigned word_of_sample, idle, linger;
  wire moved = @moves@;
  always @(posedge clk)
    if (rst) begin
      over <= 0;
      hung <= 0;
      finished <= 0;
      word_of_sample <= 0;
      idle <= 0;
      linger <= 0;
    end else begin
      idle <= moved ? 0 : idle + 1;
      if (o__valid && o__ready) begin
        if (word_of_sample == @words@ - 1) begin
          word_of_sample <= 0;
          finished <= finished + 1;
          @sample@
        end else
          word_of_sample <= word_of_sample + 1;
      end
      if (finished == wanted)
        linger <= linger + 1;
      if (finished == wanted ? linger == tail : idle == limit || cycle == most - 1) begin
        over <= 1;
        hung <= finished != wanted;
        @end@
      end
    end

@final@
@monitors@
endmodule
"""
