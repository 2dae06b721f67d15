"""What a planted fault is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Fault:
    """One wrong line.

    Parameters
    ----------
    name : str
    file : str
        Module of :mod:`hw`.
    old, new : str
        Source text that occurs exactly once, and what replaces it.
    check : str
        Function of :mod:`tests.hw.checks` or of a module of checks beside it.
    arguments, options
        What it is called with.
    """

    name: str
    file: str
    old: str
    new: str
    check: str
    arguments: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
