"""Board descriptions: YAML read through a strict door."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from ir.errors import SpikewrightError
from ir.strict import load_yaml

FABRICS = ("ecp5",)
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Resources:
    """What the part offers.

    Parameters
    ----------
    lut4, ff, block_ram, dsp : int
        Four-input LUTs, flip-flops, block RAMs (DP16KD), multipliers (MULT18X18D).
    """

    lut4: int
    ff: int
    block_ram: int
    dsp: int


@dataclass(frozen=True)
class Board:
    """A board.

    Parameters
    ----------
    name : str
    fabric : str
        Family of the part: ``ecp5``.
    part, package : str
    speed_grade : int
    clock_hz : int
        Oscillator [Hz].
    resources : Resources
    """

    name: str
    fabric: str
    part: str
    package: str
    speed_grade: int
    clock_hz: int
    resources: Resources


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
    _check_keys(what, entry, Board.__dataclass_fields__)
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
    _integer(what, "speed_grade", entry["speed_grade"], 6, 8)
    _integer(what, "clock_hz", entry["clock_hz"], 1, 1_000_000_000)
    return Board(**(entry | {"resources": Resources(**parts)}))


def _check_keys(what: str, entry: dict[str, Any], known: Iterable[str]) -> None:
    known = set(known)
    if unknown := sorted(entry.keys() - known):
        raise SpikewrightError(f"{what} has unknown keys: {', '.join(unknown)}.")
    if missing := sorted(known - entry.keys()):
        raise SpikewrightError(f"{what} lacks keys: {', '.join(missing)}.")


def _integer(what: str, key: str, value: Any, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise SpikewrightError(f"{what} has {key} {value!r}; allowed are {low}..{high}.")


def _text(what: str, key: str, value: Any, pattern: re.Pattern[str]) -> None:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise SpikewrightError(
            f"{what} has {key} {value!r}; allowed are letters, digits and dashes, up to 64."
        )
