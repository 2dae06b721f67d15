"""Processing elements: sums of products of activations and weight codes.

A processing element is combinational. Weights are decoded once and shared by all time steps.
"""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed

from hw.stream import tree
from ir.scheme import Scheme
from ir.types import IntType

NARROW = 4
"""Widest activation [bit] that the integer PE takes bit plane by bit plane."""


def products(
    m: Module,
    scheme: Scheme,
    type: IntType,
    codes: Sequence[Value],
    activations: Sequence[Sequence[Value]],
) -> list[Value]:
    """Return, for each time step, the sum over the lanes of activation times decoded weight.

    Parameters
    ----------
    m : Module
        Receives the decoders.
    scheme : ir.scheme.Scheme
        How :meth:`ir.scheme.Scheme.decode` reads a code; power-of-two schemes take the shift PE,
        ``binary`` the binary PE, the others the integer PE.
    type : IntType
        Range of an activation.
    codes : Values, one per lane
    activations : Values, by lane and step
    """
    by_step = list(zip(*activations, strict=True))
    if not scheme.has_zero:
        return [_signs(type, codes, step) for step in by_step]
    if type.binary or not scheme.power_of_two:
        weights = [decode(m, scheme, code) for code in codes]
        if type.binary:
            return [_gated(weights, step) for step in by_step]
        add = _planes if type.width <= NARROW else _multiplied
        return [add(weights, step) for step in by_step]
    return _shifted(codes, by_step)


def decode(m: Module, scheme: Scheme, code: Value) -> Value:
    """Return the signed integer that a code, legal or not, of a scheme with 0 stands for."""
    if not scheme.power_of_two:
        return code.as_signed()
    magnitude, sign = code[:-1], code[-1]
    power = Cat(magnitude == exponent + 1 for exponent in range(scheme.max_exponent + 1))
    weight = Signal(signed(len(power) + 1), name="weight")
    m.d.comb += weight.eq(Mux(sign, -power, power))
    return weight


def _signs(type: IntType, codes: Sequence[Value], activations: Sequence[Value]) -> Value:
    """Sum all activations, less twice those whose weight is -1.

    The first sum is the same for all outputs, so that synthesis keeps one.
    """
    negative = [_gate(a, code[0]) for a, code in zip(activations, codes, strict=True)]
    total = tree(activations) - (tree(negative) << 1)
    largest = len(codes) * max(type.high, -type.low)
    return total[: IntType(-largest, largest).width].as_signed()


def _gated(weights: Sequence[Value], spikes: Sequence[Value]) -> Value:
    """Sum the weights where there is a spike."""
    return tree([_gate(w, spike[0]) for w, spike in zip(weights, spikes, strict=True)])


def _planes(weights: Sequence[Value], activations: Sequence[Value]) -> Value:
    """Sum bit plane by bit plane: gated adds, shifted; the sign plane is subtracted."""
    width = len(activations[0])
    sums = [
        tree([_gate(w, a[bit]) for w, a in zip(weights, activations, strict=True)]) << bit
        for bit in range(width)
    ]
    if not activations[0].shape().signed:
        return tree(sums)
    return tree(sums[:-1]) - sums[-1] if width > 1 else -sums[0]


def _multiplied(weights: Sequence[Value], activations: Sequence[Value]) -> Value:
    return tree([w * a for w, a in zip(weights, activations, strict=True)])


def _shifted(codes: Sequence[Value], by_step: Sequence[Sequence[Value]]) -> list[Value]:
    """Sum the shifted activations.

    A negative product is its complement plus one; the ones are counted once for all steps.
    """
    negative = tree([code[-1] for code in codes])
    return [
        tree([_shift(a, code) for a, code in zip(step, codes, strict=True)]) + negative
        for step in by_step
    ]


def _shift(activation: Value, code: Value) -> Value:
    """Return activation << exponent, complemented where the sign is set, as a signed value."""
    magnitude, sign = code[:-1], code[-1]
    shifted = (_gate(activation, magnitude.any()) << magnitude)[1:]
    extended = shifted.as_signed() if activation.shape().signed else Cat(shifted, 0).as_signed()
    return extended ^ sign.replicate(len(extended)).as_signed()


def _gate(value: Value, enable: Value) -> Value:
    gated = value.as_unsigned() & enable.replicate(len(value))
    return gated.as_signed() if value.shape().signed else gated
