"""Loop nests that walk an address through a memory, with the tap's place on the map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth.hdl import Module, Signal, Value

from hw.stream import advance


@dataclass(frozen=True)
class Loop:
    """One level of a loop nest.

    Parameters
    ----------
    count : int
        Iterations; 0 for ever.
    address : int
        Words from one iteration to the next.
    row, column, pixels : int
        What one iteration moves the tap's row, its column, and the position's first pixel by.
    """

    count: int
    address: int = 0
    row: int = 0
    column: int = 0
    pixels: int = 0


def steps(nest: Sequence[Loop], field: str) -> list[int]:
    """Return what ``field`` grows by when each loop advances and all inside it start again.

    Examples
    --------
    >>> steps([Loop(3, address=1), Loop(2, address=8), Loop(0, address=100)], "address")
    [1, 6, 90]
    """
    found, travelled = [], 0
    for loop in nest:
        stride = getattr(loop, field)
        found.append(stride - travelled)
        travelled += (loop.count - 1) * stride
    return found


class Walk:
    """Counters of a loop nest, innermost loop first; the outermost runs for ever.

    Parameters
    ----------
    m : Module
    nest : sequence of Loop
        Loops of one iteration are left out.
    go : Value
        One iteration of the innermost loop ends with this cycle.
    name : str
        Prefix of the signals.

    Attributes
    ----------
    name : str
    last : Signal
        Per finite loop, whether it is in its last iteration.
    """

    def __init__(self, m: Module, nest: Sequence[Loop], go: Value, name: str = "loop") -> None:
        self._m, self._go, self.name = m, go, name
        self.nest = [loop for loop in nest if loop.count != 1]
        self.last = Signal(len(self.nest) - 1, name=f"{name}_last")
        for depth, loop in enumerate(self.nest[:-1]):
            counter = Signal(range(loop.count), name=f"{name}_{depth}")
            m.d.comb += self.last[depth].eq(counter == loop.count - 1)
            with m.If(go & self.last[:depth].all()):
                advance(m, counter, loop.count)

    def hop(self, field: str, modulus: int) -> Signal:
        """Return what ``field`` grows by, modulo ``modulus``, in this cycle."""
        hop = Signal(range(modulus), name=f"{self.name}_{field}_hop")
        found = [step % modulus for step in steps(self.nest, field)]
        self._m.d.comb += hop.eq(found[-1])
        for depth in reversed(range(len(self.nest) - 1)):
            with self._m.If(~self.last[depth]):
                self._m.d.comb += hop.eq(found[depth])
        return hop

    def outside(self, height: int, width: int, padding: int) -> Signal:
        """Add the tap's row and column; return, a cycle later, whether it lay in the padding."""
        m, outside = self._m, Signal(name=f"{self.name}_outside")
        if not padding:
            return outside
        beyond = []
        for field, size in (("row", height), ("column", width)):
            at = Signal(range(size + 2 * padding), name=f"{self.name}_{field}")
            with m.If(self._go):
                m.d.sync += at.eq(at + self.hop(field, 1 << len(at)))
            beyond.append((at < padding) | (at >= size + padding))
        with m.If(self._go):
            m.d.sync += outside.eq(beyond[0] | beyond[1])
        return outside
