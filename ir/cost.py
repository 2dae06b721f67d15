"""What stations cost before anything is synthesized: measured coefficients times features."""

from __future__ import annotations

from collections.abc import Mapping

from ir import characterisation
from ir.characterisation import Characterisation, Costs, Model
from ir.errors import SpikewrightError
from ir.features import TOP, Features, features
from ir.plan import Plan, Station
from ir.usage import Usage


def predict(station: Station, fabric: str, measured: Characterisation | None = None) -> Usage:
    """Return the resources that a station takes on a fabric.

    Parameters
    ----------
    station : ir.plan.Station
    fabric : str
        ``ecp5``, ``ice40``, ``gowin`` or ``xc7``.
    measured : Characterisation, optional
        Coefficients; the shipped ones without it.

    Raises
    ------
    SpikewrightError
        If the fabric was not measured, or this kind of station has no features.
    """
    costs = costs_of(fabric, measured)
    found = features(station, fabric)
    return Usage() if found is None else usage(found, costs)


def predict_plan(
    plan: Plan, fabric: str, measured: Characterisation | None = None
) -> dict[str, Usage]:
    """Return the resources of every station by name, and those of the top as ``""``.

    Add them up for the accelerator: ``sum(found.values(), Usage())``.
    """
    costs = costs_of(fabric, measured)
    found = {station.name: predict(station, fabric, measured) for station in plan.stations}
    return found | {"": usage(TOP, costs)}


def usage(found: Features, costs: Costs) -> Usage:
    """Return the resources of a station from its features.

    A model that was not measured costs one LUT per unit of each feature and one flip-flop per
    register bit, as ``sim.characterise`` believes before it measures.
    """
    # Constant weights cost less than those of a memory; how much less may not have been measured.
    model = costs.models.get(found.model) or costs.models.get(found.model.removesuffix("_constant"))
    if model is None:
        nothing = dict.fromkeys(found.logic, 0.0)
        model = Model(dict.fromkeys(found.logic, 1.0), nothing, (0.0, 1.0), 0.0, 0, 0.0)
    memory = found.memory
    lut = _dot(model.lut, found.logic) + memory.lut_ram * costs.lut_per_lut_ram
    base, per_bit = model.ff
    return Usage(
        lut=round(lut),
        ff=round(base + per_bit * found.registers),
        carry=round(_dot(model.carry, found.logic)),
        block_ram=memory.block_ram,
        lut_ram=memory.lut_ram,
        dsp=round(model.dsp * found.multipliers),
    )


def costs_of(fabric: str, measured: Characterisation | None = None) -> Costs:
    """Return the measured costs of a fabric.

    Raises
    ------
    SpikewrightError
        If it was not measured.
    """
    fabrics = (measured or characterisation.load()).fabrics
    if fabric not in fabrics:
        raise SpikewrightError(
            f"Fabric {fabric!r:.40} was not measured; known are {', '.join(fabrics)}."
        )
    return fabrics[fabric]


def _dot(coefficients: Mapping[str, float], values: Mapping[str, float]) -> float:
    return sum(coefficients.get(name, 0.0) * value for name, value in values.items())
