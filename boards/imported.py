"""Boards imported from amaranth-boards' definitions."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import yaml

from boards.board import Board, load, names
from boards.pins import Leds, Pins, Reset, Spi, Uart
from ir.errors import SpikewrightError

_PACKAGES = {
    "BG256": "CABGA256",
    "BG381": "CABGA381",
    "BG554": "CABGA554",
    "BG756": "CABGA756",
    "MG285": "CSFBGA285",
}
"""Lattice's letters in order codes, and the names that nextpnr has for these packages."""
_GOWIN = re.compile(r"(GW\w+-[LU]V\d+)([A-Z]+\d+[A-Z]*?)(C\d/I\d)")
_ICE40 = re.compile(r"iCE40(HX|LP|UP)\w+")
_STANDARDS = ("IO_TYPE", "IO_STANDARD", "IOSTANDARD")


def platform(name: str) -> type:
    """Return a platform class by module and name; the module is run.

    Parameters
    ----------
    name : str
        Such as ``amaranth_boards.ulx3s:ULX3S_85F_Platform``.

    Raises
    ------
    SpikewrightError
        If there is none.
    """
    module, _, kind = name.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), kind)):
        raise SpikewrightError(f"Platform is {name!r:.80}; allowed is MODULE:CLASS.")
    try:
        found = getattr(importlib.import_module(module), kind)
    except ImportError as error:
        raise SpikewrightError(f"Module {module} cannot be imported: {error}.") from error
    except AttributeError as error:
        raise SpikewrightError(f"Module {module} has no platform {kind}.") from error
    if not isinstance(found, type):
        raise SpikewrightError(f"Platform {name} is no class.")
    return found


def board(source: type, name: str) -> Board:
    """Return the board that a platform class of amaranth-boards describes.

    Clock, default reset, first serial port, first SPI bus that is no flash, and LEDs are taken
    over. Resources are those of a board of Spikewright's with the same part. Programmer and
    memories are left for the user to add.

    Parameters
    ----------
    source : type
    name : str

    Raises
    ------
    SpikewrightError
        If the class describes no clock, or a part that no board of Spikewright's has.
    """
    part, package, grade = _part(source)
    alike = {each.part: each for each in map(load, names())}
    if part not in alike:
        raise SpikewrightError(
            f"Platform {source.__name__} has part {part or 'none'}; allowed are "
            f"{', '.join(sorted(alike))}."
        )
    wires = _Wires(source)
    clock = wires.resource(getattr(source, "default_clk", ""))
    standard = [clock.attrs[key] for key in _STANDARDS if clock and key in clock.attrs]
    if not standard or clock.clock is None or "" not in wires.of(clock):
        raise SpikewrightError(
            f"Platform {source.__name__} has no clock; allowed is a default_clk on one pin, with "
            "frequency and I/O standard."
        )
    reset = wires.resource(getattr(source, "default_rst", None) or "")
    uart, spi = wires.of(wires.resource("uart")), wires.of(wires.resource("spi"))
    leds = list(wires.leds())
    pins = Pins(
        wires.of(clock)[""][0],
        standard[0],
        Reset(wires.of(reset)[""][0], _active(reset)) if reset else None,
        Uart(uart["rx"][0], uart["tx"][0]) if uart else None,
        Spi(*(spi[key][0] for key in ("clk", "copi", "cipo", "cs"))) if len(spi) >= 4 else None,
        Leds(tuple(pin for pin, _ in leds), leds[0][1]) if leds else None,
    )
    fabric, clock_hz = alike[part].fabric, round(clock.clock.frequency)
    return Board(name, fabric, part, package, grade, clock_hz, alike[part].resources, pins)


def text(found: Board) -> str:
    """Return a board as YAML that :func:`boards.load` reads.

    Examples
    --------
    >>> text(load("kv260")).splitlines()[:2]
    ['name: kv260', 'fabric: xcup']
    """

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(each) for key, each in value.items() if each not in (None, (), "")}
        return [plain(each) for each in value] if isinstance(value, tuple) else value

    return yaml.safe_dump(plain(asdict(found)), sort_keys=False, default_flow_style=None)


class _Wires:
    """Resources of a platform, and the pins that they lie on."""

    def __init__(self, source: Any) -> None:
        self.resources = {
            (each.name, each.number): each for each in getattr(source, "resources", ())
        }
        self.connectors = {
            f"{each.name}_{each.number}:{pin}": at
            for each in getattr(source, "connectors", ())
            for pin, at in each.mapping.items()
        }

    def resource(self, name: str, number: int = 0) -> Any:
        return self.resources.get((name, number))

    def of(self, resource: Any) -> dict[str, list[str]]:
        """Return single-ended pins by name of the subsignal; under no name those of the whole."""
        if resource is None:
            return {}
        parts = [
            (part.name if hasattr(part, "ios") else "", pins)
            for part in resource.ios
            for pins in getattr(part, "ios", [part])
        ]
        return {
            name: pins.map_names(self.connectors, resource)
            for name, pins in parts
            if hasattr(pins, "map_names")
        }

    def leds(self) -> Iterator[tuple[str, str]]:
        """Yield pin and active level of LEDs, of the colours of one where there are no others."""
        numbers = sorted(number for name, number in self.resources if name == "led")
        for number in numbers:
            led = self.resource("led", number)
            yield self.of(led)[""][0], _active(led)
        colours = self.of(self.resource("rgb_led")) if not numbers else {}
        for colour in ("r", "g", "b") if colours else ():
            yield colours[colour][0], _active(self.resource("rgb_led"))


def _active(resource: Any) -> str:
    first = resource.ios[0]
    return "low" if getattr(first, "ios", [first])[0].invert else "high"


def _part(source: Any) -> tuple[str, str, int | str]:
    """Return part, package and speed grade as Spikewright's boards name them."""
    if gowin := _GOWIN.fullmatch(getattr(source, "part", None) or ""):
        return gowin[1], gowin[2], gowin[3]
    device, package = (str(getattr(source, key, "")) for key in ("device", "package"))
    if ice40 := _ICE40.fullmatch(device):
        return device, package, ice40[1].lower()
    grade = re.match(r"-?(\d)", str(getattr(source, "speed", "")))
    # The letters of temperature range and supply voltage, as in xc7a35ti-1L, change no pin.
    part = device.upper().removesuffix("I")
    return part, _PACKAGES.get(package, package.upper()), int(grade[1]) if grade else 0
