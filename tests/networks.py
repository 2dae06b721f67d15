"""Random legal networks, folds and images for the tests of every house.

Everything is small, of odd shapes, and reproducible from its seed.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ir.fold import Fold, Hardware
from ir.folding import choices, dimensions, divisors
from ir.golden import run
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
from ir.neuron import CHARGES, FIRES, RESETS, Neuron
from ir.scheme import Scheme
from ir.store import Samples
from sim.topology import Assembly

SCHEMES = tuple(f"u{b}" for b in range(2, 9)) + ("pot2", "pot3", "pot4")
SIGNS = ("binary", "ternary")


class Builder(Assembly):
    """Appends layers of random formats and neurons.

    Parameters
    ----------
    rng : numpy.random.Generator
    steps : int
    neurons : str
        ``default``: SpikingJelly's LIF; ``any``: every charge, fire and reset.
    schemes : tuple of str
    """

    def __init__(
        self,
        rng: np.random.Generator,
        steps: int,
        *,
        neurons: str = "any",
        schemes: tuple[str, ...] = SCHEMES,
    ) -> None:
        super().__init__(rng, steps)
        self.neurons = neurons
        self.schemes = schemes

    def synapse(
        self, name: str, source: str, out: int, kernel: int = 1, stride: int = 1, padding: int = 0
    ) -> str:
        """Append a convolution of a random scheme."""
        scheme = Scheme.parse(str(self.rng.choice(self.schemes)))
        weight = self.weight(scheme, (out, self.edges[source].channels, kernel, kernel))
        return self.put(Synapse(name, (source,), scheme, weight, stride, padding))

    def neuron(self) -> Neuron:
        """Return a random neuron."""
        if self.neurons == "default":
            return Neuron()
        rng = self.rng
        bits = int(rng.choice([12, 16, 24]))
        return Neuron(
            charge=str(rng.choice(CHARGES)),
            fire=str(rng.choice(FIRES)),
            reset=str(rng.choice(RESETS)),
            leak_shift=int(rng.integers(1, 4)),
            frac_bits=int(rng.integers(0, 5)),
            membrane_bits=bits,
            initial=int(rng.integers(-20, 20)),
        )

    def lif(self, name: str, source: str) -> str:
        """Append neurons whose thresholds lie where their currents are."""
        neuron = self.neuron()
        edge = self.edges[source]
        reach = max(1.0, (edge.type.high - edge.type.low) / 8) * (1 << neuron.frac_bits)
        reach = min(reach, neuron.membrane.high / 2)
        threshold = self.rng.integers(1, max(2, int(reach)) + 1, edge.channels)
        bias = self.rng.integers(-int(reach / 4) - 1, int(reach / 4) + 2, edge.channels)
        return self.put(LIF(name, (source,), neuron, threshold, bias))

    def unit(
        self, name: str, source: str, out: int, kernel: int = 1, stride: int = 1, padding: int = 0
    ) -> str:
        """Append a convolution and its neurons."""
        return self.lif(f"{name}.lif", self.synapse(f"{name}.conv", source, out, kernel, stride, padding))

    def readout(self, source: str, classes: int) -> Network:
        """Append the readout; return the network."""
        scheme = Scheme.parse(str(self.rng.choice(self.schemes)))
        weight = self.weight(scheme, (classes, self.edges[source].channels))
        bias = self.rng.integers(-99, 100, classes)
        self.put(Readout("head", (source,), scheme, weight, bias))
        return Network(self.steps, tuple(self.layers), {"name": "random", "high": 1})


def random_network(
    seed: int,
    *,
    steps: int | None = None,
    attention: bool | None = None,
    residual: bool | None = None,
    pool: bool | None = None,
    shortcut: bool | None = None,
    moving: bool = False,
    neurons: str = "any",
    schemes: tuple[str, ...] = SCHEMES,
    size: int = 6,
    width: int = 6,
) -> Network:
    """Return a small legal network; what is None is drawn from the seed.

    Parameters
    ----------
    seed : int
    steps : int, optional
        Time steps; 1..4 otherwise.
    attention, residual, pool : bool, optional
        Whether a spiking attention block, a residual branch, max pooling occur.
    shortcut : bool, optional
        Whether currents are pooled, and added with shifts, before a neuron.
    moving : bool
        Whether a sample is a frame per time step.
    neurons : str
        ``default`` or ``any`` charge, fire and reset.
    schemes : tuple of str
        Weight formats to draw from.
    size, width : int
        Largest side of the input map, and largest number of channels per layer.
    """
    rng = np.random.default_rng(seed)
    attention = bool(rng.random() < 0.4) if attention is None else attention
    residual = bool(rng.random() < 0.5) if residual is None else residual
    pool = bool(rng.random() < 0.5) if pool is None else pool
    b = Builder(
        rng, int(rng.integers(1, 5)) if steps is None else steps, neurons=neurons, schemes=schemes
    )

    def channels() -> int:
        return int(rng.integers(1, width + 1))

    def fitting(source: str) -> tuple[int, int, int]:
        edge = b.edges[source]
        kernel = int(rng.integers(1, min(4, edge.height, edge.width) + 1))
        return kernel, int(rng.integers(1, 4)), int(rng.integers(0, (kernel - 1) // 2 + 1))

    shape = (int(rng.integers(1, 4)), int(rng.integers(2, size + 1)), int(rng.integers(2, size + 1)))
    last = b.put(Input("input", (), shape, int(rng.choice([1, 3, 16, 255])), moving))
    if pool and rng.random() < 0.3:
        last = b.put(MaxPool("early.pool", (last,), 2, 1, 0))
    last = b.unit("stem", last, channels(), *fitting(last))
    if pool:
        last = b.put(MaxPool("stem.pool", (last,), *fitting(last)))
    if residual:
        branch = b.unit("position", last, b.edges[last].channels, 1)
        if min(b.edges[last].height, b.edges[last].width) >= 2:
            branch = b.unit("position.more", branch, b.edges[last].channels, 3, 1, 1)
        last = b.put(Add("position.add", (last, branch)))
    if shortcut is None:
        shortcut = np.random.default_rng((seed, 1)).random() < 0.3
    if shortcut:
        last = b.put(MaxPool("shortcut.pool", (b.synapse("shortcut.conv", last, channels()),), *fitting(last)))
        branch = b.synapse("shortcut.branch", b.lif("shortcut.lif", last), b.edges[last].channels)
        shifts = rng.integers(0, 4, (2, b.edges[last].channels))
        last = b.put(ShiftAdd("shortcut.add", (last, branch), shifts))
        last = b.lif("shortcut.out", last)
    if attention:
        heads = int(rng.integers(1, 4))
        total = heads * int(rng.integers(1, 5))
        q, k, v = (b.unit(f"block.{n}", last, total) for n in "qkv")
        mixed = b.put(Attention("block.attention", (q, k, v), heads))
        mixed = b.lif("block.attention.lif", mixed)
        if residual:
            mixed = b.unit("block.proj", mixed, b.edges[last].channels)
            last = b.put(Add("block.add", (last, mixed)))
        else:
            last = mixed
    if rng.random() < 0.5:
        last = b.unit("last", last, channels())
    return b.readout(last, int(rng.integers(2, 6)))


def random_hardware(
    network: Network, seed: int, *, widths: str = "actual", tables: float = 0, slices: float = 0
) -> Hardware:
    """Return random legal folds for every layer that folds.

    A share of those with weights are ``tables``; words of a share of the others carry any divisor
    of T, as ``slices`` of time.
    """
    rng = np.random.default_rng(seed)
    folds: dict[str, Fold] = {}
    for layer in network.layers:
        if dimensions(layer, network) is not None:
            legal = list(choices(layer, network))
            folds[layer.name] = legal[int(rng.integers(len(legal)))]
    for layer in network.layers:
        if isinstance(layer, Synapse) and rng.random() < tables:
            loaders = int(rng.integers(1, 4))
            folds[layer.name] = replace(folds[layer.name], kind="table", loaders=loaders)
    rng, legal = np.random.default_rng((seed, 2)), divisors(network.steps)
    for layer in network.layers:
        if isinstance(layer, Synapse) and rng.random() < slices and folds[layer.name].kind == "stream":
            folds[layer.name] = replace(folds[layer.name], steps=int(rng.choice(legal)))
    common = int(rng.choice(legal)) if slices else network.steps
    return Hardware(1 << 20, common, folds, widths)


def random_images(network: Network, seed: int, count: int = 3) -> np.ndarray:
    """Return uint8 or uint16 images that cover the whole range, (count, [T,] C, H, W)."""
    rng = np.random.default_rng(seed)
    high = network.input.high
    dtype = np.uint8 if high < 256 else np.uint16
    images = rng.integers(0, high + 1, (count, *network.sample_shape)).astype(dtype)
    images.flat[0], images.flat[-1] = 0, high
    return images


def random_samples(network: Network, seed: int, count: int = 3) -> Samples:
    """Return samples labelled with what the golden model says."""
    images = random_images(network, seed, count)
    return Samples(images, run(network, images).labels.astype(np.int64))


def digits_network(seed: int = 0, *, width: int = 8, heads: int = 2, steps: int = 2) -> Network:
    """Return a Spikformer of the shape of the digits demo, with random weights."""
    rng = np.random.default_rng(seed)
    b = Builder(rng, steps, neurons="default", schemes=("u2", "u3", "u4", "pot2", "pot3", "pot4"))
    last = b.put(Input("input", (), (1, 8, 8), 16))
    last = b.unit("tokenizer.0", last, width // 2, 3, 1, 1)
    last = b.put(MaxPool("tokenizer.0.pool", (last,), 3, 2, 1))
    last = b.unit("tokenizer.1", last, width, 3, 1, 1)
    position = b.unit("position", last, width, 3, 1, 1)
    last = b.put(Add("position.add", (last, position)))
    q, k, v = (b.unit(f"block.0.{n}", last, width) for n in "qkv")
    mixed = b.put(Attention("block.0.attention", (q, k, v), heads))
    mixed = b.lif("block.0.attention_lif", mixed)
    mixed = b.unit("block.0.proj", mixed, width)
    last = b.put(Add("block.0.attention_add", (last, mixed)))
    hidden = b.unit("block.0.fc1", last, 2 * width)
    hidden = b.unit("block.0.fc2", hidden, width)
    last = b.put(Add("block.0.mlp_add", (last, hidden)))
    return b.readout(last, 10)


def meeting_network(steps: int) -> Network:
    """Return a network whose currents are pooled, added, and added with shifts before a neuron."""
    b = Builder(np.random.default_rng(0), steps)
    last = b.unit("stem", b.put(Input("input", (), (2, 4, 3), 3)), 4)
    pools = [
        b.put(MaxPool(f"{name}.pool", (b.synapse(name, last, 4),), 2, 1, 0)) for name in ("a", "b")
    ]
    last = b.lif("add.lif", b.put(Add("add", tuple(pools))))
    branches = [b.synapse(name, last, 2) for name in ("c", "d")]
    shifted = b.put(ShiftAdd("shifted", tuple(branches), np.array([[0, 2], [1, 0]])))
    return b.readout(b.lif("shifted.lif", shifted), 3)
