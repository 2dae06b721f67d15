"""Board descriptions: YAML read through a strict door."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from ir.errors import SpikewrightError
from ir.strict import listed, load_yaml
from ir.usage import Usage

SPEED_GRADES: dict[str, tuple[int | str, ...]] = {
    "ecp5": (6, 7, 8),
    "ice40": ("hx", "lp", "up"),
    "gowin": ("C5/I4", "C6/I5", "C7/I6", "C8/I7"),
    "xc7": (1, 2, 3),
}
"""Fabrics, and the speed grades of their parts as nextpnr or the vendor calls them."""

FABRICS = tuple(SPEED_GRADES)
LOGIC = ("lut", "ff", "carry")
FILL, MEMORY_FILL = 0.85, 0.95
"""Shares of logic, and of memories and DSPs, to plan for: room for what was not predicted."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_COMMAND = re.compile(r"[A-Za-z0-9 ._/{}-]{0,200}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Resources:
    """What the part offers, in the units in which ``sim.fabrics`` counts what a design takes.

    Parameters
    ----------
    lut, ff, carry, block_ram, lut_ram, dsp : int
        ECP5: LUT4, flip-flops, CCU2C, DP16KD, TRELLIS_DPR16X4, MULT18X18D. iCE40: SB_LUT4,
        flip-flops, SB_CARRY, SB_RAM40_4K, none, SB_MAC16. Gowin: LUT4, flip-flops, ALU, 18 kbit
        block RAMs, RAM16SDP4, multipliers of 9 x 9 bit. 7-series: LUT6, flip-flops, CARRY4,
        RAMB18E1 (half a block RAM), LUTs that can be memory, DSP48E1.
    """

    lut: int
    ff: int
    carry: int
    block_ram: int
    lut_ram: int
    dsp: int


@dataclass(frozen=True)
class Pins:
    """Where a design touches the board, by the names of nextpnr or the vendor.

    Parameters
    ----------
    clock, rx, tx : str
        Oscillator; the UART as the FPGA sees it: ``rx`` is its input.
    leds : tuple of str
    standard : str
        Of the voltage, such as ``LVCMOS33``.
    lit : str
        Level at which a LED shines, ``high`` or ``low``.
    reset : str or None
        A button.
    pressed : str
        Level of ``reset`` that resets, ``high`` or ``low``.
    """

    clock: str
    rx: str
    tx: str
    leds: tuple[str, ...]
    standard: str
    lit: str = "high"
    reset: str | None = None
    pressed: str = "low"

    @property
    def of_ports(self) -> dict[str, str]:
        """Pin of every port of a board's top, by the port's name."""
        found = {"clk": self.clock, "rx": self.rx, "tx": self.tx}
        found |= {f"led[{n}]": pin for n, pin in enumerate(self.leds)}
        return found | ({"reset": self.reset} if self.reset is not None else {})


@dataclass(frozen=True)
class Board:
    """A board.

    Parameters
    ----------
    name : str
    fabric : str
        Family of the part, one of :data:`FABRICS`.
    part, package : str
    speed_grade : int or str
        One of :data:`SPEED_GRADES`.
    clock_hz : int
        Oscillator [Hz].
    resources : Resources
    pins : Pins or None
        None where no open tool makes bitstreams, or the clock comes from a processor.
    programmer : str
        Command that loads the file ``{bitstream}``; empty if there is none.
    """

    name: str
    fabric: str
    part: str
    package: str
    speed_grade: int | str
    clock_hz: int
    resources: Resources
    pins: Pins | None = None
    programmer: str = ""

    def budget(self, fill: float = FILL) -> Usage:
        """Return what a design may be planned for.

        Parameters
        ----------
        fill : float
            Share of LUTs, flip-flops and carry cells; a full part cannot be routed.

        Raises
        ------
        SpikewrightError
            If ``fill`` is not above 0 and up to 1.

        Examples
        --------
        >>> load("ulx3s-25f").budget(0.5).lut
        12144
        """
        if not 0 < fill <= 1:
            raise SpikewrightError(f"Fill is {fill}; allowed is above 0, up to 1.")
        return Usage(
            **{
                name: int(count * (fill if name in LOGIC else MEMORY_FILL))
                for name, count in asdict(self.resources).items()
            }
        )


def names() -> list[str]:
    """Return the names of the boards that come with Spikewright."""
    return sorted(
        item.name.removesuffix(".yaml").replace("_", "-")
        for item in resources.files("boards").iterdir()
        if item.name.endswith(".yaml")
    )


def load(board: str | Path) -> Board:
    """Return a board by its name or by the path of its YAML file.

    Raises
    ------
    SpikewrightError
        If there is no such board, or the file has unknown, missing or illegal keys.

    Examples
    --------
    >>> load("ulx3s-85f").part
    'LFE5U-85F'
    """
    text = str(board)
    if _NAME.fullmatch(text) and text in names():
        file = resources.files("boards") / f"{text.replace('-', '_')}.yaml"
        with resources.as_file(file) as path:
            return _read(path)
    if isinstance(board, Path) or text.endswith((".yaml", ".yml")):
        return _read(Path(board))
    raise SpikewrightError(
        f"Board {text!r} is unknown; allowed are {', '.join(names())}, or the path of a YAML file."
    )


def _read(path: Path) -> Board:
    entry = load_yaml(path)
    what = f"Board {path}"
    _check_keys(what, entry, Board.__dataclass_fields__, ("pins", "programmer"))
    parts = entry["resources"]
    if not isinstance(parts, dict):
        raise SpikewrightError(f"{what} has resources {parts!r}; allowed is a mapping.")
    _check_keys(f"{what}, resources,", parts, Resources.__dataclass_fields__)
    for key in Resources.__dataclass_fields__:
        _integer(what, f"resources.{key}", parts[key], 0, 10_000_000)
    _text(what, "name", entry["name"], _NAME)
    for key in ("part", "package"):
        _text(what, key, entry[key], _WORD)
    if entry["fabric"] not in FABRICS:
        raise SpikewrightError(
            f"{what} has fabric {entry['fabric']!r}; allowed are {', '.join(FABRICS)}."
        )
    grade, grades = entry["speed_grade"], SPEED_GRADES[entry["fabric"]]
    if isinstance(grade, bool) or grade not in grades:
        raise SpikewrightError(
            f"{what} has speed_grade {grade!r}; allowed on {entry['fabric']} are "
            f"{', '.join(map(str, grades))}."
        )
    _integer(what, "clock_hz", entry["clock_hz"], 1, 1_000_000_000)
    _text(what, "programmer", entry.setdefault("programmer", ""), _COMMAND)
    pins = entry.get("pins")
    found = None if pins is None else _pins(f"{what}, pins,", pins)
    return Board(**(entry | {"resources": Resources(**parts), "pins": found}))


def _pins(what: str, entry: Any) -> Pins:
    if not isinstance(entry, dict):
        raise SpikewrightError(f"{what} is {entry!r:.40}; allowed is a mapping.")
    _check_keys(what, entry, Pins.__dataclass_fields__, ("lit", "reset", "pressed"))
    if not isinstance(entry["leds"], list) or len(entry["leds"]) > 64:
        raise SpikewrightError(
            f"{what} has leds {entry['leds']!r:.40}; allowed is a list up to 64."
        )
    for key in ("clock", "rx", "tx", "standard"):
        _text(what, key, entry[key], _WORD)
    for pin in (*entry["leds"], *([entry["reset"]] if entry.get("reset") is not None else [])):
        _text(what, "leds or reset", pin, _WORD)
    for key in ("lit", "pressed"):
        if entry.get(key, "low") not in ("low", "high"):
            raise SpikewrightError(f"{what} has {key} {entry[key]!r:.40}; allowed are low, high.")
    found = Pins(**(entry | {"leds": tuple(entry["leds"])}))
    if len(set(found.of_ports.values())) < len(found.of_ports):
        raise SpikewrightError(f"{what} has one pin twice; allowed is each pin once.")
    return found


def _check_keys(
    what: str, entry: dict[str, Any], known: Iterable[str], optional: Iterable[str] = ()
) -> None:
    known = set(known)
    if unknown := sorted(entry.keys() - known):
        raise SpikewrightError(f"{what} has unknown keys: {listed(unknown)}.")
    if missing := sorted(known - entry.keys() - set(optional)):
        raise SpikewrightError(f"{what} lacks keys: {', '.join(missing)}.")


def _integer(what: str, key: str, value: Any, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise SpikewrightError(f"{what} has {key} {value!r}; allowed are {low}..{high}.")


def _text(what: str, key: str, value: Any, pattern: re.Pattern[str]) -> None:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise SpikewrightError(
            f"{what} has {key} {value!r}; allowed are letters, digits and dashes, up to 64."
        )
