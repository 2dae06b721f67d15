"""Menu: what every fold of every layer takes, and how fast it is.

Prices are those of stations that depend on a layer's own fold alone, read off whole plans in which
all layers take their next option at once. Width converters, sums of two streams and forks depend on
neighbours too: they are priced with whole plans only (:func:`price`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, fields, replace
from functools import lru_cache

import numpy as np

from ir import cost
from ir.features import TOP
from ir.fold import LARGEST, Fold, Hardware
from ir.folding import choices, cycles, dimensions
from ir.layers import LIF, Layer, MaxPool, Synapse
from ir.network import Network
from ir.pace import pace
from ir.plan import Buffer, Plan, Station
from ir.planner import assemble
from ir.sizing import smallest
from ir.tables import ARITY
from ir.usage import Usage

RESOURCES = tuple(field.name for field in fields(Usage))
_GLUE = ("split", "merge", "fork", "buffer", "join", "align")


@dataclass(frozen=True, eq=False)
class Options:
    """Folds of one layer.

    Parameters
    ----------
    folds : tuple of Fold
    pace : int64 (folds,)
        Cycles per sample of the slowest of the layer's stations.
    price : float64 (folds, resources)
        What these stations take, in the order of :data:`RESOURCES`.
    least : float64 (folds, resources)
        A lower bound of it: nothing for a pooling that may take the words of a table as they come.
    """

    folds: tuple[Fold, ...]
    pace: np.ndarray
    price: np.ndarray
    least: np.ndarray

    def below(self, limit: int) -> Options:
        """Return the folds that keep up with ``limit`` cycles per sample."""
        return self.keep(self.pace <= limit)

    def keep(self, chosen: np.ndarray) -> Options:
        """Return the folds at the places where ``chosen`` is true."""
        folds = tuple(fold for fold, kept in zip(self.folds, chosen, strict=True) if kept)
        return Options(folds, self.pace[chosen], self.price[chosen], self.least[chosen])


def menu(network: Network, hardware: Hardware) -> dict[str, Options]:
    """Return the options of every layer that folds, by name.

    Parameters
    ----------
    network : Network
    hardware : Hardware
        Of it only ``widths``, ``fabric`` and the folds that it names are used; these are kept.
    """
    folds = {
        layer.name: tuple(_folds(layer, network, hardware))
        for layer in network.layers
        if dimensions(layer, network) is not None
    }
    fed = {layer.name: layer.inputs[0] for layer in network.layers if isinstance(layer, LIF)}
    paces = {name: np.zeros(len(found), np.int64) for name, found in folds.items()}
    prices = {name: np.zeros((len(found), len(RESOURCES))) for name, found in folds.items()}
    for n in range(max(map(len, folds.values()))):
        taken = {name: found[n % len(found)] for name, found in folds.items()}
        for station in bare(assemble(network, hardware, taken)).stations:
            owner = fed.get(station.layer, station.layer)
            if owner not in folds or n >= len(folds[owner]) or station.kind in _GLUE:
                continue
            paces[owner][n] = max(paces[owner][n], pace(station))
            prices[owner][n] += vector(_predict(station, hardware.fabric))
    found = {}
    for name, options in folds.items():
        price, speed = prices[name], paces[name]
        least = price
        if isinstance(network[name], MaxPool) and _tabled(network[name], network, folds):
            least, speed = np.zeros_like(price), np.zeros_like(speed)
        found[name] = Options(options, speed, price, least)
    return found


def bare(plan: Plan) -> Plan:
    """Return the plan without buffers, and with windows that barely work."""
    return plan.resize(
        {s.name: 0 if isinstance(s, Buffer) else smallest(s) + 1 for s in plan.sized()}
    )


def price(plan: Plan, fabric: str) -> np.ndarray:
    """Return what a plan takes, float64 (resources,)."""
    found = vector(cost.usage(TOP, cost.costs_of(fabric)))
    for station in plan.stations:
        found = found + vector(_predict(station, fabric))
    return found


def vector(usage: Usage) -> np.ndarray:
    """Return resources in the order of :data:`RESOURCES`, float64 (resources,)."""
    return np.array(astuple(usage), float)


@lru_cache(maxsize=1 << 16)
def _predict(station: Station, fabric: str) -> Usage:
    return cost.predict(station, fabric)


def _folds(layer: Layer, network: Network, hardware: Hardware) -> Iterator[Fold]:
    if layer.name in hardware.folds:
        yield hardware.folds[layer.name]
        return
    for fold in choices(layer, network):
        yield fold
        if isinstance(layer, Synapse) and hardware.fabric in ARITY:
            yield from _loaded(layer, fold, network)


def _loaded(layer: Synapse, fold: Fold, network: Network) -> Iterator[Fold]:
    """Yield the fold as a table with ever more loaders, as long as they make it faster."""
    found = replace(fold, kind="table")
    most = min(LARGEST, fold.pe * -(-fold.simd // 4))
    while True:
        yield found
        more = replace(found, loaders=2 * found.loaders)
        if more.loaders > most or cycles(layer, more, network) >= cycles(layer, found, network):
            return
        found = more


def _tabled(layer: Layer, network: Network, folds: Mapping[str, tuple[Fold, ...]]) -> bool:
    """Return whether the words of a layer's input may come from a table."""
    while layer.inputs:
        layer = network[layer.inputs[0]]
        if isinstance(layer, Synapse):
            return any(fold.kind == "table" for fold in folds[layer.name])
    return False
