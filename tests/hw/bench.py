"""Test bench for engines: sources and sinks that stall by pattern, and word packing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from amaranth.hdl import Module, Signal, Value
from amaranth.sim import Simulator

from ir.order import arrange, lay
from ir.plan import Link

STALLS = {
    "flowing": [0],
    "one_in_four": [0, 0, 0, 1],
    "mostly_stalled": [1, 1, 0, 1],
    "bursts": [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1],
}


def run(
    dut: Any,
    feeds: Sequence[Sequence[int]],
    counts: Sequence[int],
    stall_i: Sequence[int] = (0,),
    stall_o: Sequence[int] = (0,),
    patience: int = 2000,
    watch: Sequence[Any] = (),
    linger: int = 0,
) -> Traffic:
    """Feed every input of ``dut`` and collect ``counts`` words from every output.

    A source offers its next word where its pattern holds 0 and keeps offering it until it is
    taken; a sink is ready where its pattern holds 0. After the last output word, ``linger`` more
    cycles run.

    Raises
    ------
    TimeoutError
        If nothing moves for ``patience`` cycles.
    """
    inputs, outputs = dut.inputs, dut.outputs
    traffic = Traffic(len(inputs), len(outputs))

    async def bench(ctx: Any) -> None:
        offered = [False] * len(inputs)
        quiet = cycle = extra = 0
        while True:
            extra += all(len(w) >= n for w, n in zip(traffic.words, counts, strict=True))
            if extra > linger:
                break
            for k, port in enumerate(inputs):
                sent = len(traffic.taken[k])
                go = not stall_i[(cycle + k) % len(stall_i)]
                if not offered[k] and sent < len(feeds[k]) and go:
                    offered[k] = True
                    ctx.set(Value.cast(port.payload), feeds[k][sent])
                ctx.set(port.valid, offered[k])
            for k, port in enumerate(outputs):
                ctx.set(port.ready, not stall_o[(cycle + k) % len(stall_o)])
            sampled = await ctx.tick().sample(
                *(port.ready for port in inputs),
                *(port.valid for port in outputs),
                *(Value.cast(port.payload) for port in outputs),
                *(port.ready for port in outputs),
                *watch,
            )
            ready, rest = sampled[2 : 2 + len(inputs)], sampled[2 + len(inputs) :]
            count = len(outputs)
            valid, payload = rest[:count], rest[count : 2 * count]
            sink = rest[2 * count : 3 * count]
            traffic.watched.append(rest[3 * count :])
            quiet += 1
            for k in range(len(inputs)):
                if offered[k] and ready[k]:
                    offered[k], quiet = False, 0
                    traffic.taken[k].append(cycle)
            for k in range(count):
                if valid[k] and sink[k]:
                    quiet = 0
                    traffic.words[k].append(payload[k])
                    traffic.moved[k].append(cycle)
                traffic.check(k, cycle, valid[k], payload[k], sink[k])
            cycle += 1
            if quiet > patience:
                raise TimeoutError(f"No transfer within {patience} cycles")

    m = Module()
    m.submodules.dut = dut
    m.d.sync += Signal().eq(0)  # a clock domain even where the engine is but wires
    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return traffic


class Traffic:
    """What a run saw.

    Attributes
    ----------
    words, moved : list of list of int
        Payloads and cycles of the transfers of each output.
    taken : list of list of int
        Cycles of the transfers of each input.
    watched : list of tuple
        Values of the watched signals in every cycle.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        self.words: list[list[int]] = [[] for _ in range(outputs)]
        self.moved: list[list[int]] = [[] for _ in range(outputs)]
        self.taken: list[list[int]] = [[] for _ in range(inputs)]
        self.watched: list[tuple[int, ...]] = []
        self._waiting: dict[int, int] = {}

    def check(self, port: int, cycle: int, valid: int, payload: int, ready: int) -> None:
        """Refuse a word that changes or vanishes before it is taken."""
        waiting = self._waiting.pop(port, None)
        if waiting is not None and not (valid and payload == waiting):
            raise AssertionError(f"Output {port} changed a waiting word in cycle {cycle}")
        if valid and not ready:
            self._waiting[port] = payload


def link(words: int, lanes: int, steps: int, type: Any, name: str = "x") -> Link:
    """Return a link for a station under test."""
    return Link(name, words, lanes, steps, type, name)


def pack(values: np.ndarray, link: Link) -> list[int]:
    """Return the words of integers (steps, positions, channels) on ``link``."""
    width = link.type.width
    mask = (1 << width) - 1
    rows = lay(values[None], link).tolist()
    return [sum((v & mask) << (k * width) for k, v in enumerate(row)) for row in rows]


def unpack(words: Sequence[int], link: Link, channels: int) -> np.ndarray:
    """Return the integers (steps, positions, channels) of words; inverse of :func:`pack`.

    Words of several samples count as one sample of more positions.
    """
    whole = replace(link, words=len(words))
    positions = len(words) * link.lanes // (channels * link.time)
    return arrange(fields(words, link), whole, positions)[0]


def fields(words: Sequence[int], link: Link) -> np.ndarray:
    """Return the elements of each word, lowest bits first."""
    width, count = link.type.width, link.lanes * link.steps
    rows = [[(w >> (k * width)) & ((1 << width) - 1) for k in range(count)] for w in words]
    values = np.array(rows, dtype=object)
    if link.type.signed:
        values = np.where(values >> (width - 1) == 1, values - (1 << width), values)
    return values.astype(np.int64)
