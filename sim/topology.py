"""Topologies: descriptions of small networks and their folds, drawn at random or read from YAML.

A topology is a mapping of plain values, so that it can be stored and made smaller piece by piece::

    seed: 7                  # of weights, thresholds and shifts
    steps: 3
    widths: format           # or actual
    parity: true             # false without it
    reload: true             # false without it
    pass: 0                  # place among the divisors of T, largest first, of steps_per_pass
    input: {channels: 2, height: 3, width: 5, high: 16, moving: false}
    parts:
    - {kind: unit, channels: 4, kernel: 3, stride: 1, padding: 1, scheme: u4, fold: 5,
       loaders: 0, slice: 0, neuron: {charge: half, ...}}
    - {kind: pool, kernel: 2, stride: 1, padding: 0, fold: 0}
    - {kind: residual, parts: [...]}
    - {kind: shortcut, ...}
    - {kind: attention, ...}
    head: {classes: 3, scheme: u3, fold: 0}

``fold`` counts through the legal folds of a layer, beginning again behind the last, so that it
stays legal whatever else changes; ``loaders`` above 0 makes the layer a table. What no engine can
be built for is refused by :func:`build` in one sentence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ir.errors import SpikewrightError
from ir.fold import Fold, Hardware
from ir.folding import choices, dimensions, divisors
from ir.layers import LIF, Add, Attention, Edge, Input, Layer, MaxPool, Readout, ShiftAdd, Synapse
from ir.network import Network
from ir.neuron import Neuron
from ir.scheme import Scheme

Topology = dict[str, Any]
Values = Mapping[str, Any]

KINDS = ("unit", "pool", "residual", "shortcut", "attention")
MOST_LAYERS = 64


class Assembly:
    """Appends layers one by one, and knows the edge of each.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of weights.
    steps : int
    """

    def __init__(self, rng: np.random.Generator, steps: int) -> None:
        self.rng, self.steps = rng, steps
        self.layers: list[Layer] = []
        self.edges: dict[str, Edge] = {}

    def put(self, layer: Layer) -> str:
        """Append any layer; return its name."""
        edges = tuple(self.edges[name] for name in layer.inputs)
        self.edges[layer.name] = layer.edge(edges, self.steps)
        self.layers.append(layer)
        return layer.name

    def weight(self, scheme: Scheme, shape: tuple[int, ...]) -> np.ndarray:
        """Return random levels with both ends of the scheme among them where they fit."""
        weight = self.rng.choice(scheme.levels, shape).astype(np.int8)
        weight.flat[0], weight.flat[-1] = scheme.levels[-1], scheme.levels[0]
        return weight


class _Builder(Assembly):
    """Builds the parts of a topology; knows which part says the fold of each layer."""

    def __init__(self, rng: np.random.Generator, steps: int) -> None:
        super().__init__(rng, steps)
        self.asked: dict[str, Values] = {}

    @property
    def last(self) -> str:
        return self.layers[-1].name

    def folded(self, layer: Layer, part: Values) -> str:
        """Append a layer that folds as its part says."""
        self.asked[layer.name] = part
        return self.put(layer)

    def put(self, layer: Layer) -> str:
        if len(self.layers) >= MOST_LAYERS:
            raise SpikewrightError(f"Topology has more than {MOST_LAYERS} layers.")
        return super().put(layer)

    def synapse(self, name: str, source: str, out: int, part: Values) -> str:
        scheme, kernel = Scheme.parse(part["scheme"]), int(part.get("kernel", 1))
        shape = (int(out), self.edges[source].channels, kernel, kernel)
        if min(shape) < 1:
            raise SpikewrightError(f"Layer {name} has weights of shape {shape}.")
        stride, padding = int(part.get("stride", 1)), int(part.get("padding", 0))
        layer = Synapse(name, (source,), scheme, self.weight(scheme, shape), stride, padding)
        return self.folded(layer, part)

    def pool(self, name: str, source: str, part: Values) -> str:
        sizes = (int(part["kernel"]), int(part["stride"]), int(part["padding"]))
        return self.folded(MaxPool(name, (source,), *sizes), part)

    def lif(self, name: str, source: str, values: Values) -> str:
        """Append neurons whose thresholds lie where their currents are."""
        neuron, edge = Neuron(**values), self.edges[source]
        reach = max(1.0, (edge.type.high - edge.type.low) / 8) * (1 << neuron.frac_bits)
        reach = int(min(reach, neuron.membrane.high / 2))
        threshold = self.rng.integers(1, max(2, reach + 1), edge.channels)
        bias = self.rng.integers(-(reach // 4) - 1, reach // 4 + 2, edge.channels)
        # Half of them are whole and small, so that membranes meet them exactly.
        small = self.rng.random(edge.channels) < 0.5
        whole = self.rng.integers(0, 5, edge.channels) << neuron.frac_bits
        threshold = np.where(small, np.minimum(whole, neuron.membrane.high), threshold)
        bias = np.where(small, 0, bias)
        return self.put(LIF(name, (source,), neuron, threshold, bias))

    def unit(self, name: str, source: str, out: int, part: Values) -> str:
        conv = self.synapse(f"{name}.conv", source, out, part)
        return self.lif(f"{name}.lif", conv, part["neuron"])

    def parts(self, parts: Sequence[Values], name: str) -> None:
        for index, part in enumerate(parts):
            here = f"{name}{index}"
            if part["kind"] not in KINDS:
                raise SpikewrightError(
                    f"Part {here} has kind {part['kind']!r:.40}; allowed are {', '.join(KINDS)}."
                )
            getattr(self, f"_{part['kind']}")(here, part)

    def _unit(self, name: str, part: Values) -> None:
        self.unit(name, self.last, part["channels"], part)

    def _pool(self, name: str, part: Values) -> None:
        self.pool(name, self.last, part)

    def _residual(self, name: str, part: Values) -> None:
        """Units beside the stream; the last one gives as many channels as the stream has."""
        stream = last = self.last
        units = part["parts"]
        for index, unit in enumerate(units):
            more = index + 1 < len(units)
            out = unit["channels"] if more else self.edges[stream].channels
            last = self.unit(f"{name}.{index}", last, out, unit)
        self.put(Add(f"{name}.add", (stream, last)))

    def _shortcut(self, name: str, part: Values) -> None:
        """Currents that meet currents of another layer, shifted, before a neuron."""
        currents = self.synapse(f"{name}.conv", self.last, part["channels"], part)
        if part["pool"]:
            currents = self.pool(f"{name}.pool", currents, part["pool"])
        branch = part["branch"]
        fired = self.lif(f"{name}.lif", currents, part["neuron"])
        channels = self.edges[currents].channels
        other = self.synapse(f"{name}.branch", fired, channels, branch)
        shifts = self.rng.integers(0, int(part["shift"]) + 1, (2, channels))
        both = self.put(ShiftAdd(f"{name}.add", (currents, other), shifts))
        self.lif(f"{name}.out", both, branch["neuron"])

    def _attention(self, name: str, part: Values) -> None:
        stream, total = self.last, int(part["heads"]) * int(part["width"])
        q, k, v = (self.unit(f"{name}.{noun}", stream, total, part[noun]) for noun in "qkv")
        mixed = self.folded(Attention(f"{name}.attention", (q, k, v), int(part["heads"])), part)
        mixed = self.lif(f"{name}.attention_lif", mixed, part["neuron"])
        if part["proj"]:
            mixed = self.unit(f"{name}.proj", mixed, self.edges[stream].channels, part["proj"])
            self.put(Add(f"{name}.add", (stream, mixed)))

    def head(self, part: Values) -> Network:
        scheme, channels = Scheme.parse(part["scheme"]), self.edges[self.last].channels
        weight = self.weight(scheme, (int(part["classes"]), channels))
        # Half of the heads have logits that are often equal.
        most = self.rng.choice((1, 99))
        bias = self.rng.integers(-most, most + 1, int(part["classes"]))
        self.folded(Readout("head", (self.last,), scheme, weight, bias), part)
        return Network(self.steps, tuple(self.layers), {"name": "fuzz", "high": 1})


def build(topology: Topology) -> tuple[Network, Hardware]:
    """Return the network that a topology describes, and its folds.

    Raises
    ------
    SpikewrightError
        If something is missing or illegal.
    """
    try:
        return _build(topology)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise SpikewrightError(
            f"Topology cannot be built: {type(error).__name__} of {str(error)[:80]}."
        ) from error


def _build(topology: Topology) -> tuple[Network, Hardware]:
    builder = _Builder(np.random.default_rng(topology["seed"]), int(topology["steps"]))
    given = topology["input"]
    shape = (int(given["channels"]), int(given["height"]), int(given["width"]))
    builder.put(Input("input", (), shape, int(given["high"]), bool(given["moving"])))
    builder.parts(topology["parts"], "part")
    network = builder.head(topology["head"])
    folds = {
        layer.name: _fold(layer, network, builder.asked[layer.name])
        for layer in network.layers
        if dimensions(layer, network) is not None
    }
    steps = _largest(network.steps, topology["pass"])
    return network, Hardware(
        1 << 20,
        steps,
        folds,
        topology["widths"],
        parity=topology.get("parity", False),
        reload=topology.get("reload", False),
    )


def _fold(layer: Layer, network: Network, part: Values) -> Fold:
    """Return the fold that a part asks for."""
    legal = list(choices(layer, network))
    fold = legal[int(part["fold"]) % len(legal)]
    if not isinstance(layer, Synapse):
        return fold
    if loaders := int(part["loaders"]):
        return replace(fold, kind="table", loaders=loaders)
    slices = int(part["slice"])
    return replace(fold, steps=_largest(network.steps, slices)) if slices else fold


def _largest(steps: int, place: int) -> int:
    """Return a divisor of T, counted from the largest."""
    found = divisors(steps)[::-1]
    return found[int(place) % len(found)]
