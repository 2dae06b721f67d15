"""Checks of one mapping of a board's YAML: keys, texts, numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ir.errors import SpikewrightError
from ir.strict import listed

WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def mapping(what: str, value: Any, known: Iterable[str], optional: Iterable[str] = ()) -> dict:
    """Return a mapping that has all ``known`` keys, perhaps ``optional`` ones, and no other.

    Raises
    ------
    SpikewrightError
        If it is none; ``what`` names it.
    """
    if not isinstance(value, dict):
        raise SpikewrightError(f"{what} is {value!r:.80}; allowed is a mapping.")
    known, optional = set(known), set(optional)
    if unknown := sorted(value.keys() - known - optional):
        raise SpikewrightError(f"{what} has unknown keys: {listed(unknown)}.")
    if missing := sorted(known - value.keys()):
        raise SpikewrightError(f"{what} lacks keys: {', '.join(missing)}.")
    return value


def sequence(what: str, key: str, value: Any) -> list[Any]:
    """Return a list of 1 to 64 items.

    Raises
    ------
    SpikewrightError
        If it is none.
    """
    if not isinstance(value, list) or not 1 <= len(value) <= 64:
        raise SpikewrightError(f"{what} has {key} {value!r:.80}; allowed is a list of 1..64.")
    return value


def integer(what: str, key: str, value: Any, low: int, high: int) -> int:
    """Return an integer within its range.

    Raises
    ------
    SpikewrightError
        If it is none, or outside.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise SpikewrightError(f"{what} has {key} {value!r:.80}; allowed are {low}..{high}.")
    return value


def text(what: str, key: str, value: Any, pattern: re.Pattern[str] = WORD) -> str:
    """Return a text of letters, digits and dashes.

    Raises
    ------
    SpikewrightError
        If it is none.
    """
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise SpikewrightError(
            f"{what} has {key} {value!r:.80}; allowed are letters, digits and dashes, up to 64."
        )
    return value
