"""Every board's pins are those of its part, as nextpnr knows them; a wrong one is named."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

import boards
from hw import board as top
from ir.errors import SpikewrightError
from sim.bitstream import bitstream, check, constraints

# Stands for the accelerator where only pins matter.
ECHO = """\
module spikewright_uart(input clk, input rst, input rx, output reg tx);
  always @(posedge clk) tx <= rst | rx;
endmodule
"""
BOARDS = [boards.load(name) for name in boards.names()]
OPEN = [b.name for b in BOARDS if b.pins and b.pins.uart and b.fabric not in ("xc7", "xcup")]


@pytest.fixture
def echo(tmp_path):
    (tmp_path / "verilog").mkdir()
    (tmp_path / "verilog/uart.v").write_text(ECHO)
    return tmp_path


@pytest.mark.parametrize("name", OPEN)
def test_a_board_has_the_pins_of_its_part(name, echo):
    found = bitstream(echo / "verilog", boards.load(name), echo / "out", echo / "build")
    assert found.met
    assert found.path.stat().st_size > 1000
    names = {path.name.rpartition(".")[0] for path in (echo / "out").iterdir()}
    assert names == {"top", name, "nextpnr"}


def test_most_boards_have_an_open_flow():
    assert len(OPEN) >= 7, OPEN


@pytest.mark.parametrize("name, pin", [("ulx3s-25f", "ZZ9"), ("icebreaker", "99"), ("tang-nano-9k", "99")])
def test_a_wrong_pin_is_named(name, pin, echo):
    board = boards.load(name)
    wrong = replace(board, pins=replace(board.pins, uart=replace(board.pins.uart, tx=pin)))
    with pytest.raises(SpikewrightError, match=rf"^Board {name} has pin {pin} for uart_tx; .* allows "):
        bitstream(echo / "verilog", wrong, echo / "out", echo / "build")
    assert not (echo / "out").exists()


def test_boards_without_pins_or_tools():
    with pytest.raises(SpikewrightError, match=r"^Board kv260 names no pins, for the processor "):
        check(boards.load("kv260"))
    with pytest.raises(SpikewrightError, match=r"^Board arty-a7-35t has part XC7A35T; bitstreams are "):
        check(boards.load("arty-a7-35t"))


def test_constraints_of_vivado():
    text = constraints(boards.load("arty-a7-35t"))[".xdc"]
    assert "set_property -dict {PACKAGE_PIN E3 IOSTANDARD LVCMOS33} [get_ports {clk}]" in text
    assert "create_clock -name clk -period 10.000 [get_ports {clk}]" in text


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus is not installed")
@pytest.mark.parametrize("leds, lit, pressed", [(0, "high", None), (1, "low", "low"), (8, "high", "high")])
def test_the_top_is_verilog(leds, lit, pressed, tmp_path):
    import subprocess

    file = tmp_path / "top.v"
    file.write_text(ECHO + top.text(leds, lit=lit, pressed=pressed))
    subprocess.run(["iverilog", "-Wall", "-o", tmp_path / "x", file], check=True, capture_output=True)
