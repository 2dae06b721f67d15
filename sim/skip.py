"""What skipping words without a spike could gain: share of such words, and cycles with and without.

A synapse engine takes one cycle per word of ``simd`` channels and Tc time steps, so that a word can
be left out only if all of its simd x Tc elements are silent. The best possible gain is therefore
1 / (1 - share of silent words); whatever finds the words costs LUTs besides, and makes the cycles
follow the data, so that no static schedule gives buffer depths and transfers any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ir.layers import Readout, Synapse
from ir.network import Network
from sim.luts import luts

SIMDS = (1, 2, 4, 8)
DENSITIES = (0.05, 0.1, 0.2)


def silent(spikes: np.ndarray, simd: int, steps: int) -> float:
    """Return the share of words without a spike.

    Parameters
    ----------
    spikes : integers (count, T, positions, channels)
    simd : int
        Channels per word; divides the channels.
    steps : int
        Time steps Tc per word; divides T.
    """
    count, all_steps, positions, channels = spikes.shape
    words = spikes.reshape(count, all_steps // steps, steps, positions, channels // simd, simd)
    return float((words == 0).all((2, 5)).mean())


def _row(source: str, spikes: np.ndarray, simd: int, steps: int) -> dict[str, Any]:
    share = silent(spikes, simd, steps)
    return {
        "source": source,
        "density": round(float((spikes != 0).mean()), 4),
        "simd": simd,
        "steps": steps,
        "silent": round(share, 4),
        "best_gain": round(1 / max(1 - share, 1e-9), 2),
    }


class _Finder(wiring.Component):
    """Walks through the set bits of a vector, one a cycle: what leaves out silent words."""

    def __init__(self, flags: int) -> None:
        self.flags = flags
        super().__init__(
            {
                "load": In(1),
                "vector": In(flags),
                "index": Out(range(flags)),
                "found": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rest = Signal(self.flags)
        lowest = rest & (~rest + 1)
        index = Signal(range(self.flags))
        m.d.comb += [
            bit.eq((lowest & sum(1 << n for n in range(self.flags) if n >> k & 1)).any())
            for k, bit in enumerate(index)
        ]
        m.d.sync += [
            rest.eq(rest ^ lowest),
            self.index.eq(index),
            self.found.eq(rest.any()),
        ]
        with m.If(self.load):
            m.d.sync += rest.eq(self.vector)
        return m


def control_rows(
    flags: tuple[int, ...] = (9, 36, 72), fabric: str = "ecp5"
) -> list[dict[str, Any]]:
    """Return the LUTs of finding the words with spikes among ``flags`` words of a position.

    A lower bound of the control: the memory of the flags and its window come on top.
    """
    return [{"fabric": fabric, "flags": n, "luts": luts(_Finder(n), fabric)} for n in flags]


def random_rows(steps: int = 4, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Yield rows for independent spikes of the published densities, T time steps."""
    rng = np.random.default_rng(seed)
    for density in DENSITIES:
        spikes = rng.random((64, steps, 64, 64)) < density
        for per_word in (1, steps):
            yield from (_row("random", spikes, simd, per_word) for simd in SIMDS)


def network_rows(network: Network, outputs: Mapping[str, np.ndarray]) -> Iterator[dict[str, Any]]:
    """Yield rows for every layer that feeds weights.

    Parameters
    ----------
    network : Network
    outputs : mapping of layer name to integers (count, T, positions, channels)
        What a golden model computed.
    """
    fed = {layer.inputs[0] for layer in network.layers if isinstance(layer, (Synapse, Readout))}
    for name in (layer.name for layer in network.layers if layer.name in fed):
        edge = network.edges[name]
        if edge.steps == 1:
            continue
        for per_word in sorted({1, edge.steps}):
            for simd in SIMDS:
                if edge.channels % simd == 0:
                    yield _row(name, outputs[name], simd, per_word)
