"""Proofs that counters stay below their ends and addresses below the depth of their memories."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from amaranth.hdl import Cat, Elaboratable, Fragment, Module, Value
from amaranth.lib.memory import Memory

from tests.hw.proof import Bench


class Bounds(Bench):
    """Asserts of an engine, wherever it has them below it:

    - a counter of :func:`hw.stream.advance` is below the number at which it begins anew;
    - a memory is read and written below its depth.

    Attributes
    ----------
    bounds : list of (enable, value, end)
        Those that a value is wide enough to exceed.
    """

    def __init__(self, engine: Any) -> None:
        with noted() as found:
            elaborated = _Elaborated(engine)
        self.bounds = [each for each in found if 1 < each[2] < 1 << len(each[1])]
        super().__init__(elaborated)

    def right(self, m: Module) -> Value:
        return Cat(*(~enable | (value < end) for enable, value, end in self.bounds)).all()


class Narrow(Bounds):
    """Asserts that no value reaches the last one below its end, which is wrong."""

    def right(self, m: Module) -> Value:
        return Cat(*(~enable | (value < end - 1) for enable, value, end in self.bounds)).all()


class _Elaborated(Elaboratable):
    """An engine that was elaborated already."""

    def __init__(self, engine: Any) -> None:
        self.inputs, self.outputs = engine.inputs, engine.outputs
        self.fragment = Fragment.get(engine, None)

    def elaborate(self, platform: object) -> Fragment:
        return self.fragment


@contextmanager
def noted() -> Iterator[list[tuple[Value, Value, int]]]:
    """Note (enable, value, end) of all counters and addresses that are made meanwhile."""
    found: list[tuple[Value, Value, int]] = []
    modules = [module for name, module in sys.modules.items() if name.startswith("hw.")]
    advance = sys.modules["hw.stream"].advance

    def counted(m: Module, counter: Any, count: int) -> Any:
        found.append((Value.cast(1), counter, count))
        return advance(m, counter, count)

    def ported(make: Any) -> Any:
        def made(self: Memory, *given: Any, **options: Any) -> Any:
            port = make(self, *given, **options)
            found.append((Value.cast(port.en).any(), port.addr, self.depth))
            return port

        return made

    patches = [patch.object(m, "advance", counted) for m in modules if hasattr(m, "advance")]
    patches += [
        patch.object(Memory, name, ported(getattr(Memory, name)))
        for name in ("read_port", "write_port")
    ]
    for each in patches:
        each.start()
    try:
        yield found
    finally:
        for each in patches:
            each.stop()
