"""Folds that fit together: words of one layer that the next one takes as they are.

Tables emit one step of ``pe`` channels a word. Where currents of several layers are added before
any neuron, words of equal width meet as they come; others would be whole samples in order-changing
buffers, as wide as the currents. Where ``pe`` and the next ``simd`` do not divide each other, words
pass an order-changing buffer more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import gcd, inf
from typing import Protocol, TypeVar

from ir.fold import Fold
from ir.layers import LIF, Add, Attention, Input, MaxPool, ShiftAdd, Synapse
from ir.network import Network

UNFIT = 80
"""What a buffer between words that do not divide each other takes, in lanes of a table."""


class Option(Protocol):
    """A fold and what it takes."""

    @property
    def fold(self) -> Fold: ...

    @property
    def size(self) -> tuple[int, int]: ...


Chosen = TypeVar("Chosen", bound=Option)


def agreed(options: Mapping[str, Sequence[Chosen]], network: Network) -> dict[str, Chosen]:
    """Return an option for every layer: small ones, whose words fit together where tables meet.

    Parameters
    ----------
    options : mapping of layer name to options
        At least one for each layer that folds.
    network : Network
    """
    found: dict[str, Chosen] = {}
    common = {
        name: _common({each: options[each] for each in group})
        for group in _meetings(network, options)
        for name in group
    }
    lanes: dict[str, int] = {}  # of words in steps; absent where words carry all steps
    for layer in network.layers:
        if layer.name in options:
            source = lanes.get(layer.inputs[0])
            allowed, pe = options[layer.name], common.get(layer.name)
            if pe is not None:
                allowed = [option for option in allowed if option.fold.pe == pe]
            found[layer.name] = min(allowed, key=lambda o: _weight(o, source))
        if isinstance(layer, Synapse) and found[layer.name].fold.kind == "table":
            lanes[layer.name] = found[layer.name].fold.pe
        elif isinstance(layer, (LIF, MaxPool, Add, ShiftAdd)):
            arriving = {lanes.get(name) for name in layer.inputs}
            if len(arriving) == 1 and (only := arriving.pop()) is not None:
                lanes[layer.name] = only
    return found


def _weight(option: Option, source: int | None) -> tuple[int, int]:
    """Return what an option takes, an unfit word from ``source`` lanes included."""
    size, second = option.size
    simd = option.fold.simd
    unfit = option.fold.kind == "table" and source and gcd(source, simd) not in (source, simd)
    return size + (UNFIT if unfit else 0), second


def _common(options: Mapping[str, Sequence[Option]]) -> int | None:
    """Return the ``pe`` with which a group of layers is smallest; None if there is none."""
    best: tuple[float, int | None] = (inf, None)
    for pe in {option.fold.pe for found in options.values() for option in found}:
        sizes = [
            min((option.size[0] for option in found if option.fold.pe == pe), default=inf)
            for found in options.values()
        ]
        best = min(best, (sum(sizes), pe), key=lambda each: (each[0], each[1] or 0))
    return best[1] if best[0] < inf else None


def _meetings(network: Network, options: Mapping[str, Sequence[Option]]) -> list[tuple[str, ...]]:
    """Return the groups of tables whose currents are added before any neuron."""
    behind: dict[str, frozenset[str]] = {}
    for layer in network.layers:
        if isinstance(layer, Synapse):
            behind[layer.name] = frozenset([layer.name])
        elif isinstance(layer, (LIF, Attention, Input)):
            behind[layer.name] = frozenset()
        else:
            joined = frozenset().union(*(behind[name] for name in layer.inputs))
            behind |= {name: joined for name, found in behind.items() if found & joined}
            behind[layer.name] = joined
    groups = {found for found in behind.values() if len(found) > 1}
    return [
        tuple(sorted(group))
        for group in groups
        if all(option.fold.kind == "table" for name in group for option in options[name])
    ]
