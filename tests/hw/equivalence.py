"""Proofs that arithmetic in hardware is that of its definition, for all inputs.

The gates of a unit become SMT terms by Yosys. The definition is the Python of :mod:`ir` itself, run
on terms instead of integers (:class:`Terms`): wide enough that nothing wraps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import z3
from amaranth.hdl import Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.stream import shape
from ir.types import IntType
from tests.hw.proof import synthesised

WIDE = 28


class Unit(wiring.Component):
    """Combinational logic with named operands and results.

    Parameters
    ----------
    operands : mapping of str to IntType
        With the values that an operand may have.
    results : mapping of str to IntType
        With the values that a result may take.
    make : callable
        From the module and the operands to the results, in order.
    """

    def __init__(
        self,
        operands: Mapping[str, IntType],
        results: Mapping[str, IntType],
        make: Callable[[Module, list[Value]], list[Value]],
    ) -> None:
        self.operands, self.results, self.make = dict(operands), dict(results), make
        super().__init__(
            {name: In(shape(type)) for name, type in operands.items()}
            | {name: Out(shape(type)) for name, type in results.items()}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        taken = [getattr(self, name) for name in self.operands]
        for name, value in zip(self.results, self.make(m, taken), strict=True):
            m.d.comb += getattr(self, name).eq(value)
        return m


class Terms:
    """Operations of a neuron (:class:`ir.neuron.Ops`) on terms of :data:`WIDE` bits."""

    def floor_shift(self, x: Any, k: int) -> Any:
        return x >> k

    def clamp(self, x: Any, low: int, high: int) -> Any:
        return z3.If(x < low, z3.BitVecVal(low, WIDE), z3.If(x > high, z3.BitVecVal(high, WIDE), x))

    def fires(self, h: Any, threshold: Any, fire: str) -> Any:
        fired = h >= threshold if fire == ">=" else h > threshold
        return z3.If(fired, z3.BitVecVal(1, WIDE), z3.BitVecVal(0, WIDE))


def differs(
    unit: Unit, definition: Callable[[list[Any]], list[Any]], work: Path
) -> dict[str, int] | None:
    """Return operands with which a unit differs from its definition, or None: a proof.

    Parameters
    ----------
    unit : Unit
    definition : callable
        From operands to results, terms of :data:`WIDE` bits, which must lie in the declared ranges.
    work : Path
        Empty directory.
    """
    text = synthesised(unit, work)
    names = {name: type.width for name, type in (unit.operands | unit.results).items()}
    ties = "".join(
        f"(declare-const {name} (_ BitVec {width}))\n(assert (= {name} {_get(name, width)}))\n"
        for name, width in names.items()
    )
    solver = z3.Solver()
    solver.add(z3.parse_smt2_string(f"{text}\n(declare-const state |top_s|)\n{ties}"))
    terms = []
    for name, type in unit.operands.items():
        terms.append(_wide(name, type))
        solver.add(terms[-1] >= type.low, terms[-1] <= type.high)
    wrong = []
    for (name, type), value in zip(unit.results.items(), definition(terms), strict=True):
        wrong += [_wide(name, type) != value, value < type.low, value > type.high]
    solver.add(z3.Or(wrong))
    if solver.check() == z3.unsat:
        return None
    model = solver.model()
    return {
        name: model.eval(_wide(name, type), True).as_signed_long()
        for name, type in unit.operands.items()
    }


def _wide(name: str, type: IntType) -> Any:
    extend = z3.SignExt if type.low < 0 else z3.ZeroExt
    return extend(WIDE - type.width, z3.BitVec(name, type.width))


def _get(name: str, width: int) -> str:
    # Yosys makes a single bit a Boolean.
    term = f"(|top_n {name}| state)"
    return f"(ite {term} #b1 #b0)" if width == 1 else term
