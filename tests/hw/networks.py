"""Small random networks for tests of the whole accelerator."""

from __future__ import annotations

import numpy as np

from ir.layers import LIF, Add, Attention, Input, Layer, MaxPool, Readout, Synapse
from ir.network import Network
from ir.neuron import Neuron
from ir.scheme import Scheme


class Builder:
    """Appends random layers."""

    def __init__(self, seed: int, steps: int, neuron: Neuron) -> None:
        self.random = np.random.default_rng(seed)
        self.steps, self.neuron = steps, neuron
        self.layers: list[Layer] = []

    def weights(self, scheme: str, shape: tuple[int, ...]) -> np.ndarray:
        return self.random.choice(Scheme.parse(scheme).levels, shape).astype(np.int16)

    def synapse(self, name: str, source: str, shape: tuple[int, int, int], scheme: str) -> None:
        out, channels, kernel = shape
        weight = self.weights(scheme, (out, channels, kernel, kernel))
        parsed = Scheme.parse(scheme)
        self.layers.append(Synapse(name, (source,), parsed, weight, 1, kernel // 2))

    def lif(self, name: str, source: str, channels: int, scale: int) -> None:
        unit = 1 << self.neuron.frac_bits
        threshold = self.random.integers(scale * unit // 2, scale * unit, channels)
        bias = self.random.integers(-unit, unit, channels)
        self.layers.append(LIF(name, (source,), self.neuron, threshold, bias))


def spikformer(seed: int = 0, steps: int = 2, size: int = 4, dim: int = 8) -> Network:
    """Return a network with every kind of layer: tokenizer, position, one block, head."""
    b = Builder(seed, steps, Neuron())
    b.layers.append(Input("input", (), (1, size, size), 16))
    b.synapse("conv", "input", (dim, 1, 3), "u4")
    b.lif("conv_lif", "conv", dim, 40)
    b.layers.append(MaxPool("pool", ("conv_lif",), 3, 2, 1))
    b.synapse("position.conv", "pool", (dim, dim, 3), "pot3")
    b.lif("position.lif", "position.conv", dim, 4)
    b.layers.append(Add("position.add", ("pool", "position.lif")))
    for name, scheme in (("q", "pot2"), ("k", "u2"), ("v", "pot4")):
        b.synapse(f"block.{name}", "position.add", (dim, dim, 1), scheme)
        b.lif(f"block.{name}_lif", f"block.{name}", dim, 2)
    sources = tuple(f"block.{name}_lif" for name in "qkv")
    b.layers.append(Attention("block.attention", sources, 2))
    b.lif("block.attention_lif", "block.attention", dim, 2)
    b.synapse("block.proj", "block.attention_lif", (dim, dim, 1), "u3")
    b.lif("block.proj_lif", "block.proj", dim, 2)
    b.layers.append(Add("block.add", ("position.add", "block.proj_lif")))
    scheme = Scheme.parse("u4")
    bias = b.random.integers(-9, 9, 5)
    weight = b.weights("u4", (5, dim))
    b.layers.append(Readout("head", ("block.add",), scheme, weight, bias))
    return Network(steps, tuple(b.layers))
