"""Menu: what every fold of every layer takes, and how fast it is, for all words that may arrive.

What a layer is built of follows from its fold and from the words that the layers before it give
(:mod:`ir.engine`). Words are few: their lanes, order and steps. So the price of a whole plan is a
sum of entries of one table per layer, whatever folds are chosen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache, cached_property
from operator import attrgetter

import numpy as np

from ir import cost
from ir.arrival import Words, arrive, wanted
from ir.engine import engine
from ir.features import TOP
from ir.fold import LARGEST, Fold, Hardware
from ir.folding import choices, cycles, dimensions, divisors
from ir.layers import Attention, Input, Layer, Readout, Synapse
from ir.network import Network
from ir.pace import pace
from ir.plan import Buffer, Link, Plan, Station, Window
from ir.planner import consumers, departing, entering
from ir.sizing import smallest
from ir.tables import ARITY
from ir.usage import Usage

RESOURCES = tuple(field.name for field in fields(Usage))
NEVER = np.iinfo(np.int64).max
"""Pace of what does not go together."""
_amounts = attrgetter(*RESOURCES)
_Sum = tuple[int, np.ndarray]
"""Pace of the slowest of some stations, and what they take."""
_Arrival = tuple[list[_Sum], tuple[Link, ...], int]


@dataclass(frozen=True, eq=False)
class Options:
    """What one layer can be.

    Parameters
    ----------
    folds : tuple of Fold or None
        None alone where the layer does not fold; of the input, ``pe`` is the lanes of its words.
    joint : tuple of str
        Layers before whose words decide together.
    single : tuple of str
        Layers before whose words add each something of its own.
    words : tuple of Words
        What may leave.
    pace : int64 (words of each joint layer..., folds)
        Cycles per sample of the slowest station; :data:`NEVER` where words and fold do not go
        together.
    price : float64 (words of each joint layer..., folds, resources)
        In the order of :data:`RESOURCES`.
    leaving : int64 (words of each joint layer..., folds)
        Which of ``words`` leave.
    added : tuple of (int64 (words, folds), float64 (words, folds, resources))
        Pace and price of what each single layer's words need besides.
    """

    folds: tuple[Fold | None, ...]
    joint: tuple[str, ...]
    single: tuple[str, ...]
    words: tuple[Words, ...]
    pace: np.ndarray
    price: np.ndarray
    leaving: np.ndarray
    added: tuple[tuple[np.ndarray, np.ndarray], ...]

    @cached_property
    def places(self) -> dict[Fold | None, int]:
        """Place of every fold."""
        return {fold: k for k, fold in enumerate(self.folds)}

    @cached_property
    def alone(self) -> tuple[np.ndarray, np.ndarray]:
        """Pace and price of every fold, int64 (folds,) and float64 (folds, resources), at least."""
        return self.within(NEVER - 1)

    def fold(self, place: int) -> Fold:
        """Return a fold of a layer that folds."""
        found = self.folds[place]
        assert found is not None
        return found

    def within(self, limit: int) -> tuple[np.ndarray, np.ndarray]:
        """Return ``alone`` for words that keep up with ``limit``; infinite for none such."""
        speed, used = _least(self.pace, self.price, limit)
        for paces, prices in self.added:
            least, more = _least(paces, prices, limit)
            speed, used = np.maximum(speed, least), used + more
        return speed, used


def _least(paces: np.ndarray, prices: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the least over all words, where these keep up with ``limit``."""
    axes = tuple(range(paces.ndim - 1))
    kept = np.where((paces <= limit)[..., None], prices, np.inf)
    return paces.min(axes), kept.min(axes)


@dataclass(frozen=True)
class Tally:
    """What a choice of folds comes to.

    Parameters
    ----------
    cycles : int
        Cycles per sample of the slowest station when never stalled.
    paces : mapping of layer name to int
        Of its slowest station.
    parts : mapping of layer name to float64 (resources,)
    used : float64 (resources,)
        All parts and the top.
    """

    cycles: int
    paces: Mapping[str, int]
    parts: Mapping[str, np.ndarray]
    used: np.ndarray


class Menu:
    """Options of all layers of a network, with buffers and windows at their smallest.

    Parameters
    ----------
    network : Network
    hardware : Hardware
        Of it only ``widths`` and ``fabric`` are used.
    """

    def __init__(self, network: Network, hardware: Hardware) -> None:
        self.network, self.hardware = network, hardware
        self.top = vector(cost.usage(TOP, cost.costs_of(hardware.fabric)))
        self.layers: dict[str, Options] = {}
        for layer in network.layers:
            before = {name: self.layers[name].words for name in layer.inputs}
            self.layers[layer.name] = _options(layer, network, hardware, before)

    @cached_property
    def folding(self) -> dict[str, Options]:
        """Options of the layers that fold."""
        return {
            name: options
            for name, options in self.layers.items()
            if dimensions(self.network[name], self.network) is not None
        }

    @cached_property
    def limits(self) -> list[int]:
        """All cycles per sample that a choice can have, ascending."""
        paces = [each for o in self.layers.values() for each in (o.pace, *(a for a, _ in o.added))]
        least = max(int(options.alone[0].min()) for options in self.layers.values())
        found = np.unique(np.concatenate([each.ravel() for each in paces]))
        return [int(limit) for limit in found if least <= limit < NEVER]

    def tally(self, folds: Mapping[str, Fold]) -> Tally:
        """Return what a fold for every layer that folds comes to."""
        leaving: dict[str, int] = {}
        paces: dict[str, int] = {}
        parts: dict[str, np.ndarray] = {}
        first = consumers(self.network.input, self.network)[0][0]
        lanes = wanted(first, folds.get(first.name), self.network) or 1
        for name, options in self.layers.items():
            entering = not (options.joint or options.single)
            fold = Fold(lanes, 1) if entering else folds.get(name)
            k = options.places[fold]
            at = (*(leaving[each] for each in options.joint), k)
            speed, used = int(options.pace[at]), options.price[at]
            for each, (more_paces, more) in zip(options.single, options.added, strict=True):
                speed = max(speed, int(more_paces[leaving[each], k]))
                used = used + more[leaving[each], k]
            leaving[name] = int(options.leaving[at])
            paces[name], parts[name] = speed, used
        total = sum(parts.values(), self.top)
        return Tally(max(paces.values()), paces, parts, total)


def _options(
    layer: Layer, network: Network, hardware: Hardware, before: Mapping[str, tuple[Words, ...]]
) -> Options:
    """Return the options of a layer for the words that may leave those before it."""
    folds = _folds(layer, network, hardware)
    # Attention converts each of its inputs alone; what others are built of, all inputs decide.
    single = layer.inputs if isinstance(layer, Attention) else ()
    joint = () if single else layer.inputs

    @cache
    def arrival(words: tuple[Words, ...], fold: Fold | None) -> _Arrival:
        stations, links, apart = arrive(network, layer, fold, words)
        heads = [f"{layer.name}.i{k}." for k in range(len(words))] if single else [""]
        parts = [[s for s in stations if s.name.startswith(head)] for head in heads]
        return [_sum(part, hardware.fabric) for part in parts], links, apart

    @cache
    def built(links: tuple[Link, ...], apart: int, fold: Fold | None) -> tuple[_Sum, Words]:
        if isinstance(layer, Input):
            assert fold is not None
            fork, leaves = departing(layer, entering(layer, fold.pe, network), network)
            return _sum(fork, hardware.fabric), leaves[0]
        stations, words = engine(network, hardware, layer, fold, links, apart)
        fork, leaves = departing(layer, words, network)
        return _sum([*stations, *fork], hardware.fabric), leaves[0]

    shape = (*(len(before[name]) for name in joint), len(folds))
    paces, prices = np.full(shape, NEVER), np.zeros((*shape, len(RESOURCES)))
    leaving = np.zeros(shape, np.int64)
    kinds: dict[Words, int] = {}
    nothing: _Arrival = [], (), 0
    for at in np.ndindex(*shape):
        fold = folds[at[-1]]
        words = tuple(before[name][k] for name, k in zip(joint, at[:-1], strict=True))
        if _unwanted(layer, fold, words, network):
            continue
        words = words or tuple(before[name][0] for name in single)
        sums, links, apart = arrival(words, _arriving(layer, fold)) if words else nothing
        (speed, used), leaves = built(links, apart, fold)
        for slow, more in [] if single else sums:
            speed, used = max(speed, slow), used + more
        paces[at], prices[at] = speed, used
        leaving[at] = kinds.setdefault(leaves, len(kinds))
    added = []
    for n, name in enumerate(single):
        speeds = np.zeros((len(before[name]), len(folds)), np.int64)
        extra = np.zeros((*speeds.shape, len(RESOURCES)))
        for k, f in np.ndindex(*speeds.shape):
            words = tuple(before[each][k if i == n else 0] for i, each in enumerate(single))
            speeds[k, f], extra[k, f] = arrival(words, folds[f])[0][n]
        added.append((speeds, extra))
    return Options(tuple(folds), joint, single, tuple(kinds), paces, prices, leaving, tuple(added))


def _arriving(layer: Layer, fold: Fold | None) -> Fold | None:
    """Return the fold without what the arrival does not depend on, so that few are priced."""
    if fold is None or not isinstance(layer, (Synapse, Readout)):
        return fold
    return replace(fold, loaders=1) if fold.kind == "table" else replace(fold, pe=1)


def _unwanted(
    layer: Layer, fold: Fold | None, words: Sequence[Words], network: Network
) -> bool:
    """Return whether the input gives other words than this layer, its first taker, wants."""
    source = network.input
    if source.name not in layer.inputs or consumers(source, network)[0][0] is not layer:
        return False
    lanes = words[layer.inputs.index(source.name)].link.lanes
    return lanes != (wanted(layer, fold, network) or 1)


def _sum(stations: Sequence[Station], fabric: str) -> _Sum:
    """Return pace and price of stations."""
    slowest, total = 0, np.zeros(len(RESOURCES))
    for station in stations:
        least = _bare(station)
        slowest, total = max(slowest, pace(least)), total + vector(cost.predict(least, fabric))
    return slowest, total




def bare(plan: Plan) -> Plan:
    """Return the plan without buffers, and with windows that barely work."""
    return replace(plan, stations=tuple(map(_bare, plan.stations)))


def _bare(station: Station) -> Station:
    if isinstance(station, Buffer):
        return replace(station, depth=0)
    if isinstance(station, Window):
        return replace(station, capacity=smallest(station) + 1)
    return station


def price(plan: Plan, fabric: str) -> np.ndarray:
    """Return what a plan takes, float64 (resources,)."""
    found = vector(cost.usage(TOP, cost.costs_of(fabric)))
    for station in plan.stations:
        found = found + vector(cost.predict(station, fabric))
    return found


def vector(usage: Usage) -> np.ndarray:
    """Return resources in the order of :data:`RESOURCES`, float64 (resources,)."""
    return np.array(_amounts(usage), float)


def _folds(layer: Layer, network: Network, hardware: Hardware) -> list[Fold | None]:
    """Return the folds of a layer, streams before tables; None alone where it does not fold."""
    if isinstance(layer, Input):
        first = consumers(layer, network)[0][0]
        lanes = {wanted(first, fold, network) or 1 for fold in _folds(first, network, hardware)}
        return [Fold(each, 1) for each in sorted(lanes)]
    if dimensions(layer, network) is None:
        return [None]
    if not isinstance(layer, Synapse):
        return list(choices(layer, network))
    given = network.edges[layer.inputs[0]].steps
    steps = divisors(given) if given > 1 else [0]
    found: list[Fold | None] = [
        replace(fold, steps=each) for each in steps for fold in choices(layer, network)
    ]
    if hardware.fabric in ARITY:
        for fold in choices(layer, network):
            found += _loaded(layer, fold, network)
    return found


def _loaded(layer: Synapse, fold: Fold, network: Network) -> Iterator[Fold]:
    """Yield the fold as a table with ever more loaders, as long as they make it faster."""
    found = replace(fold, kind="table")
    most = min(LARGEST, fold.pe * -(-fold.simd // 4))
    yield found
    while 2 * found.loaders <= most:
        more = replace(found, loaders=2 * found.loaders)
        if cycles(layer, more, network) >= cycles(layer, found, network):
            return
        yield more
        found = more
