from __future__ import annotations

from dataclasses import replace

import pytest

import boards
from boards.imported import board, platform, text
from ir.errors import SpikewrightError

SHIPPED = {
    "ulx3s-25f": "ulx3s:ULX3S_25F_Platform",
    "ulx3s-85f": "ulx3s:ULX3S_85F_Platform",
    "orangecrab-85f": "orangecrab_r0_2:OrangeCrabR0_2_85FPlatform",
    "icebreaker": "icebreaker:ICEBreakerPlatform",
    "ice40-hx8k-b-evn": "ice40_hx8k_b_evn:ICE40HX8KBEVNPlatform",
    "tang-nano-9k": "tang_nano_9k:TangNano9kPlatform",
    "arty-a7-35t": "arty_a7:ArtyA7_35Platform",
    "arty-a7-100t": "arty_a7:ArtyA7_100Platform",
}
# What the boards of amaranth-boards do not have, from other sources.
OURS = {"orangecrab-85f": {"uart": None}}


@pytest.mark.parametrize("name", SHIPPED)
def test_our_boards_are_those_of_amaranth_boards(name):
    shipped = boards.load(name)
    pins = replace(shipped.pins, **OURS.get(name, {}))
    expected = replace(shipped, pins=pins, programmer=(), memories=())
    assert board(platform(f"amaranth_boards.{SHIPPED[name]}"), name) == expected


@pytest.mark.parametrize("name", boards.names())
def test_what_is_written_is_read(name, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(text(boards.load(name)))
    assert boards.load(path) == boards.load(name)


def test_pins_of_connectors():
    from amaranth.build import Connector, Pins, Resource, Subsignal

    known = platform("amaranth_boards.icebreaker:ICEBreakerPlatform")
    uart = Resource(
        "uart",
        0,
        *(Subsignal(n, Pins(p, conn=("pmod", 0), dir="i")) for n, p in (("rx", "1"), ("tx", "2"))),
    )
    other = type(
        "Mine",
        (known,),
        {
            "resources": [each for each in known.resources if each.name != "uart"] + [uart],
            "connectors": [Connector("pmod", 0, "43 38")],
        },
    )
    assert board(other, "mine").pins.uart == boards.pins.Uart("43", "38")


@pytest.mark.parametrize(
    "name, sentence",
    [
        ("ulx3s", r"^Platform is 'ulx3s'; allowed is MODULE:CLASS\.$"),
        ("os:system", r"^Platform os:system is no class\.$"),
        ("amaranth_boards.ulx3s:ULX4S", r"^Module amaranth_boards\.ulx3s has no platform ULX4S\.$"),
        ("amaranth_boards.vax:VAX", r"^Module amaranth_boards\.vax cannot be imported: "),
        ("amaranth_boards.de10_nano:DE10NanoPlatform", r"^Platform DE10NanoPlatform has part 5CSEBA6; allowed are GW1NR-LV9, "),
        ("pathlib:Path", r"^Platform Path has part none; allowed are "),
    ],
)  # fmt: skip
def test_refusals(name, sentence):
    with pytest.raises(SpikewrightError, match=sentence):
        board(platform(name), "mine")


def test_a_platform_without_a_clock():
    known = platform("amaranth_boards.icebreaker:ICEBreakerPlatform")
    with pytest.raises(
        SpikewrightError, match=r"^Platform Mine has no clock; allowed is a default_clk"
    ):
        board(type("Mine", (known,), {"default_clk": "none"}), "mine")
