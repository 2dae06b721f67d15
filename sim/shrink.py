"""Making a failing topology and case as small as can be, one step at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ir.errors import SpikewrightError
from sim.case import Case
from sim.topology import Topology, build

Fails = Callable[[Topology, Case], bool]

_CASE = Case()
# What each number may sink to; everything else sinks to 0.
_LEAST = {
    **dict.fromkeys(("steps", "channels", "height", "width", "high", "heads", "classes"), 1),
    **dict.fromkeys(("kernel", "stride", "leak_shift"), 1),
    "membrane_bits": 24,
    "frac_bits": 0,
}
_PLAIN = {"scheme": "u2", "charge": "half", "fire": ">=", "reset": "zero", "widths": "format"}
# Parts that may be left out.
_OPTIONAL = ("proj", "pool")


def shrink(
    topology: Topology, case: Case, fails: Fails, *, most: int = 400
) -> tuple[Topology, Case, int]:
    """Return the smallest topology and case found that still fail, and how many were tried.

    Every step takes one thing away or makes one number smaller, and is kept if ``fails`` says so;
    the end is reached when no step is left that keeps the failure.

    Parameters
    ----------
    topology, case
        They fail.
    fails : callable
        Whether a topology and a case fail; illegal topologies are not handed to it.
    most : int
        Tries after which the smallest one so far is returned.
    """
    tried, smaller = 0, True
    seen: set[str] = set()
    while smaller and tried < most:
        smaller = False
        for candidate, trial in _steps(topology, case):
            key = repr((candidate, trial))
            if key in seen or not _legal(candidate):
                continue
            seen.add(key)
            tried += 1
            if fails(candidate, trial):
                topology, case, smaller = candidate, trial, True
                break
            if tried >= most:
                break
    return topology, case, tried


def _legal(topology: Topology) -> bool:
    try:
        build(topology)
    except SpikewrightError:
        return False
    return True


def _steps(topology: Topology, case: Case) -> Iterator[tuple[Topology, Case]]:
    """Yield what is one step smaller, the largest steps first."""
    for values in _case_steps(case):
        yield topology, Case.of(case.to_dict() | values)
    for candidate in _taken(topology):
        yield candidate, case
    for candidate in _sunk(topology):
        yield candidate, case


def _case_steps(case: Case) -> Iterator[dict[str, Any]]:
    for values in ({"gaps": 0.0, "stalls": 0.0}, {"gaps": 0.0}, {"stalls": 0.0}):
        if any(getattr(case, name) != value for name, value in values.items()):
            yield values
    if case.images > _CASE.images:
        yield {"images": _CASE.images}
    for contents in ("own", "zeros", "ends"):
        if case.contents != contents and case.contents != "own":
            yield {"contents": contents}
    for density in (0.0, 1.0):
        if case.density not in (0.0, 1.0):
            yield {"density": density}
    for name in ("contents_seed", "images_seed", "stalls_seed"):
        if getattr(case, name):
            yield {name: 0}


def _taken(value: Any) -> Iterator[Any]:
    """Yield copies that lack one element of a list, or one optional part."""
    if isinstance(value, list):
        for index in range(len(value)):
            yield value[:index] + value[index + 1 :]
    for key, child in _children(value):
        if key in _OPTIONAL and child:
            yield _with(value, key, None)
        # What a branch holds may stand in the stream itself.
        for found in _taken(child):
            yield _with(value, key, found)
    if isinstance(value, list):
        for index, part in enumerate(value):
            if isinstance(part, dict) and part.get("kind") == "residual":
                yield value[:index] + part["parts"] + value[index + 1 :]


def _sunk(value: Any) -> Iterator[Any]:
    """Yield copies in which one number is smaller, or one word is the plain one."""
    for key, child in _children(value):
        if isinstance(child, (dict, list)):
            if key == "neuron" and child:
                yield _with(value, key, {})
            for found in _sunk(child):
                yield _with(value, key, found)
        elif isinstance(child, bool):
            if child:
                yield _with(value, key, False)
        elif isinstance(child, int):
            for less in _smaller(child, _LEAST.get(str(key), 0)):
                yield _with(value, key, less)
        elif isinstance(child, str) and child != _PLAIN.get(str(key), child):
            yield _with(value, key, _PLAIN[str(key)])


def _smaller(number: int, least: int) -> Iterator[int]:
    if number == least:
        return
    yield least
    half = (number + least) // 2
    if half not in (number, least):
        yield half
    near = number - 1 if number > least else number + 1
    if near not in (least, half):
        yield near


def _children(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def _with(value: Any, key: Any, child: Any) -> Any:
    """Return a copy of a mapping or list in which one child is another."""
    copy = value.copy()
    copy[key] = child
    return copy
