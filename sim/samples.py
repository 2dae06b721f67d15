"""Random small networks whose engines are what the cost model is fitted to and checked with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ir.fold import Fold, Hardware
from ir.folding import choices, dimensions, lanes
from ir.layers import LIF, Add, Attention, Input, Layer, MaxPool, Readout, Synapse
from ir.network import Network
from ir.neuron import Neuron
from ir.scheme import Scheme
from ir.tables import ARITY
from sim.growing import Growing
from sim.specimen import Shape, spikformer

SCHEMES = ("u2", "u3", "u4", "u5", "u6", "u8", "pot2", "pot3", "pot4")
_MOST_LANES = 32  # of one engine
_TABLES = 0.25  # share of layers built of tables
_WIDE = ("", "table", "", "table", "stream", "stream")  # kinds of the wide ones of six networks
_WIDE_LANES = {"table": (400, 2000), "stream": (500, 1500)}  # of a wide network


def sample(seed: int, fabric: str) -> tuple[Network, Hardware]:
    """Return a spiking transformer of random shape, formats and folds; the same for one seed.

    Of six, two give all kinds of small engines, some layers built of tables where the fabric has
    LUT RAM; two are wider and built of tables as a whole, or of streams on a fabric that has no LUT
    RAM; and two are as wide and built of streams.
    """
    rng, wide = np.random.default_rng(seed), _WIDE[seed % len(_WIDE)]
    return _wide(rng, seed, fabric, wide) if wide else _Sample(rng).build(seed, fabric)


def _wide(rng: np.random.Generator, seed: int, fabric: str, kind: str) -> tuple[Network, Hardware]:
    """Return a network whose folds follow from a number of lanes."""
    width, heads = int(rng.choice([24, 32, 48])), int(rng.choice([2, 4]))
    nouns = ("tokenizer.1.conv", *(f"block.0.{noun}" for noun in ("q", "k", "v", "proj", "fc1")))
    shape = Shape(
        size=int(rng.choice([8, 12])),
        high=int(rng.choice([1, 15, 255])),
        channels=int(rng.choice([1, 3])),
        stem=int(rng.choice([8, 12, 16])),
        width=width,
        steps=int(rng.choice([2, 4])),
        heads=heads,
        mlp_ratio=int(rng.choice([2, 4])),
        shortcut=bool(rng.random() < 0.5),
        schemes={noun: str(rng.choice(SCHEMES)) for noun in nouns},
        default=str(rng.choice(SCHEMES)),
    )
    network = spikformer(shape, seed)
    kind = kind if fabric in ARITY else "stream"
    built_for = fabric if fabric in ARITY else "plain"
    lanes = int(rng.integers(*(_WIDE_LANES[kind])))
    return network, Hardware(lanes, network.steps, fabric=built_for, kind=kind)


class _Sample(Growing):
    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(int(rng.choice([1, 2, 3])))
        self.rng = rng

    def build(self, seed: int, fabric: str) -> tuple[Network, Hardware]:
        rng = self.rng
        width = int(rng.choice([4, 6, 8]))
        shape = (int(rng.integers(1, 3)), int(rng.integers(4, 9)), int(rng.integers(4, 9)))
        last = self.put(Input("input", (), shape, int(rng.choice([1, 3, 15, 255]))))
        last = self._cell("stem", last, width, 3, 1, 1)
        last = self.put(MaxPool("pool", (last,), *((2, 2, 0) if rng.random() < 0.5 else (3, 2, 1))))
        branch = self._cell("position", last, width, 3, 1, 1)
        last = self.put(Add("position.add", (last, branch)))
        q, k, v = (self._cell(f"block.{n}", last, width, 1) for n in "qkv")
        mixed = self.put(Attention("block.attention", (q, k, v), int(rng.choice([1, 2]))))
        mixed = self._lif("block.attention_lif", mixed)
        last = self.put(Add("block.add", (last, self._cell("block.proj", mixed, width, 1))))
        hidden = self._cell("block.fc1", last, 2 * width, 1)
        last = self.put(Add("block.mlp", (last, self._cell("block.fc2", hidden, width, 1))))
        classes = int(rng.choice([4, 6, 10]))
        scheme = self._scheme()
        weight = rng.choice(scheme.levels, (classes, width)).astype(np.int8)
        bias = rng.integers(-99, 100, classes)
        self.put(Readout("head", (last,), scheme, weight, bias))
        network = Network(self.steps, tuple(self.layers), {"name": f"sample-{seed}", "high": 1})
        folds = {}
        for layer in network.layers:
            if dimensions(layer, network) is not None:
                fold, table = self._fold(layer, network), rng.random() < _TABLES
                if table and isinstance(layer, Synapse) and fabric in ARITY:
                    loaders = int(rng.choice([1, 2, fold.pe]))
                    fold = replace(fold, kind="table", loaders=min(loaders, fold.pe))
                folds[layer.name] = fold
        widths = "actual" if rng.random() < 0.5 else "format"
        built_for = fabric if fabric in ARITY else "plain"
        return network, Hardware(1 << 20, self.steps, folds, widths, built_for)

    def _scheme(self) -> Scheme:
        return Scheme.parse(str(self.rng.choice(SCHEMES)))

    def _cell(
        self, name: str, source: str, out: int, kernel: int, stride: int = 1, padding: int = 0
    ) -> str:
        scheme = self._scheme()
        shape = (out, self.edges[source].channels, kernel, kernel)
        weight = self.rng.choice(scheme.levels, shape).astype(np.int8)
        weight.flat[0], weight.flat[-1] = scheme.levels[-1], scheme.levels[0]
        put = self.put(Synapse(name, (source,), scheme, weight, stride, padding))
        return self._lif(f"{name}_lif", put)

    def _lif(self, name: str, source: str) -> str:
        rng, edge = self.rng, self.edges[source]
        neuron = Neuron()
        if rng.random() < 0.25:
            charge, reset = (
                str(rng.choice(["shift", "none"])),
                str(rng.choice(["zero", "subtract"])),
            )
            neuron = Neuron(charge=charge, reset=reset, membrane_bits=16)
        reach = max(1.0, (edge.type.high - edge.type.low) / 4) * (1 << neuron.frac_bits)
        reach = min(reach, neuron.membrane.high / 2)
        threshold = rng.integers(1, int(reach) + 2, edge.channels)
        bias = rng.integers(-int(reach / 4) - 1, int(reach / 4) + 2, edge.channels)
        return self.put(LIF(name, (source,), neuron, threshold, bias))

    def _fold(self, layer: Layer, network: Network) -> Fold:
        legal = list(choices(layer, network))
        small = [fold for fold in legal if lanes(layer, fold, network) <= _MOST_LANES]
        return (small or legal)[int(self.rng.integers(len(small or legal)))]
