"""The analytic cost of a network: storage, and energy in 45 nm, per layer and weight format."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from ir.errors import SpikewrightError
from ir.layers import Readout, Synapse
from ir.network import Network
from ir.scheme import Scheme

FLOAT = "fp32"
"""Weights that are not quantized; no hardware is built for them."""
PARTS = ("tokenizer", "attention", "mlp", "head", "other")
_FLOAT_BITS = 32
_PART = (
    (r"tokenizer\.\d+\.conv|position\.conv", "tokenizer"),
    (r"block\.\d+\.(q|k|v|proj)", "attention"),
    (r"block\.\d+\.fc[12]|hidden\.\d+\.fc", "mlp"),
    (r"head", "head"),
)


@dataclass(frozen=True)
class Energy:
    """Energy of operations and of memory [pJ], 45 nm, 0.9 V; each may be replaced.

    Parameters
    ----------
    fp32_mult, fp32_add : float
        Of weights that are not quantized: 3.7 and 0.9.
    int_mult, int_add : float
        Of uniform formats: those of 32 bits, 3.1 and 0.1. Binary and ternary weights, 1, 0 and -1,
        are only added.
    shift : float
        Of power-of-two formats, in place of the multiplication: that of 32 bits, 0.13.
    dram_bit : float
        Reading one bit of a weight once from DRAM: 640 pJ for 32 bits.
    steps : int
        Time steps that operations are counted for; the formula of the source counts one.

    Source
    ------
    Multiplications and additions: Horowitz, "Computing's energy problem", ISSCC 2014. Shifts: You
    et al., "ShiftAddNet", 2020. DRAM: Han et al., "EIE", 2016, quoting Horowitz. Formula: SpikeHQ;
    its constants are not public. At ten times this DRAM energy, which its energy shares suggest,
    and 15.2 times less storage, its 10.4 times less energy lies between all uniform (7.9) and all
    power of two (15.5) with the constants of 32 bits; those of 8 bits (:data:`TABLES`) give 15.5.
    """

    fp32_mult: float = 3.7
    fp32_add: float = 0.9
    int_mult: float = 3.1
    int_add: float = 0.1
    shift: float = 0.13
    dram_bit: float = 20.0
    steps: int = 1

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, (int, float)) or isinstance(value, bool) or not value >= 0:
                raise SpikewrightError(
                    f"Energy constant {field.name} is {value!r:.40}; allowed are numbers from 0."
                )

    @classmethod
    def of(cls, table: str, **changes: Any) -> Energy:
        """Return the table called ``int32`` or ``int8`` with some constants replaced.

        Raises
        ------
        SpikewrightError
            If the table or a constant is unknown, or a value is negative.
        """
        if table not in TABLES:
            raise SpikewrightError(
                f"Energy table is {table!r:.40}; allowed are {', '.join(TABLES)}."
            )
        names = [field.name for field in fields(cls)]
        if unknown := [name for name in changes if name not in names]:
            raise SpikewrightError(
                f"Energy constants {', '.join(map(repr, unknown))} are unknown; allowed are "
                f"{', '.join(names)}."
            )
        return replace(TABLES[table], **changes)

    def operation(self, scheme: str) -> float:
        """Return the energy [pJ] of one weight times one activation, added to a sum."""
        if scheme == FLOAT:
            return self.fp32_mult + self.fp32_add
        form = Scheme.parse(scheme)
        if form.signs:
            return self.int_add
        return self.int_add + (self.shift if form.power_of_two else self.int_mult)


TABLES = {"int32": Energy(), "int8": Energy(int_mult=0.2, int_add=0.03, shift=0.024)}
"""Constants of integers of 32 and of 8 bits."""


@dataclass(frozen=True)
class Work:
    """What a layer with weights holds and does.

    Parameters
    ----------
    layer : str
    part : str
        One of :data:`PARTS`.
    weights : int
    macs : int
        Multiply-accumulates per time step, whatever their operands are.
    """

    layer: str
    part: str
    weights: int
    macs: int


def works(network: Network) -> list[Work]:
    """Return what every layer with weights does, in order of data.

    The head works once per time step, on a sum over tokens.
    """
    found = []
    for layer in network.layers:
        if isinstance(layer, (Synapse, Readout)):
            weights = int(layer.weight.size)
            positions = network.edges[layer.name].positions
            found.append(Work(layer.name, part(layer.name), weights, weights * positions))
    return found


def part(layer: str) -> str:
    """Return which part of a network a layer belongs to, by the names that training gives.

    Examples
    --------
    >>> part("position.conv"), part("block.1.proj"), part("hidden.0.fc"), part("fc")
    ('tokenizer', 'attention', 'mlp', 'other')
    """
    return next((noun for pattern, noun in _PART if re.fullmatch(pattern, layer)), "other")


def bits(scheme: str) -> int:
    """Return the width of a weight [bit]."""
    return _FLOAT_BITS if scheme == FLOAT else Scheme.parse(scheme).bits


def storage(found: Sequence[Work], schemes: Sequence[str]) -> np.ndarray:
    """Return what the weights of each layer take in each format, float64 (layer, scheme) [bit]."""
    return np.outer([work.weights for work in found], [bits(name) for name in schemes]).astype(
        np.float64
    )


def energy(found: Sequence[Work], schemes: Sequence[str], constants: Energy) -> np.ndarray:
    """Return the energy of each layer in each format, float64 (layer, scheme) [pJ]."""
    operations = np.outer(
        [work.macs * constants.steps for work in found],
        [constants.operation(name) for name in schemes],
    )
    return operations + storage(found, schemes) * constants.dram_bit


def shares(found: Iterable[Work], costs: Iterable[float]) -> dict[str, float]:
    """Return which share of the costs each part takes, of 1; parts without layers are left out."""
    sums: dict[str, float] = {}
    for work, cost in zip(found, costs, strict=True):
        sums[work.part] = sums.get(work.part, 0.0) + float(cost)
    total = sum(sums.values())
    return {name: sums[name] / total for name in PARTS if name in sums}


SEED_SHARES = {"tokenizer": 0.414, "attention": 0.195, "mlp": 0.389}
"""Energy of the reference network with fp32 weights as SpikeHQ publishes it, of 1."""
DRAM_FACTORS = (0.1, 0.3, 1.0, 3.0, 10.0)


def report(network: Network, constants: Energy) -> dict[str, Any]:
    """Return what a network costs, with fp32 weights and in its own formats, as plain values.

    Returns
    -------
    dict
        ``weights``, ``macs_per_step``; ``storage_share`` and ``energy_share`` of fp32 weights by
        part [%]; ``sensitivity``: energy shares for other DRAM energies; ``fp32`` and
        ``quantized``: ``storage_bits``, ``energy_pj``, ``compute_share`` [%]; ``layers``: rows.
    """
    found = works(network)
    own = [network.quantization[work.layer] for work in found]
    schemes = [FLOAT, *dict.fromkeys(own)]
    column = [schemes.index(name) for name in own]
    rows = np.arange(len(found))
    stored, spent = storage(found, schemes), energy(found, schemes, constants)

    def totals(columns: Any) -> dict[str, float]:
        held, used = stored[rows, columns].sum(), spent[rows, columns].sum()
        return {
            "storage_bits": int(held),
            "bits_per_weight": round(float(held) / stored[:, 0].sum() * _FLOAT_BITS, 3),
            "energy_pj": round(float(used), 1),
            "compute_share": _percent(1 - float(held) * constants.dram_bit / float(used)),
        }

    sensitivity = []
    for factor in DRAM_FACTORS:
        other = replace(constants, dram_bit=constants.dram_bit * factor)
        used = energy(found, [FLOAT], other)[:, 0]
        memory = stored[:, 0].sum() * other.dram_bit
        sensitivity.append(
            {
                "dram_factor": factor,
                "dram_pj_per_bit": other.dram_bit,
                **_percents(shares(found, used)),
                "compute": _percent(1 - memory / used.sum()),
            }
        )
    return {
        "weights": sum(work.weights for work in found),
        "macs_per_step": sum(work.macs for work in found),
        "steps": network.steps,
        "constants": asdict(constants),
        "storage_share": _percents(shares(found, stored[:, 0])),
        "energy_share": _percents(shares(found, spent[:, 0])),
        "seed_energy_share": _percents(SEED_SHARES),
        "sensitivity": sensitivity,
        "fp32": totals(0),
        "quantized": totals(column),
        "layers": [
            {
                "layer": work.layer,
                "part": work.part,
                "weights": work.weights,
                "macs_per_step": work.macs,
                "scheme": name,
                "fp32_pj": round(float(spent[row, 0]), 1),
                "energy_pj": round(float(spent[row, column[row]]), 1),
            }
            for row, (work, name) in enumerate(zip(found, own, strict=True))
        ],
    }


def _percent(value: float) -> float:
    return round(100 * float(value), 1)


def _percents(values: Mapping[str, float]) -> dict[str, float]:
    return {name: _percent(value) for name, value in values.items()}
