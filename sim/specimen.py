"""Spikformers with random weights: designs to measure on where nobody needs a trained network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ir.layers import LIF, Add, Attention, Edge, Input, Layer, MaxPool, Readout, Synapse
from ir.network import Network
from ir.neuron import Neuron
from ir.scheme import Scheme


@dataclass(frozen=True)
class Shape:
    """What a Spikformer looks like: two convolutions, position, one block, head.

    Parameters
    ----------
    size, high : int
        Height and width of its one-channel images, and their largest value.
    stem, width : int
        Channels of the first convolution, and of everything behind it.
    steps, heads, mlp_ratio, classes : int
    default : str
        Weight format.
    schemes : mapping of layer name to str
        Formats of the layers that have another.
    """

    size: int = 8
    high: int = 16
    stem: int = 16
    width: int = 32
    steps: int = 4
    heads: int = 4
    mlp_ratio: int = 2
    classes: int = 10
    default: str = "u3"
    schemes: Mapping[str, str] = field(default_factory=dict)


def spikformer(shape: Shape, seed: int = 0) -> Network:
    """Return a network of ``shape``, its weights, thresholds and biases drawn from ``seed``.

    Thresholds lie within the spread of the sums, so that layers neither fall silent nor saturate
    as a rule.

    Examples
    --------
    >>> network = spikformer(Shape(stem=2, width=4, heads=2))
    >>> network.steps, network["block.0.fc1"].weight.shape
    (4, (8, 4, 1, 1))
    """
    return _Drawing(shape, seed).network()


class _Drawing:
    def __init__(self, shape: Shape, seed: int) -> None:
        self.shape, self.rng = shape, np.random.default_rng(seed)
        self.layers: list[Layer] = []
        self.edges: dict[str, Edge] = {}

    def put(self, layer: Layer) -> str:
        self.layers.append(layer)
        inputs = tuple(self.edges[name] for name in layer.inputs)
        self.edges[layer.name] = layer.edge(inputs, self.shape.steps)
        return layer.name

    def scheme(self, name: str) -> Scheme:
        return Scheme.parse(self.shape.schemes.get(name, self.shape.default))

    def lif(self, name: str, source: str, spread: float) -> str:
        neuron, channels = Neuron(), self.edges[source].channels
        scale = max(1, round(spread * (1 << neuron.frac_bits)))
        threshold = self.rng.integers(scale // 2 + 1, scale + 2, channels)
        bias = self.rng.integers(-scale // 8, scale // 8 + 1, channels)
        return self.put(LIF(name, (source,), neuron, threshold, bias))

    def unit(self, name: str, fired: str, source: str, out: int, kernel: int = 1) -> str:
        scheme, edge = self.scheme(name), self.edges[source]
        weight = self.rng.choice(scheme.levels, (out, edge.channels, kernel, kernel))
        self.put(Synapse(name, (source,), scheme, weight.astype(np.int8), 1, kernel // 2))
        # Half of the standard deviation of a sum of weights, a third of the inputs active.
        inputs = edge.channels * kernel * kernel
        spread = float(np.std(scheme.levels)) * edge.type.high * (inputs / 12) ** 0.5
        return self.lif(fired, name, spread)

    def network(self) -> Network:
        shape, width = self.shape, self.shape.width
        x = self.put(Input("input", (), (1, shape.size, shape.size), shape.high))
        x = self.unit("tokenizer.0.conv", "tokenizer.0.lif", x, shape.stem, 3)
        x = self.put(MaxPool("tokenizer.0.pool", (x,), 3, 2, 1))
        x = self.unit("tokenizer.1.conv", "tokenizer.1.lif", x, width, 3)
        position = self.unit("position.conv", "position.lif", x, width, 3)
        x = self.put(Add("position.add", (x, position)))
        spikes = tuple(self.unit(f"block.0.{n}", f"block.0.{n}_lif", x, width) for n in "qkv")
        mixed = self.put(Attention("block.0.attention", spikes, shape.heads))
        tokens, head = self.edges[mixed].positions, width // shape.heads
        fired = self.lif("block.0.attention_lif", mixed, tokens * head / 64)
        branch = self.unit("block.0.proj", "block.0.proj_lif", fired, width)
        x = self.put(Add("block.0.attention_add", (x, branch)))
        branch = self.unit("block.0.fc1", "block.0.fc1_lif", x, shape.mlp_ratio * width)
        branch = self.unit("block.0.fc2", "block.0.fc2_lif", branch, width)
        x = self.put(Add("block.0.mlp_add", (x, branch)))
        scheme = self.scheme("head")
        weight = self.rng.choice(scheme.levels, (shape.classes, width)).astype(np.int8)
        bias = self.rng.integers(-99, 100, shape.classes)
        self.put(Readout("head", (x,), scheme, weight, bias))
        return Network(shape.steps, tuple(self.layers), {"name": "random", "high": shape.high})
