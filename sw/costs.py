"""Costs of a search: tables of layers and formats, made once before it starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch

from ir import cost as ir_cost
from ir import energy, folding, planner
from ir.energy import FLOAT
from ir.errors import SpikewrightError
from ir.fold import Fold, Hardware
from ir.layers import LIF, Layer
from ir.network import Network
from ir.usage import Usage
from ir.widen import widen
from sw import export
from sw.build import build
from sw.config import Config, override
from sw.data import Dataset
from sw.space import HARDWARE_COSTS, Search

ALWAYS = ("energy45", "storage")
"""Costs that are reported whether or not they are searched for."""
UNITS = {
    "energy45": "pJ",
    "storage": "bit",
    "cycles": "cycle",
    "luts": "LUT",
    "block_ram": "block RAM",
}
_CALIBRATION = 64
LANES = 1 << 20
"""More than any layer is built of."""


@dataclass(frozen=True)
class Cost:
    """What every layer costs in every format.

    Parameters
    ----------
    name : str
    options : mapping of layer name to tuple of str
        Formats that the search may give each layer.
    values : mapping of layer name to mapping of format to float
        In :data:`UNITS`; also of formats that are no options, for comparison.
    slowest : bool
        Whether the network costs as much as its dearest layer, instead of all layers together.
    folds : mapping of layer name to mapping of format to Fold
        How a layer is built for this cost; empty if as the run file says.
    """

    name: str
    options: Mapping[str, tuple[str, ...]]
    values: Mapping[str, Mapping[str, float]]
    slowest: bool = False
    folds: Mapping[str, Mapping[str, Fold]] = field(default_factory=dict)

    @property
    def rows(self) -> dict[str, np.ndarray]:
        """Costs of the options of each layer, float64 (options,)."""
        return {
            layer: np.array([self.values[layer][name] for name in options])
            for layer, options in self.options.items()
        }

    @property
    def dearest(self) -> float:
        """Cost of the network with the dearest option everywhere: the unit of a search."""
        return self._joined([float(row.max()) for row in self.rows.values()])

    def of(self, choice: Mapping[str, str]) -> float | None:
        """Return what the network costs with the chosen formats; None if one has no cost."""
        found = [self.values[layer].get(choice[layer]) for layer in self.options]
        each = [value for value in found if value is not None]
        return self._joined(each) if len(each) == len(found) else None

    def expected(self, probabilities: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the expected cost over :attr:`dearest`, a scalar with gradient.

        Of the slowest layer it is the largest expectation, a bound from below.

        Parameters
        ----------
        probabilities : mapping of layer name to float (options,)
        """
        each = torch.stack([probabilities[name] @ unit for name, unit in self._unit_rows.items()])
        return each.max() if self.slowest else each.sum()

    @cached_property
    def _unit_rows(self) -> dict[str, torch.Tensor]:
        """Rows over :attr:`dearest`, float32."""
        unit = self.dearest or 1.0
        return {name: torch.from_numpy(row / unit).float() for name, row in self.rows.items()}

    def _joined(self, layers: list[float]) -> float:
        return max(layers) if self.slowest else sum(layers)


def costs(config: Config, dataset: Dataset) -> dict[str, Cost]:
    """Return the costs that the run file names, and :data:`ALWAYS`, by name.

    ``luts`` and ``block_ram`` are predicted (:mod:`ir.cost`) for the stations of each layer and of
    its neurons, without the buffers between layers, at the folds that the run file's own formats
    get. At the same folds all formats take the same cycles; ``cycles`` are therefore those of the
    fastest fold that takes no more LUTs than the run file's own format of the layer does, or of the
    smallest fold where none is small enough; :attr:`Cost.folds` are these. All are of an untrained
    network whose batch norms have seen some training images.

    Raises
    ------
    SpikewrightError
        If the run file has no section ``search``, or a cost is the same for all formats.
    """
    space = config.search
    if space is None:
        raise SpikewrightError("Run file lacks section search.")
    named = dict.fromkeys((*ALWAYS, *space.costs))
    tables = _analytic(config, space, dataset.classes)
    folds: Mapping[str, Mapping[str, Fold]] = {}
    if any(name in HARDWARE_COSTS for name in named):
        built, folds = _hardware(config, space, dataset)
        tables |= built
    options = {layer: space.options(layer) for layer in config.model.synapses}
    found = {}
    for name in named:
        table = tables[name]
        values = {layer: {form: table[form][layer] for form in table} for layer in options}
        slow = name == "cycles"
        found[name] = Cost(name, options, values, slow, folds if slow else {})
        if name in space.costs and all(np.ptp(row) == 0 for row in found[name].rows.values()):
            raise SpikewrightError(
                f"Run file key search.costs names {name}, which is the same for all candidates of "
                f"every layer; a search cannot lower it."
            )
    return found


def bits_per_weight(storage: Cost, choice: Mapping[str, str]) -> float:
    """Return the average width of a weight [bit] with the chosen formats."""
    return sum(storage.values[layer][choice[layer]] for layer in choice) / sum(
        storage.values[layer][FLOAT] / energy.bits(FLOAT) for layer in choice
    )


Tables = dict[str, dict[str, dict[str, float]]]
"""Values by cost, scheme and layer."""


def _analytic(config: Config, space: Search, classes: int) -> Tables:
    works = energy.works(export.untrained(_uniform(config, config.quantization.default), classes))
    schemes = tuple(dict.fromkeys((*space.schemes, FLOAT)))
    tables = {
        "energy45": energy.energy(works, schemes, space.energy.energy),
        "storage": energy.storage(works, schemes),
    }
    return {
        name: {
            scheme: {work.layer: float(table[row, column]) for row, work in enumerate(works)}
            for column, scheme in enumerate(schemes)
        }
        for name, table in tables.items()
    }


def _hardware(
    config: Config, space: Search, dataset: Dataset
) -> tuple[Tables, dict[str, dict[str, Fold]]]:
    """Return the hardware costs, from plans of the network in each format alone, and the folds of
    ``cycles`` by layer and format.
    """
    own = _network(config, dataset)
    hardware = config.hardware.request
    hardware = replace(hardware, folds=folding.solve(own, hardware))
    networks = {name: _network(_uniform(config, name), dataset) for name in space.schemes}
    used = {name: _used(networks[name], hardware, space.fabric) for name in space.schemes}
    layers = config.model.synapses
    tables: Tables = {
        "luts": {name: {layer: float(used[name][layer].lut) for layer in layers} for name in used},
        "block_ram": {
            name: {layer: float(used[name][layer].block_ram) for layer in layers} for name in used
        },
    }
    if "cycles" in space.costs:
        budget = {layer: use.lut for layer, use in _used(own, hardware, space.fabric).items()}
        fastest = {
            name: _fastest(network, hardware, space.fabric, budget)
            for name, network in networks.items()
        }
        tables["cycles"] = {
            name: {layer: float(cycles) for layer, (cycles, _) in found.items()}
            for name, found in fastest.items()
        }
        folds = {
            layer: {name: found[layer][1] for name, found in fastest.items()} for layer in layers
        }
        return tables, folds
    return tables, {}


def _used(network: Network, hardware: Hardware, fabric: str) -> dict[str, Usage]:
    """Return the resources of every layer with weights and of its neurons."""
    used: dict[str, Usage] = {}
    owners = _owners(network)
    for station in planner.build(network, hardware).stations:
        owner = owners.get(station.layer)
        if owner is not None and station.kind != "buffer":
            used[owner] = used.get(owner, Usage()) + ir_cost.predict(station, fabric)
    return used


def _fastest(
    network: Network, hardware: Hardware, fabric: str, budget: Mapping[str, int]
) -> dict[str, tuple[int, Fold]]:
    """Return cycles and fold of every layer at its fastest fold within its budget of LUTs."""
    found = {}
    for name, most in budget.items():
        tried: list[tuple[int, int, Fold]] = []
        for fold in _folds(network[name], hardware.folds[name], network):
            # All other layers as they were budgeted: they decide which words arrive here.
            asked = replace(hardware, lanes=LANES, folds={**hardware.folds, name: fold})
            luts = _used(network, asked, fabric)[name].lut
            tried.append((folding.cycles(network[name], fold, network), luts, fold))
        smallest = min(tried, key=lambda option: option[1])
        fitting = (option for option in tried if option[1] <= most)
        cycles, _, fold = min(fitting, key=lambda option: option[:2], default=smallest)
        found[name] = cycles, fold
    return found


def _folds(layer: Layer, chosen: Fold, network: Network) -> Iterator[Fold]:
    """Yield the folds of the kind that was chosen for a layer."""
    for fold in folding.choices(layer, network):
        tables = fold.pe * -(-fold.simd // 4)  # of four spikes each
        yield replace(fold, kind=chosen.kind, loaders=min(chosen.loaders, tables))


def _owners(network: Network) -> dict[str, str]:
    """Return for every layer with weights, and the neurons behind it, the layer with weights."""
    owners = {name: name for name in network.quantization}
    for layer in network.layers:
        if isinstance(layer, LIF) and layer.inputs[0] in network.quantization:
            owners[layer.name] = layer.inputs[0]
    return owners


def _uniform(config: Config, scheme: str) -> Config:
    return override(config, {"quantization.default": scheme, "quantization.layers": {}})


def _network(config: Config, dataset: Dataset) -> Network:
    """Return the untrained network with batch norms that have seen some training images."""
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        model = build(config, dataset.classes)
    norms = [cell.norm for _, cell in model.synapses()]
    for norm in norms:
        norm.momentum = 1.0
    images = torch.from_numpy(dataset.train_images[:_CALIBRATION])
    with torch.no_grad():
        model.train()(dataset.preparation(config.model).apply(images))
    return widen(export.convert(model.eval(), config, {}), config.hardware.channels)
