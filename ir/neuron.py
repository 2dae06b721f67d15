"""The neuron arithmetic, written once.

:meth:`Neuron.step` is executed with Python integers, NumPy arrays, integer tensors and
straight-through float tensors; what differs between them (floor shift, clamp, compare) comes in
through ``ops``. ``hw.neuron`` is its twin in hardware.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ir.errors import SpikewrightError
from ir.types import IntType

CHARGES = ("half", "shift", "none")
FIRES = (">=", ">")
RESETS = ("zero", "subtract", "none")


class Ops(Protocol):
    """The three operations in which integer and trainable executions differ."""

    def floor_shift(self, x: Any, k: int) -> Any:
        """Return floor(x / 2^k)."""

    def clamp(self, x: Any, low: int, high: int) -> Any:
        """Return x limited to low..high."""

    def fires(self, h: Any, threshold: Any, fire: str) -> Any:
        """Return 1 where ``h`` reaches ``threshold`` (``>=``) or exceeds it (``>``), else 0."""


class IntegerOps:
    """Operations on Python integers and NumPy integer arrays."""

    def floor_shift(self, x: Any, k: int) -> Any:
        return x >> k

    def clamp(self, x: Any, low: int, high: int) -> Any:
        if isinstance(x, int):
            return min(max(x, low), high)
        return np.clip(x, low, high)

    def fires(self, h: Any, threshold: Any, fire: str) -> Any:
        return (h >= threshold if fire == ">=" else h > threshold) * 1


INTEGER = IntegerOps()


@dataclass(frozen=True)
class Neuron:
    """Leaky integrate-and-fire neuron on integers.

    With membrane potential v and current i in units of 2^-frac_bits of a weight unit:
    charge ``half``: h = (v + i) >> 1; ``shift``: h = v - (v >> leak_shift) + i; ``none``:
    h = v + i. h saturates at the membrane width *before* firing. Fire on ``>=`` or ``>`` a
    per-channel threshold. Reset ``zero``: v = h (1 - spike); ``subtract``: v = h - threshold spike;
    ``none``: v = h.

    Parameters
    ----------
    charge, fire, reset : str
        See above.
    leak_shift : int
        Leak of charge ``shift``, 1..15; ignored by the others.
    frac_bits : int
        Fractional bits F of membrane, threshold and bias, 0..16.
    membrane_bits : int
        Width [bit] of the signed membrane, 2..48; h saturates at its bounds.
    initial : int
        Membrane potential before the first time step.

    Raises
    ------
    SpikewrightError
        If a parameter is outside its range.

    Source
    ------
    Charge ``half``, hard reset, ``>=``: SpikingJelly's LIFNode with tau = 2 and decay_input.

    Examples
    --------
    >>> neuron = Neuron(frac_bits=0)
    >>> neuron.step(5, 10, 8, INTEGER)
    (7, 0, 7)
    >>> neuron.step(7, 10, 8, INTEGER)
    (8, 1, 0)
    """

    charge: str = "half"
    fire: str = ">="
    reset: str = "zero"
    leak_shift: int = 1
    frac_bits: int = 8
    membrane_bits: int = 24
    initial: int = 0

    def __post_init__(self) -> None:
        for noun, given, allowed in (
            ("charge", self.charge, CHARGES),
            ("fire", self.fire, FIRES),
            ("reset", self.reset, RESETS),
            ("leak_shift", self.leak_shift, range(1, 16)),
            ("frac_bits", self.frac_bits, range(17)),
            ("membrane_bits", self.membrane_bits, range(2, 49)),
        ):
            if given not in allowed or type(given) not in (str, int):
                shown = (
                    f"{allowed.start}..{allowed.stop - 1}"
                    if isinstance(allowed, range)
                    else ", ".join(allowed)
                )
                raise SpikewrightError(f"Neuron {noun} is {given!r}; allowed are {shown}.")
        if not isinstance(self.initial, int) or not self.membrane.contains(self.initial):
            raise SpikewrightError(
                f"Neuron initial membrane is {self.initial!r}; allowed are "
                f"{self.membrane.low}..{self.membrane.high}."
            )

    @property
    def membrane(self) -> IntType:
        """Range at which the membrane saturates."""
        return IntType.of_width(self.membrane_bits, signed=True)

    def step(self, v: Any, i: Any, threshold: Any, ops: Ops) -> tuple[Any, Any, Any]:
        """Advance one time step.

        Parameters
        ----------
        v, i, threshold : int or array
            Membrane potential, current (bias included) and threshold, all with F fractional bits.
        ops : Ops
            Arithmetic to execute with.

        Returns
        -------
        h, spike, v : int or array
            Membrane before reset (saturated), spike 0 or 1, membrane after reset.
        """
        if self.charge == "half":
            h = ops.floor_shift(v + i, 1)
        elif self.charge == "shift":
            h = v - ops.floor_shift(v, self.leak_shift) + i
        else:
            h = v + i
        h = ops.clamp(h, self.membrane.low, self.membrane.high)
        spike = ops.fires(h, threshold, self.fire)
        if self.reset == "zero":
            v = h * (1 - spike)
        elif self.reset == "subtract":
            v = h - threshold * spike
        else:
            v = h
        return h, spike, v

    def reach(self, current: IntType, threshold: IntType, steps: int) -> tuple[IntType, IntType]:
        """Return proven ranges of (h before saturation, v) over ``steps`` time steps.

        Parameters
        ----------
        current : IntType
            Range of i, bias included.
        threshold : IntType
            Range of the thresholds of all channels; used by reset ``subtract``.
        """
        v = IntType(self.initial, self.initial)
        h_all = None
        for _ in range(steps):
            if self.charge == "half":
                total = v + current
                h = IntType(total.low >> 1, total.high >> 1)
            elif self.charge == "shift":
                kept = [x - (x >> self.leak_shift) for x in (v.low, v.high)]
                h = IntType(min(kept), max(kept)) + current
            else:
                h = v + current
            h_all = h if h_all is None else h_all.hull(h)
            bounded = IntType(
                min(max(h.low, self.membrane.low), self.membrane.high),
                max(min(h.high, self.membrane.high), self.membrane.low),
            )
            after = bounded
            if self.reset == "zero":
                after = bounded.hull(IntType(0, 0))
            elif self.reset == "subtract":
                # A neuron that fired has h >= threshold, so what is left is not negative.
                after = bounded.hull(IntType(0, max(0, bounded.high - threshold.low)))
            v = v.hull(after)
        assert h_all is not None
        return h_all, v
