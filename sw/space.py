"""The search space: section ``search`` of the run file."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ir.energy import FLOAT, TABLES, Energy
from ir.errors import SpikewrightError
from ir.scheme import ALLOWED, Scheme
from sw.sections import Epochs, Section

Positive = Annotated[float, Field(gt=0, le=1e6)]
Rate = Annotated[float, Field(gt=0, le=1)]
CostName = Literal["energy45", "storage", "cycles", "luts", "block_ram"]
HARDWARE_COSTS = ("cycles", "luts", "block_ram")
"""Costs of what the generator builds; weights without a hardware format have none."""


class Temperature(Section):
    """Temperature of the Gumbel-softmax, from high to low over a search.

    Parameters
    ----------
    schedule : str
        ``linear``, ``cosine`` (slow at both ends) or ``exponential`` (equal ratios).
    first, last : float
        ``first >= last``.
    """

    schedule: Literal["linear", "cosine", "exponential"]
    first: Positive
    last: Positive

    @model_validator(mode="after")
    def _check(self) -> Temperature:
        if self.first < self.last:
            raise SpikewrightError(
                f"Run file key search.temperature.last is {self.last}; allowed is up to "
                f"temperature.first, {self.first}."
            )
        return self

    def at(self, done: float) -> float:
        """Return the temperature after the share ``done``, 0..1, of the search.

        Examples
        --------
        >>> Temperature(schedule="exponential", first=4.0, last=0.25).at(0.5)
        1.0
        """
        if self.schedule == "exponential":
            return float(self.first * (self.last / self.first) ** done)
        left = (1 + math.cos(math.pi * done)) / 2 if self.schedule == "cosine" else 1 - done
        return self.last + (self.first - self.last) * left


class EnergyModel(Section):
    """Constants of the cost ``energy45``: a table of :mod:`ir.energy`, and what replaces them."""

    table: Literal[tuple(TABLES)]  # type: ignore[valid-type]
    constants: dict[str, float | int]

    @property
    def energy(self) -> Energy:
        """The constants [pJ]."""
        return Energy.of(self.table, **self.constants)

    @model_validator(mode="after")
    def _check(self) -> EnergyModel:
        _ = self.energy
        return self


class Search(Section):
    """Candidates, costs and schedules of a search for weight formats.

    Parameters
    ----------
    candidates : tuple of str
        Formats of every layer: schemes, and ``fp32``, which only the search knows.
    pinned : dict
        Layers that take part with one scheme.
    costs : dict
        Weight of each cost; each is divided by what the dearest candidates everywhere would cost.
    budgets : dict
        What some of the costs may come to, in their units; such a cost weighs only while that of
        the most probable formats exceeds its budget.
    lambdas : tuple of float
        Weights of the sum of costs against the cross-entropy; one search each.
    energy : EnergyModel
    fabric : str
        Whose LUTs and block RAM are counted.
    epochs, warm_up_epochs : int
        In the first ``warm_up_epochs`` the learning rate rises and only weights learn.
    learning_rate, architecture_rate : float
        Highest rates of weights and of the architecture; both rise from a tenth and fall to a
        hundredth.
    architecture_share : float
        Share of the training images that the architecture learns from; the weights learn from the
        others.
    temperature : Temperature
    begin : str
        What the training of the searched network begins with: the ``searched`` weights, or
        ``float`` ones that were trained for ``training.float_epochs`` without any search, as all
        homogeneous baselines do.
    """

    candidates: Annotated[tuple[str, ...], Field(strict=False, min_length=2, max_length=16)]
    pinned: dict[str, str]
    costs: Annotated[dict[CostName, Positive], Field(min_length=1)]
    lambdas: Annotated[
        tuple[Annotated[float, Field(ge=0, le=1e6)], ...],
        Field(strict=False, min_length=1, max_length=64),
    ]
    energy: EnergyModel
    fabric: Literal["ecp5", "ice40", "gowin", "xc7"]
    epochs: Epochs
    warm_up_epochs: Epochs
    learning_rate: Rate
    architecture_rate: Rate
    architecture_share: Annotated[float, Field(gt=0, lt=1)]
    temperature: Temperature
    begin: Literal["searched", "float"] = "searched"
    budgets: dict[CostName, Annotated[float, Field(gt=0, le=1e15)]] = Field(default_factory=dict)

    @property
    def schemes(self) -> tuple[str, ...]:
        """Formats that a layer may get, candidates first."""
        return tuple(dict.fromkeys((*self.candidates, *self.pinned.values())))

    def options(self, layer: str) -> tuple[str, ...]:
        """Return the formats that the layer called ``layer`` may get."""
        return (self.pinned[layer],) if layer in self.pinned else self.candidates

    @model_validator(mode="after")
    def _check(self) -> Search:
        for name in self.schemes:
            if name != FLOAT:
                Scheme.parse(name)
        for key, given in (("candidates", self.candidates), ("lambdas", self.lambdas)):
            if len(set(given)) < len(given):
                raise SpikewrightError(f"Run file key search.{key} names a value twice.")
        if FLOAT in self.pinned.values() or set(self.candidates) == {FLOAT}:
            raise SpikewrightError(
                f"Run file section search pins {FLOAT}, which has no hardware; allowed are "
                f"{ALLOWED}."
            )
        for name in self.budgets:
            if name not in self.costs:
                raise SpikewrightError(
                    f"Run file key search.budgets names {name}, which is not searched for; allowed "
                    f"are {', '.join(self.costs)}."
                )
        built = [name for name in self.costs if name in HARDWARE_COSTS]
        if built and FLOAT in self.candidates:
            raise SpikewrightError(
                f"Run file key search.candidates holds {FLOAT}, which has no hardware and so no "
                f"{', '.join(built)}; allowed with it are energy45 and storage."
            )
        if self.warm_up_epochs > self.epochs:
            raise SpikewrightError(
                f"Run file key search.warm_up_epochs is {self.warm_up_epochs}; allowed is up to "
                f"search.epochs, {self.epochs}."
            )
        return self
