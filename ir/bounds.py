"""Which networks the memories of a build can hold: the same layers, in the ranges that were built.

A plan is a function of network and hardware, and everything that a network's numbers decide in it
is a range. So a network fits a build if it gives the same plan with ranges inside those of the
build: then no field, sum or membrane holds a value that the build has no room for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np

from ir.errors import SpikewrightError
from ir.folding import solve
from ir.layers import Layer
from ir.network import Network
from ir.plan import Link, Station
from ir.planner import assemble
from ir.store import Export
from ir.types import IntType

_NOUNS = {
    "outputs": "values",
    "inputs": "inputs",
    "threshold": "thresholds",
    "bias": "biases",
    "current": "currents",
    "h": "membranes before saturation",
    "v": "membranes",
    "shift": "shifts",
}
"""What the ranges of a station are of."""

_SIZES = ("depth", "capacity", "fill")
"""Fields that the build may have otherwise: sizes of buffers, and padding that never wins."""


def check(network: Network, built: Export) -> None:
    """Refuse a network whose images the memories of a build cannot hold.

    Parameters
    ----------
    network : Network
    built : Export
        Network and hardware that the build was made of.

    Raises
    ------
    SpikewrightError
        If a layer differs in anything but its numbers, or a value may lie outside the range that
        was built: sums, membranes, thresholds, biases or shifts.
    """
    _same("Network", "time steps", network.steps, built.network.steps)
    names = [[layer.name for layer in each.layers] for each in (network, built.network)]
    _same("Network", "layers", *(", ".join(each) for each in names))
    for layer, known in zip(network.layers, built.network.layers, strict=True):
        _compare(layer, known)
    folds = solve(built.network, built.hardware)
    plans = [assemble(each, built.hardware, folds) for each in (network, built.network)]
    for station, known_station in zip(plans[0].stations, plans[1].stations, strict=True):
        _within(station, known_station)


def _same(owner: str, noun: str, given: Any, allowed: Any) -> None:
    if given != allowed:
        raise SpikewrightError(f"{owner} has {noun} {given!s:.80}; the build has {allowed!s:.80}.")


def _compare(layer: Layer, known: Layer) -> None:
    """Refuse a layer that differs in anything but the values of its arrays."""
    _same(f"Layer {layer.name}", "kind", layer.kind, known.kind)
    for field in fields(layer):
        given, allowed = getattr(layer, field.name), getattr(known, field.name)
        if isinstance(given, np.ndarray):
            noun = f"{field.name} of shape"
            _same(f"Layer {layer.name}", noun, given.shape, allowed.shape)
        else:
            _same(f"Layer {layer.name}", field.name, given, allowed)


def _within(station: Station, known: Station) -> None:
    """Refuse a station with a range that is not inside that of the build."""
    assert type(station) is type(known), (station.name, known.name)
    for field in fields(station):
        pairs = zip(
            _ranges(getattr(station, field.name)), _ranges(getattr(known, field.name)), strict=True
        )
        for given, allowed in pairs:
            if not (allowed.low <= given.low and given.high <= allowed.high):
                noun = _NOUNS.get(field.name, field.name)
                raise SpikewrightError(
                    f"Layer {station.layer} has {noun} in {given.low}..{given.high}; "
                    f"the build allows {allowed.low}..{allowed.high}."
                )
    rest = [_rest(each) for each in (station, known)]
    assert rest[0] == rest[1], (station.name, rest)


def _ranges(value: Any) -> Iterator[IntType]:
    """Yield the ranges in a field of a station: its own, or those of its links."""
    if isinstance(value, IntType):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            if isinstance(each, Link):
                yield each.type


def _rest(station: Station) -> dict[str, Any]:
    """Return the fields of a station that hold no range."""
    return {
        field.name: value
        for field in fields(station)
        if field.name not in _SIZES
        and not isinstance(value := getattr(station, field.name), IntType)
        and field.name not in ("inputs", "outputs")
    }
