"""Spikformers with random weights: designs to measure on where nobody needs a trained network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated

import numpy as np
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from ir.layers import (
    LIF,
    Add,
    Attention,
    Input,
    MaxPool,
    Readout,
    ShiftAdd,
    Synapse,
)
from ir.network import Network
from ir.neuron import Neuron
from ir.scheme import Scheme
from sim.growing import Growing

Size = Annotated[int, Field(ge=1, le=4096)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True))
class Shape:
    """What a Spikformer looks like: convolutions, position, blocks, head.

    Parameters
    ----------
    size, high, channels : int
        Height and width of its images, their largest value, and their channels.
    stem, width : int
        Channels of the first convolution, and of everything behind the tokenizer.
    steps, heads, mlp_ratio, classes, depth : int
    shortcut : bool
        Whether currents are added and spikes made from the sums (Spikingformer), instead of spikes
        being added (Spikformer).
    tokenizer : tuple of (int, bool)
        Channels of each convolution, and whether its map is pooled; by default ``stem`` channels
        that are pooled and ``width`` that are not.
    default : str
        Weight format.
    schemes : mapping of layer name to str
        Formats of the layers that have another.
    """

    size: Size = 8
    high: Annotated[int, Field(ge=1, le=65535)] = 16
    channels: Size = 1
    stem: Size = 16
    width: Size = 32
    steps: Annotated[int, Field(ge=1, le=64)] = 4
    heads: Size = 4
    mlp_ratio: Annotated[int, Field(ge=1, le=16)] = 2
    classes: Size = 10
    depth: Annotated[int, Field(ge=1, le=64)] = 1
    shortcut: bool = False
    tokenizer: tuple[tuple[Size, bool], ...] = ()
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


class _Drawing(Growing):
    def __init__(self, shape: Shape, seed: int) -> None:
        super().__init__(shape.steps)
        self.shape, self.rng = shape, np.random.default_rng(seed)

    def scheme(self, name: str) -> Scheme:
        return Scheme.parse(self.shape.schemes.get(name, self.shape.default))

    def lif(self, name: str, source: str, spread: float) -> str:
        neuron, channels = Neuron(), self.edges[source].channels
        scale = max(1, round(spread * (1 << neuron.frac_bits)))
        threshold = self.rng.integers(scale // 2 + 1, scale + 2, channels)
        bias = self.rng.integers(-scale // 8, scale // 8 + 1, channels)
        return self.put(LIF(name, (source,), neuron, threshold, bias))

    def currents(self, name: str, source: str, out: int, kernel: int = 1) -> tuple[str, float]:
        """Append weights; return their name and the spread of their sums."""
        scheme, edge = self.scheme(name), self.edges[source]
        weight = self.rng.choice(scheme.levels, (out, edge.channels, kernel, kernel))
        self.put(Synapse(name, (source,), scheme, weight.astype(np.int8), 1, kernel // 2))
        # Half of the standard deviation of a sum of weights, a third of the inputs active.
        inputs = edge.channels * kernel * kernel
        return name, float(np.std(scheme.levels)) * edge.type.high * (inputs / 12) ** 0.5

    def unit(self, name: str, fired: str, source: str, out: int, kernel: int = 1) -> str:
        _, spread = self.currents(name, source, out, kernel)
        return self.lif(fired, name, spread)

    def network(self) -> Network:
        shape, width = self.shape, self.shape.width
        if shape.shortcut:
            return self.shortcut()
        x = self.put(Input("input", (), (shape.channels, shape.size, shape.size), shape.high))
        for n, (out, pooled) in enumerate(shape.tokenizer or ((shape.stem, True), (width, False))):
            x = self.unit(f"tokenizer.{n}.conv", f"tokenizer.{n}.lif", x, out, 3)
            if pooled:
                x = self.put(MaxPool(f"tokenizer.{n}.pool", (x,), 3, 2, 1))
        position = self.unit("position.conv", "position.lif", x, width, 3)
        x = self.put(Add("position.add", (x, position)))
        for n in range(shape.depth):
            x = self.block(f"block.{n}", x)
        return self.head(x)

    def head(self, x: str) -> Network:
        """Append the readout; return the network."""
        shape, scheme = self.shape, self.scheme("head")
        weight = self.rng.choice(scheme.levels, (shape.classes, shape.width)).astype(np.int8)
        bias = self.rng.integers(-99, 100, shape.classes)
        self.put(Readout("head", (x,), scheme, weight, bias))
        return Network(shape.steps, tuple(self.layers), {"name": "random", "high": shape.high})

    def block(self, name: str, x: str) -> str:
        """Append an attention and an MLP branch; return the name of their sum with ``x``."""
        shape, width = self.shape, self.shape.width
        spikes = tuple(self.unit(f"{name}.{n}", f"{name}.{n}_lif", x, width) for n in "qkv")
        mixed = self.put(Attention(f"{name}.attention", spikes, shape.heads))
        tokens, head = self.edges[mixed].positions, width // shape.heads
        fired = self.lif(f"{name}.attention_lif", mixed, tokens * head / 64)
        branch = self.unit(f"{name}.proj", f"{name}.proj_lif", fired, width)
        x = self.put(Add(f"{name}.attention_add", (x, branch)))
        branch = self.unit(f"{name}.fc1", f"{name}.fc1_lif", x, shape.mlp_ratio * width)
        branch = self.unit(f"{name}.fc2", f"{name}.fc2_lif", branch, width)
        return self.put(Add(f"{name}.mlp_add", (x, branch)))

    def shortcut(self) -> Network:
        """Build a Spikingformer: neurons in front of weights, sums of currents behind them."""
        shape, width, spread = self.shape, self.shape.width, 0.0
        x = self.put(Input("input", (), (shape.channels, shape.size, shape.size), shape.high))
        for n, (out, pooled) in enumerate(shape.tokenizer or ((shape.stem, True), (width, False))):
            if n:
                x = self.lif(f"tokenizer.{n}.lif", x, spread)
            x, spread = self.currents(f"tokenizer.{n}.conv", x, out, 3)
            if pooled:
                x = self.put(MaxPool(f"tokenizer.{n}.pool", (x,), 3, 2, 1))
        for n in range(shape.depth):
            fired = self.lif(f"block.{n}.attention.input", x, spread)
            spikes = tuple(
                self.unit(f"block.{n}.{k}", f"block.{n}.{k}_lif", fired, width) for k in "qkv"
            )
            mixed = self.put(Attention(f"block.{n}.attention", spikes, shape.heads))
            tokens, head = self.edges[mixed].positions, width // shape.heads
            mixed = self.lif(f"block.{n}.attention_lif", mixed, tokens * head / 64)
            branch, _ = self.currents(f"block.{n}.proj", mixed, width)
            x = self.align(f"block.{n}.attention_add", x, branch)
            fired = self.lif(f"block.{n}.fc1_lif", x, spread)
            fired = self.unit(
                f"block.{n}.fc1", f"block.{n}.fc2_lif", fired, shape.mlp_ratio * width
            )
            branch, _ = self.currents(f"block.{n}.fc2", fired, width)
            x = self.align(f"block.{n}.mlp_add", x, branch)
        return self.head(self.lif("head_lif", x, spread))

    def align(self, name: str, x: str, branch: str) -> str:
        """Append a sum of currents whose scales differ by up to two octaves."""
        shifts = self.rng.integers(0, 3, (2, self.edges[x].channels))
        shifts[0] = 0  # the shortcut keeps its scale, or it would grow with every block
        return self.put(ShiftAdd(name, (x, branch), shifts))
