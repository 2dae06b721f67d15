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
from ir.tile import Reorder
from ir.usage import Usage

RESOURCES = tuple(field.name for field in fields(Usage))
_ARRIVAL = ("split", "merge", "fork", "buffer", "join", "align", "accumulate")


@dataclass(frozen=True, eq=False)
class Options:
    """Folds of one layer, or of a layer with weights together with the pooling behind it.

    Parameters
    ----------
    folds : tuple of (mapping of layer name to Fold)
    pace : int64 (folds,)
        Cycles per sample of the slowest of the layers' stations.
    price : float64 (folds, resources)
        What these stations take, in the order of :data:`RESOURCES`.
    """

    folds: tuple[Mapping[str, Fold], ...]
    pace: np.ndarray
    price: np.ndarray

    def below(self, limit: int) -> Options:
        """Return the folds that keep up with ``limit`` cycles per sample."""
        kept = self.pace <= limit
        folds = tuple(fold for fold, keep in zip(self.folds, kept, strict=True) if keep)
        return Options(folds, self.pace[kept], self.price[kept])


def menu(network: Network, hardware: Hardware) -> tuple[dict[str, Options], np.ndarray]:
    """Return the options of every layer that folds, by name, and what is needed besides.

    A pooling behind a table takes its words as they come, whatever its own fold; so it is chosen
    together with the layer before it, under that layer's name.

    Parameters
    ----------
    network : Network
    hardware : Hardware
        Of it only ``widths`` and ``fabric`` are used.

    Returns
    -------
    dict of layer name to Options
    float64 (resources,)
        The least that the rest takes: the top, forks and sums of two streams.
    """
    fixed = np.full(len(RESOURCES), np.inf)
    folds = {
        layer.name: _folds(layer, network, hardware)
        for layer in network.layers
        if dimensions(layer, network) is not None
    }
    fed = {layer.name: layer.inputs[0] for layer in network.layers if isinstance(layer, LIF)}
    single: dict[str, list[tuple[int, np.ndarray]]] = {name: [] for name in folds}
    for n in range(max(map(len, folds.values()))):
        taken = {name: found[n % len(found)] for name, found in folds.items()}
        costs = {name: (0, np.zeros(len(RESOURCES))) for name in folds}
        arrived, rest = set(), vector(cost.usage(TOP, cost.costs_of(hardware.fabric)))
        for station in bare(assemble(network, hardware, taken)).stations:
            owner = fed.get(station.layer, station.layer)
            if owner in folds and not _arriving(station):
                arrived.add(station.layer)
            if station.layer in arrived:
                speed, used = costs[owner]
                more = vector(_predict(station, hardware.fabric))
                costs[owner] = max(speed, pace(station)), used + more
            elif station.kind in ("fork", "join", "align"):
                rest = rest + vector(_predict(station, hardware.fabric))
        fixed = np.minimum(fixed, rest)
        for name, cost_of in costs.items():
            single[name].append(cost_of)
    pooled = {}
    for layer in network.layers:
        if isinstance(layer, MaxPool):
            source = fed.get(layer.inputs[0], layer.inputs[0])
            if isinstance(network[source], Synapse):
                pooled[source] = layer.name
    found = {}
    for name, options in folds.items():
        if name in pooled.values():
            continue
        pool = pooled.get(name)
        rows: list[tuple[Mapping[str, Fold], int, np.ndarray]] = []
        for n, fold in enumerate(options):
            speed, used = single[name][n]
            if pool is None:
                rows.append(({name: fold}, speed, used))
                continue
            for k in [n] if fold.kind == "table" else range(len(folds[pool])):
                behind, more = single[pool][k]
                both = {name: fold, pool: folds[pool][k % len(folds[pool])]}
                rows.append((both, max(speed, behind), used + more))
        found[name] = Options(
            tuple(row[0] for row in rows),
            np.array([row[1] for row in rows], np.int64),
            np.array([row[2] for row in rows]),
        )
    return found, fixed


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


def _arriving(station: Station) -> bool:
    """Return whether a station depends on what arrives; those behind another kind do not."""
    if isinstance(station, Reorder):
        return not station.tiled
    return station.kind in _ARRIVAL


@lru_cache(maxsize=1 << 16)
def _predict(station: Station, fabric: str) -> Usage:
    return cost.predict(station, fabric)


def _folds(layer: Layer, network: Network, hardware: Hardware) -> list[Fold]:
    """Return the folds of a layer, streams first: as many at least as a pooling behind it has."""
    found = list(choices(layer, network))
    if isinstance(layer, Synapse) and hardware.fabric in ARITY:
        for fold in tuple(found):
            found += _loaded(layer, fold, network)
    return found


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

