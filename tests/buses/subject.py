"""One tiny network behind every bus: its samples as words, and the answers that are right."""

from __future__ import annotations

import os
from functools import cache

import numpy as np

from hw.emit import network_digest
from ir.fold import Fold, Hardware
from ir.golden import run
from ir.image import images
from ir.layers import Input
from ir.network import Network
from ir.plan import Plan
from ir.planner import build
from ir.protocol import Answer, Code
from ir.registers import spiking
from tests.hw.bench import pack
from tests.networks import Builder

LONG = bool(os.environ.get("SPIKEWRIGHT_LONG"))
"""Whether cocotb tests run through many more cases."""

HIGH = 5
"""Largest input: three bits hold more, so that elements can lie outside the range."""


class Subject:
    """A network of two layers, 8 words of 6 bits a sample, 3 classes.

    Attributes
    ----------
    network, plan, contents, digest
    words : int
        Of a sample.
    """

    def __init__(self) -> None:
        b = Builder(np.random.default_rng(19), 2, neurons="default", schemes=("u4",))
        last = b.put(Input("input", (), (4, 2, 2), HIGH))
        last = b.unit("a", last, 4)
        self.network: Network = b.readout(b.unit("b", last, 3), 3)
        folds = {"a.conv": Fold(2, 2), "b.conv": Fold(1, 2), "head": Fold(1, 1)}
        self.plan: Plan = build(self.network, Hardware(64, 2, folds))
        self.contents = images(self.network, self.plan)
        self.digest = network_digest(self.network)
        self.words = self.plan.source.words

    def samples(self, seed: int, count: int) -> list[list[int]]:
        """Return the words of random samples."""
        return [pack(self._values(image), self.plan.source) for image in self._images(seed, count)]

    def answers(self, seed: int, count: int) -> list[Answer]:
        """Return the golden model's answers to the same samples."""
        found = run(self.network, self._images(seed, count))
        logits = found.logits(self.network).reshape(count, -1).tolist()
        return [
            Answer(Code.OK, label, tuple(row))
            for label, row in zip(found.labels.tolist(), logits, strict=True)
        ]

    def spikes(self, seed: int, count: int) -> list[int]:
        """Return how many spikes leave each layer of neurons for the same samples."""
        outputs = run(self.network, self._images(seed, count)).outputs
        return [int(np.count_nonzero(outputs[layer])) for layer in spiking(self.plan)]

    def _images(self, seed: int, count: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return rng.integers(0, HIGH + 1, (count, 4, 2, 2)).astype(np.uint8)

    def _values(self, image: np.ndarray) -> np.ndarray:
        return image.astype(np.int64).reshape(1, 4, -1).swapaxes(1, 2)


@cache
def subject() -> Subject:
    """Return the one subject."""
    return Subject()
