"""Parity: one bit more in every word of a memory, so that a flipped bit is noticed when read."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Signal, Value, ValueLike
from amaranth.lib import wiring


class Guarded(wiring.Component):
    """A memory, or a component with memories, whose words may be guarded by parity.

    A guarded word has an even number of ones, so that memories that begin as zeros are right before
    anything is written. One flipped bit of a word is noticed, two are not.

    Attributes
    ----------
    fault : Signal or None
        None without parity. High in a cycle after a wrong word was read.
    """

    fault: Signal | None = None

    def protect(self) -> Signal:
        """Guard all words; return ``fault``. To be called before the component is elaborated."""
        if self.fault is None:
            self.fault = Signal(name="fault")
        return self.fault

    @property
    def parity_bits(self) -> int:
        """Bits that a word has more."""
        return int(self.fault is not None)

    def guard(self, word: Value) -> Value:
        """Return what is stored for ``word``."""
        return word if self.fault is None else Cat(word, word.xor())

    def check(self, m: Module, valid: ValueLike, *words: Value) -> None:
        """Raise ``fault`` the cycle after a wrong one of the stored ``words`` was ``valid``."""
        if self.fault is not None:
            odd = Cat(word.xor() for word in words).any()
            m.d.sync += self.fault.eq(Value.cast(valid) & odd)

    def gather(self, m: Module, *parts: Guarded, also: ValueLike = 0) -> None:
        """Guard ``parts`` if this component is, and hand on their faults, a cycle later."""
        if self.fault is not None:
            faults = Cat(part.protect() for part in parts)
            m.d.sync += self.fault.eq(faults.any() | also)


def sound(m: Module, memory: Any) -> Signal:
    """Return whether the word that a memory shows was read in the last cycle, and not written.

    Parameters
    ----------
    m : Module
    memory : Ram or Corner
    """
    found = Signal()
    written = memory.write_enable & (memory.write_address == memory.read_address)
    m.d.sync += found.eq(memory.read_enable & ~written)
    return found
