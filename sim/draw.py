"""Random topologies: any legal mix of engines, shapes, steps, formats, neurons and folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ir.errors import SpikewrightError
from ir.layers import Attention, MaxPool, Synapse
from ir.network import Network
from ir.neuron import CHARGES, FIRES, RESETS
from ir.planner import build as plan
from sim.topology import Topology, build

SCHEMES = (*(f"u{bits}" for bits in range(2, 9)), "pot2", "pot3", "pot4", "binary", "ternary")
SIDES = (1, 2, 3, 4, 5, 7)
CHANNELS = (1, 2, 3, 4, 5, 6, 7, 8)
HIGHS = (1, 3, 16, 255, 65535)
MOST_WORK = 200_000
"""Operations of one sample, all steps together; more would make a case slow, not better."""
_TRIES = 200


class _Dice:
    """Draws parts of topologies."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def one(self, values: Sequence[Any]) -> Any:
        return values[int(self.rng.integers(len(values)))]

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def below(self, high: int) -> int:
        return int(self.rng.integers(high))

    def neuron(self) -> dict[str, Any]:
        if self.chance(0.3):
            return {}
        bits = self.one((2, 5, 8, 12, 16, 24, 31, 32, 33, 48))
        reach = 1 << (bits - 1)
        initial = self.one(
            (0, 0, 0, -reach, reach - 1, self.below(min(40, 2 * reach)) - min(20, reach))
        )
        return {
            "charge": self.one(CHARGES),
            "fire": self.one(FIRES),
            "reset": self.one(RESETS),
            "leak_shift": self.one((1, 1, 2, 3, 7, 15)),
            "frac_bits": self.one((0, 1, 2, 4, 8, 16)),
            "membrane_bits": bits,
            "initial": int(np.clip(initial, -reach, reach - 1)),
        }

    def fold(self) -> int:
        return self.below(1000)

    def window(self) -> dict[str, int]:
        kernel = self.one((1, 1, 2, 3, 3, 4))
        return {
            "kernel": kernel,
            "stride": self.one((1, 1, 1, 2, 3)),
            "padding": self.below((kernel - 1) // 2 + 1),
        }

    def weights(self) -> dict[str, Any]:
        loaders = self.one((1, 2, 3)) if self.chance(0.25) else 0
        return {
            "scheme": self.one(SCHEMES),
            "fold": self.fold(),
            "loaders": loaders,
            "slice": 0 if loaders or self.chance(0.7) else 1 + self.below(4),
        }

    def unit(self, *, keep: bool = False) -> dict[str, Any]:
        """Draw a convolution and its neurons; one that keeps the map has an odd kernel."""
        found = {"kind": "unit", "channels": self.one(CHANNELS), **self.weights()}
        kernel = self.one((1, 1, 3))
        kept = {"kernel": kernel, "stride": 1, "padding": kernel // 2}
        return found | (kept if keep else self.window()) | {"neuron": self.neuron()}

    def pool(self) -> dict[str, Any]:
        return {"kind": "pool", **self.window(), "fold": self.fold()}

    def residual(self) -> dict[str, Any]:
        count = self.one((1, 1, 2))
        return {"kind": "residual", "parts": [self.unit(keep=True) for _ in range(count)]}

    def shortcut(self) -> dict[str, Any]:
        plain = {"kernel": 1, "stride": 1, "padding": 0}
        return {
            **self.unit(),
            "kind": "shortcut",
            "pool": self.pool() if self.chance(0.5) else None,
            "branch": {**self.unit(), **plain},
            "shift": self.one((0, 1, 3, 7)),
        }

    def attention(self) -> dict[str, Any]:
        token = {"kernel": 1, "stride": 1, "padding": 0}
        return {
            "kind": "attention",
            "heads": self.one((1, 1, 2, 3)),
            "width": self.one((1, 2, 3, 4, 5)),
            **{noun: {**self.unit(), **token} for noun in "qkv"},
            "neuron": self.neuron(),
            "fold": self.fold(),
            "proj": {**self.unit(), **token} if self.chance(0.5) else None,
        }

    def part(self) -> dict[str, Any]:
        kind = self.one(("unit", "unit", "pool", "residual", "shortcut", "attention"))
        found: dict[str, Any] = getattr(self, kind)()
        return found


def draw(seed: int, index: int) -> Topology:
    """Return the topology number ``index`` of a campaign; every one can be built.

    Parameters
    ----------
    seed, index : int
        0 or more; the same pair gives the same topology.
    """
    for attempt in range(_TRIES):
        dice = _Dice(np.random.default_rng((seed, index, attempt)))
        found = _topology(dice)
        try:
            network, hardware = build(found)
            if work(network) > MOST_WORK:
                continue
            plan(network, hardware)
        except SpikewrightError:
            continue
        return found
    raise RuntimeError(f"No topology number {index} of seed {seed} can be built.")


def _topology(dice: _Dice) -> Topology:
    return {
        "seed": dice.below(1 << 31),
        "steps": dice.one((1, 2, 3, 4, 5, 8, 16, 1 + dice.below(16))),
        "widths": "actual" if dice.chance(0.2) else "format",
        "pass": 0 if dice.chance(0.7) else dice.below(4),
        "input": {
            "channels": dice.one((1, 1, 2, 3)),
            "height": dice.one(SIDES),
            "width": dice.one(SIDES),
            "high": dice.one(HIGHS),
            "moving": dice.chance(0.2),
        },
        "parts": [
            *([dice.pool()] if dice.chance(0.1) else []),
            dice.unit(),
            *(dice.part() for _ in range(dice.one((0, 1, 1, 2, 2, 3)))),
        ],
        "head": {
            "classes": dice.one((1, 2, 3, 5, 10)),
            "scheme": dice.one(SCHEMES),
            "fold": dice.fold(),
        },
        "parity": dice.chance(0.25),  # drawn last: older seeds give the networks that they gave
    }


def work(network: Network) -> int:
    """Return about how many operations one sample takes."""
    total = 0
    for layer in network.layers[1:]:
        out, source = network.edges[layer.name], network.edges[layer.inputs[0]]
        each = out.positions * out.channels * out.steps
        if isinstance(layer, Synapse):
            total += each * layer.fan_in
        elif isinstance(layer, MaxPool):
            total += each * layer.kernel**2
        elif isinstance(layer, Attention):
            total += each * source.positions
        else:
            total += each
    return total
