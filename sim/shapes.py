"""Networks of known shapes with random weights, where only cycles and lanes are asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ir.layers import LIF, Add, Attention, Input, MaxPool, Readout, Synapse
from ir.network import Network
from ir.neuron import Neuron
from ir.scheme import Scheme
from sim.growing import Growing


class _Builder(Growing):
    """Appends layers with random weights and thresholds."""

    def __init__(self, steps: int, scheme: str, seed: int) -> None:
        super().__init__(steps)
        self.scheme = Scheme.parse(scheme)
        self.rng = np.random.default_rng(seed)

    def unit(self, name: str, source: str, out: int, kernel: int = 1) -> str:
        """Append a convolution that keeps the map, and its neurons."""
        shape = (out, self.edges[source].channels, kernel, kernel)
        weight = self.rng.choice(self.scheme.levels, shape).astype(np.int8)
        conv = self.put(Synapse(name, (source,), self.scheme, weight, 1, kernel // 2))
        return self.lif(f"{name}_lif", conv)

    def lif(self, name: str, source: str) -> str:
        neuron, channels = Neuron(), self.edges[source].channels
        reach = max(2, self.edges[source].type.high // 4) << neuron.frac_bits
        threshold = self.rng.integers(1, reach, channels)
        return self.put(LIF(name, (source,), neuron, threshold, np.zeros(channels, np.int64)))

    def readout(self, source: str, classes: int) -> Network:
        shape = (classes, self.edges[source].channels)
        weight = self.rng.choice(self.scheme.levels, shape).astype(np.int8)
        self.put(Readout("head", (source,), self.scheme, weight, np.zeros(classes, np.int64)))
        return Network(self.steps, tuple(self.layers), {"name": "random weights"})


def spikformer(
    image: tuple[int, int, int],
    high: int,
    stages: Sequence[tuple[int, bool]],
    heads: int,
    depth: int,
    steps: int = 4,
    ratio: int = 2,
    classes: int = 10,
    scheme: str = "u4",
    seed: int = 0,
) -> Network:
    """Return a Spikformer.

    Parameters
    ----------
    image : tuple of int
        (channels, height, width).
    high : int
        Largest pixel value.
    stages : sequence of (int, bool)
        Channels of each 3 x 3 convolution of the tokenizer, and whether a pooling of kernel 3 and
        stride 2 follows.
    heads, depth, steps, ratio, classes : int
        Of attention, blocks, time steps T, width of the MLP over that of the block, labels.
    """
    b = _Builder(steps, scheme, seed)
    last = b.put(Input("input", (), image, high))
    for n, (channels, pool) in enumerate(stages):
        last = b.unit(f"tokenizer.{n}.conv", last, channels, 3)
        if pool:
            last = b.put(MaxPool(f"tokenizer.{n}.pool", (last,), 3, 2, 1))
    width = b.edges[last].channels
    last = b.put(Add("position.add", (last, b.unit("position.conv", last, width, 3))))
    for n in range(depth):
        base = f"block.{n}"
        q, k, v = (b.unit(f"{base}.{noun}", last, width) for noun in "qkv")
        mixed = b.put(Attention(f"{base}.attention", (q, k, v), heads))
        mixed = b.unit(f"{base}.proj", b.lif(f"{base}.attention_lif", mixed), width)
        last = b.put(Add(f"{base}.attention_add", (last, mixed)))
        hidden = b.unit(f"{base}.fc1", last, ratio * width)
        last = b.put(Add(f"{base}.mlp_add", (last, b.unit(f"{base}.fc2", hidden, width))))
    return b.readout(last, classes)


def perceptron(
    inputs: int, hidden: Sequence[int], classes: int, steps: int = 4, high: int = 255, seed: int = 0
) -> Network:
    """Return fully connected layers of neurons; the pixels are the channels of one position."""
    b = _Builder(steps, "u4", seed)
    last = b.put(Input("input", (), (inputs, 1, 1), high))
    for n, channels in enumerate(hidden):
        last = b.unit(f"fc{n}", last, channels)
    return b.readout(last, classes)


SHAPES = {
    "digits": lambda: spikformer((1, 8, 8), 16, [(16, True), (32, False)], 4, 1),
    "fashion": lambda: spikformer((1, 28, 28), 255, [(32, True), (64, True)], 4, 1),
    "mnist": lambda: perceptron(784, [128], 10),
}
"""Networks by name: the digits demo, a Fashion-MNIST Spikformer, MNIST 784-128-10."""
LANES = {"digits": 256, "fashion": 1100, "mnist": 64}
"""Budgets of lanes of :data:`SHAPES`."""
