from __future__ import annotations

import pytest

import boards
from boards.constraints import assign, render
from ir.errors import SpikewrightError

PORTS = ("clk", "uart_tx")


@pytest.mark.parametrize(
    "name, texts",
    [
        ("ulx3s-85f", {".lpf": 'LOCATE COMP "clk" SITE "G2";\nIOBUF PORT "clk" IO_TYPE=LVCMOS33;\nLOCATE COMP "uart_tx" SITE "L4";\nIOBUF PORT "uart_tx" IO_TYPE=LVCMOS33;\nFREQUENCY PORT "clk" 25 MHZ;\n'}),
        ("icebreaker", {".pcf": "set_io clk 35\nset_io uart_tx 9\nset_frequency clk 12\n"}),
        ("tang-nano-9k", {".cst": 'IO_LOC "clk" 52;\nIO_PORT "clk" IO_TYPE=LVCMOS33;\nIO_LOC "uart_tx" 17;\nIO_PORT "uart_tx" IO_TYPE=LVCMOS33;\n', ".sdc": "create_clock -name clk -period 37.037 [get_ports {clk}]\n"}),
        ("arty-a7-35t", {".xdc": "set_property -dict {PACKAGE_PIN E3 IOSTANDARD LVCMOS33} [get_ports {clk}]\nset_property -dict {PACKAGE_PIN D10 IOSTANDARD LVCMOS33} [get_ports {uart_tx}]\ncreate_clock -name clk -period 10.000 [get_ports {clk}]\n"}),
    ],
)  # fmt: skip
def test_texts(name, texts):
    board = boards.load(name)
    assert render(board, assign(board, PORTS)) == texts


def test_another_clock():
    board = boards.load("icebreaker")
    assert render(board, {}, 20_500_000)[".pcf"] == "set_frequency clk 20.5\n"


def test_vectors():
    found = assign(boards.load("ulx3s-85f"), ["led"])
    assert list(found) == [f"led[{n}]" for n in range(8)]
    assert assign(boards.load("ulx3s-85f"), ["led[2]"]) == {"led[2]": "C1"}


def test_refusals():
    with pytest.raises(
        SpikewrightError,
        match=r"^Board icebreaker has no pin for port rst; allowed are clk, uart_rx, uart_tx, led\[0\], led\[1\]\.$",
    ):
        assign(boards.load("icebreaker"), ["rst"])
    for refused in (lambda b: assign(b, PORTS), lambda b: render(b, {})):
        with pytest.raises(SpikewrightError, match=r"^Board zcu104 names no pins"):
            refused(boards.load("zcu104"))
