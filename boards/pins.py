"""Pins: where on its package a board has clock, reset, serial ports and LEDs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from boards import entry
from ir.errors import SpikewrightError

ACTIVE = ("high", "low")


@dataclass(frozen=True)
class Reset:
    """A reset button.

    Parameters
    ----------
    pin : str
    active : str
        Level of a pressed button, ``high`` or ``low``.
    """

    pin: str
    active: str


@dataclass(frozen=True)
class Uart:
    """A serial port, named as the FPGA sees it.

    Parameters
    ----------
    rx, tx : str
    """

    rx: str
    tx: str


@dataclass(frozen=True)
class Spi:
    """An SPI bus; ``cs`` is low while selected.

    Parameters
    ----------
    sck, copi, cipo, cs : str
    """

    sck: str
    copi: str
    cipo: str
    cs: str


@dataclass(frozen=True)
class Leds:
    """Light-emitting diodes.

    Parameters
    ----------
    pins : tuple of str
    active : str
        Level that lights them, ``high`` or ``low``.
    """

    pins: tuple[str, ...]
    active: str


@dataclass(frozen=True)
class Pins:
    """Pins of a board, under the names of its package.

    Parameters
    ----------
    clock : str
        Of the oscillator.
    io_standard : str
        Electrical standard of all these pins, as the tools of the fabric call it.
    reset : Reset, optional
    uart : Uart, optional
    spi : Spi, optional
    leds : Leds, optional
    """

    clock: str
    io_standard: str
    reset: Reset | None = None
    uart: Uart | None = None
    spi: Spi | None = None
    leds: Leds | None = None

    @property
    def ports(self) -> dict[str, str]:
        """Pin of every port that the board can have, by the port's name in the top module.

        Examples
        --------
        >>> Pins("G2", "LVCMOS33", uart=Uart("M1", "L4"), leds=Leds(("B2", "C2"), "high")).ports
        {'clk': 'G2', 'uart_rx': 'M1', 'uart_tx': 'L4', 'led[0]': 'B2', 'led[1]': 'C2'}
        """
        found = {"clk": self.clock}
        if self.reset:
            found["rst"] = self.reset.pin
        if self.uart:
            found |= {"uart_rx": self.uart.rx, "uart_tx": self.uart.tx}
        if self.spi:
            names = ("sck", "copi", "cipo", "cs")
            found |= {f"spi_{name}": getattr(self.spi, name) for name in names}
        for index, pin in enumerate(self.leds.pins if self.leds else ()):
            found[f"led[{index}]"] = pin
        return found


def read(what: str, value: Any) -> Pins:
    """Return the pins in the mapping ``pins`` of a board's YAML; ``what`` names the board.

    Raises
    ------
    SpikewrightError
        If keys or values are not allowed, or a pin has two uses.
    """
    what = f"{what}, pins,"
    taken = entry.mapping(what, value, ("clock", "io_standard"), ("reset", "uart", "spi", "leds"))
    kinds: dict[str, Any] = {"reset": Reset, "uart": Uart, "spi": Spi, "leds": Leds}
    parts: dict[str, Any] = {
        key: kind(**_fields(f"{what} {key},", taken[key], kind.__dataclass_fields__))
        for key, kind in kinds.items()
        if key in taken
    }
    standard = entry.text(what, "io_standard", taken["io_standard"])
    pins = Pins(_pin(what, "clock", taken["clock"]), standard, **parts)
    twice = [pin for pin, uses in Counter(pins.ports.values()).items() if uses > 1]
    if twice:
        ports = [port for port, pin in pins.ports.items() if pin == twice[0]]
        raise SpikewrightError(
            f"{what} has {twice[0]} for {' and '.join(ports)}; allowed is one use of a pin."
        )
    return pins


def _fields(what: str, value: Any, known: Iterable[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, given in entry.mapping(what, value, known).items():
        if key == "pins":
            found[key] = tuple(_pin(what, "pin", each) for each in entry.sequence(what, key, given))
        elif key != "active":
            found[key] = _pin(what, key, given)
        elif given in ACTIVE:
            found[key] = given
        else:
            raise SpikewrightError(f"{what} has active {given!r:.40}; allowed are high, low.")
    return found


def _pin(what: str, key: str, value: Any) -> str:
    """Return the name of a pin; YAML reads those of flat packages as integers."""
    number = isinstance(value, int) and not isinstance(value, bool)
    return entry.text(what, key, str(value) if number else value)
