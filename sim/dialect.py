"""How a generated bench talks to its simulator: through C++ (Verilator), or through text files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.testbench import Stream

MOST_WORDS = 1 << 16
"""Input words of one run on a simulator without C++."""

_HEAD_C = """\
module bench(
  input wire clk /*verilator public_flat_rw*/,
  input wire rst /*verilator public_flat_rw*/
);
  import "DPI-C" function void spikewright_word(output bit [@padded@-1:0] word);
  import "DPI-C" function void spikewright_sample(input int unsigned finished);
  import "DPI-C" function void spikewright_over();
  import "DPI-C" function void spikewright_value(input string name, input int unsigned value);
  import "DPI-C" function void spikewright_waiting(
    input int unsigned stream, input bit valid, input bit ready);

  string folder;
  initial if (!$value$plusargs("folder=%s", folder)) folder = ".";
"""

# Everything lies in the folder in which the simulator runs.
_HEAD_TEXT = """\
module bench;
  reg clk = 0;
  reg rst = 1;
  always #1 clk = !clk;
  initial begin
    repeat (8) @(negedge clk);
    rst = 0;
  end
  reg [@padded@-1:0] stimulus [0:@most@-1];
  integer values, progress;
  initial begin
    $readmemh("stimulus.mem", stimulus);
    values = $fopen("values.txt");
    progress = $fopen("progress.txt");
  end
"""


@dataclass(frozen=True)
class Dialect:
    """Verilog of what a bench does besides driving the design.

    Parameters
    ----------
    c : bool
        Whether C++ hands out words and takes transfers; through files otherwise.
    """

    c: bool

    @property
    def head(self) -> str:
        """The module's head."""
        if self.c:
            return _HEAD_C
        return _HEAD_TEXT.replace("@most@", str(MOST_WORDS))

    def pattern(self, name: str) -> str:
        """Expression of the path of a pattern."""
        return f'{{folder, "/{name}.mem"}}' if self.c else f'"{name}.mem"'

    @property
    def fetch(self) -> str:
        """Statement that lets ``word`` be the next input word."""
        return "spikewright_word(word);" if self.c else "word = stimulus[words - left];"

    @property
    def sample(self) -> str:
        """Statement that says how many samples are finished."""
        if self.c:
            return "spikewright_sample(finished + 1);"
        return '$fdisplay(progress, "%0d", finished + 1);'

    @property
    def over(self) -> str:
        """Statement that ends the run."""
        return "spikewright_over();" if self.c else "// Ends at the next edge, see below."

    def final(self, names: Sequence[str]) -> str:
        """Return the block that reports values, and those of counters, at the end."""
        rows = {"finished": "finished", "hung": "{31'd0, hung}"}
        rows |= {name: name for name in ("cycle", "gaps", "stalls", *names)}
        if self.c:
            lines = "".join(
                f'    spikewright_value("{name}", {value});\n' for name, value in rows.items()
            )
            return f"  final begin\n{lines}  end\n"
        lines = "".join(
            f'    $fdisplay(values, "{name} %0d", {value});\n' for name, value in rows.items()
        )
        # A handshake that is neither 0 nor 1 would go on for ever.
        return (
            f"  always @(posedge clk) if (!rst && over) begin\n{lines}    $finish;\n  end\n"
            f"  always @(posedge clk) if (!rst && moved === 1'bx) begin\n"
            f'    $fdisplay(values, "unknown %0d", cycle);\n    $finish;\n  end\n'
        )

    def monitor(self, index: int, stream: Stream) -> str:
        """Return what records every transfer of a stream, and whether a word waits at the end."""
        if self.c:
            bits = 32 * (stream.words - 1)
            return (
                f'  import "DPI-C" function void spikewright_move_{index}(\n'
                f"    input int unsigned cycle, input bit [{bits - 1}:0] payload);\n"
                f"  always @(posedge clk) if (!rst && {stream.move})\n"
                f"    spikewright_move_{index}(cycle, {stream.padded});\n"
                f"  final spikewright_waiting({index}, {stream.base}__valid, "
                f"{stream.base}__ready);\n"
            )
        record = f'$fdisplay(file_{index}, "%0d %h", cycle, {stream.padded});'
        waiting = f'"waiting %0d %0d", {stream.base}__valid, {stream.base}__ready'
        return (
            f"  integer file_{index};\n"
            f'  initial file_{index} = $fopen("{stream.name}.txt");\n'
            f"  always @(posedge clk) begin\n"
            f"    if (!rst && !over && {stream.move}) {record}\n"
            f"    if (!rst && over) $fdisplay(file_{index}, {waiting});\n"
            f"  end\n"
        )


C = Dialect(True)
TEXT = Dialect(False)
