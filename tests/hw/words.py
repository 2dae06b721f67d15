"""Unit checks of engines that move or add words, and of memories; see :mod:`tests.hw.checks`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from amaranth.sim import Simulator

from ir import plan as plans
from ir.image import Image
from ir.image import pack as pack_fields
from ir.types import IntType
from tests.hw.bench import link, pack, unpack
from tests.hw.checks import (
    BINARY,
    COUNT,
    DRIFT,
    FREE,
    SEED,
    drive,
    engine,
    equal,
    values,
)


def join(a: IntType = COUNT, b: IntType = DRIFT, stalls: str = FREE) -> None:
    """Check a residual addition."""
    lanes, steps, count = 3, 2, 12
    left = link(count, lanes, steps, a, "a")
    right = link(count, lanes, steps, b, "b")
    o = link(count, lanes, steps, a + b, "o")
    x, y = values((steps, count, lanes), a), values((steps, count, lanes), b, SEED + 1)
    dut = engine("join", "Join", plans.Join("o", (left, right), (o,)))
    traffic = drive(dut, [pack(x, left), pack(y, right)], [count], stalls)
    equal(unpack(traffic.words[0], o, lanes), x + y, "join")
    equal(traffic.taken[0], traffic.taken[1], "join takes")
    if stalls == FREE:
        equal(traffic.moved[0], np.arange(count) + 1, "join offers")


def align(
    a: IntType = COUNT,
    b: IntType = DRIFT,
    high: int = 3,
    order: str = "PCT",
    stalls: str = FREE,
) -> None:
    """Check a sum with shifts, whose parameter words belong to channel groups."""
    lanes, steps, count, positions = 2, 2, 3, 5
    channels, run = lanes * count, {"PCT": 1, "slices": steps, "CPT": positions * steps}[order]
    left = link(positions * count, lanes, steps, a, "a")
    right = link(positions * count, lanes, steps, b, "b")
    shifts = values((2, channels), IntType(0, high))
    low, top = a.low + b.low, a.high + b.high
    wide = 1 << high
    total = IntType(min(0, low * wide), max(1, top * wide))
    o = link(positions * count, lanes, steps, total, "o")
    x, y = (
        values((steps, positions, channels), a),
        values((steps, positions, channels), b, SEED + 1),
    )
    field = IntType.of_width(IntType(0, high).width, signed=False)
    if order != "PCT":  # one step a word
        serial = {"words": o.words * steps, "steps": 1, "time": steps}
        serial["order"] = "CPT" if order == "CPT" else "PCT"
        left, right, o = (replace(each, **serial) for each in (left, right, o))
    station = plans.Align("o", (left, right), (o,), count, field, run)
    rows = shifts.T.reshape(count, -1).tolist()
    image = Image(
        "o", 2 * lanes * field.width, tuple(pack_fields(r, [field] * len(r)) for r in rows)
    )
    dut = engine("align", "Align", station, image)
    traffic = drive(dut, [pack(x, left), pack(y, right)], [o.words], stalls)
    equal(unpack(traffic.words[0], o, channels), (x << shifts[0]) + (y << shifts[1]), "align")
    equal(traffic.taken[0], traffic.taken[1], "align takes")
    if stalls == FREE:
        equal(traffic.moved[0], np.arange(o.words) + 2, "align offers")


def fork(stalls: str = FREE, branches: int = 3) -> None:
    """Check that every branch gets every word once."""
    words = list(range(1, 25))
    i = link(len(words), 1, 1, IntType(0, 31), "i")
    outs = tuple(link(len(words), 1, 1, IntType(0, 31), f"o{k}") for k in range(branches))
    dut = engine("stream", "Fork", plans.Fork("i", (i,), outs))
    traffic = drive(dut, [words], [len(words)] * branches, stalls)
    equal(traffic.words, [words] * branches, "fork")
    last = np.array(traffic.moved).max(0)
    equal(traffic.taken[0], last, "fork takes with the last branch")


def buffer(depth: int = 3, stalls: str = FREE, width: int = 5) -> None:
    """Check a buffer, its registered ready included; wide ones lie in block RAM."""
    words = list(range(1, 25))
    i, o = (link(len(words), width, 1, BINARY, name) for name in "io")
    station = plans.Buffer("o", (i,), (o,), depth)
    dut = engine("buffer", "Buffer", station)
    traffic = drive(dut, [words], [len(words)], stalls)
    equal(traffic.words[0], words, "buffer")
    delay = station.latency
    for n, (taken, moved) in enumerate(zip(traffic.taken[0], traffic.moved[0], strict=True)):
        if moved < taken + delay:
            raise AssertionError(f"Buffer gave word {n} in cycle {moved}, taken in {taken}")
        if depth and n >= depth and taken <= traffic.moved[0][n - depth]:
            raise AssertionError(f"Buffer of {depth} took word {n} too early")
    if stalls == FREE and depth != 1:
        equal(traffic.moved[0], np.arange(len(words)) + delay, "buffer offers")
    if depth and stalls == "flowing/mostly_stalled":
        full = [n + 1 for n in traffic.moved[0][:-depth]]
        equal(traffic.taken[0][depth + 2 :], full[2:], "a full buffer takes after it gives")


def split(ratio: int = 3, stalls: str = FREE) -> None:
    """Check that words are cut, lowest lanes first."""
    type, lanes, steps, count = IntType(-4, 3), 2, 2, 7
    x = values((steps, count, lanes * ratio), type)
    i = link(count, lanes * ratio, steps, type, "i")
    o = link(count * ratio, lanes, steps, type, "o")
    dut = engine("stream", "Split", plans.Split("o", (i,), (o,)))
    traffic = drive(dut, [pack(x, i)], [o.words], stalls)
    equal(unpack(traffic.words[0], o, lanes * ratio), x, "split")
    if stalls == FREE:
        equal(traffic.moved[0], np.arange(o.words) + 1, "split offers")
        equal(traffic.taken[0], np.arange(count) * ratio, "split takes")


def merge(ratio: int = 3, stalls: str = FREE) -> None:
    """Check that words are joined, first word lowest."""
    type, lanes, steps, count = IntType(-4, 3), 2, 2, 7
    x = values((steps, count, lanes * ratio), type)
    i = link(count * ratio, lanes, steps, type, "i")
    o = link(count, lanes * ratio, steps, type, "o")
    dut = engine("stream", "Merge", plans.Merge("o", (i,), (o,)))
    traffic = drive(dut, [pack(x, i)], [count], stalls)
    equal(unpack(traffic.words[0], o, lanes * ratio), x, "merge")
    if stalls == FREE:
        equal(traffic.moved[0], (np.arange(count) + 1) * ratio, "merge offers")
        equal(traffic.taken[0], np.arange(i.words), "merge takes")


def memory(depth: int = 5, width: int = 7) -> None:
    """Check the simulator's face of the read-only memory: data hold without enable."""
    words = [(37 * n + 11) % (1 << width) for n in range(depth)]
    dut = engine("memory", "Memory", width, depth, "x.mem", words)

    async def bench(ctx: Any) -> None:
        held = 0
        for n in range(4 * depth):
            enable, address = n % 3 != 2, (n * 2) % depth
            ctx.set(dut.enable, enable)
            ctx.set(dut.address, address)
            await ctx.tick()
            held = words[address] if enable else held
            equal(ctx.get(dut.data), held, f"memory at {address}")

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
