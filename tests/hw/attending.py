"""Unit checks of the engines of attention; see :mod:`tests.hw.checks`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from ir import attention
from ir.types import IntType
from tests.hw.bench import link, pack, unpack
from tests.hw.checks import (
    BINARY,
    FREE,
    SEED,
    drive,
    engine,
    equal,
    values,
)


def attend(
    tokens: int = 3,
    heads: int = 2,
    width: int = 4,
    pe: int = 2,
    simd: int = 2,
    samples: int = 4,
    stalls: str = FREE,
) -> None:
    """Check spiking attention over samples back to back; ``pe`` above ``width`` takes heads at once."""
    steps, lanes = 2, max(width, pe)
    words, visits = tokens * heads * width // lanes, lanes // pe * width // simd
    i = [link(words, lanes, steps, BINARY, name) for name in "qkv"]
    o = link(tokens * heads * width // pe, pe, steps, IntType(0, tokens * width), "o")
    station = attention.Attend("o", tuple(i), (o,), tokens, heads, width, simd)
    q, k, v = np.random.default_rng(SEED).random((3, samples, steps, tokens, heads, width)) < 0.7
    feeds = [
        [w for sample in x for w in pack(sample.reshape(steps, tokens, -1).astype(int), each)]
        for x, each in zip((q, k, v), i, strict=True)
    ]
    dut = engine("attention", "Attend", station)
    traffic = drive(dut, feeds, [o.words * samples], stalls)
    wanted = np.einsum("stnhd,stmhd,stmhe->stnhe", *(x.astype(int) for x in (q, k, v)))
    found = unpack(traffic.words[0], o, heads * width).reshape(steps, samples, tokens, heads, width)
    equal(found.swapaxes(0, 1), wanted, "attention")
    if stalls == FREE:
        moves = [words * visits + (n + 1) * (width // simd) + 2 for n in range(o.words * samples)]
        equal(traffic.moved[0], moves, "attention offers")
        taken = [(n + 1) * visits - 1 for n in range(words * samples)]
        equal(traffic.taken[1], taken[: len(traffic.taken[1])], "attention takes k")
        equal(traffic.taken[0], [n + words * visits for n in taken], "attention takes q")


def recall(
    tokens: int = 4,
    groups: int = 4,
    chunks: int = 2,
    keys: int = 2,
    samples: int = 3,
    stalls: str = FREE,
) -> None:
    """Check that every query token sees all tokens, head by head."""
    type, lanes, steps = IntType(0, 3), 2, 2
    i = link(tokens * groups, lanes, steps, type, "i")
    o = link(tokens * tokens // keys * groups, keys * lanes, steps, type, "o")
    x = values((samples, tokens, groups, lanes, steps), type)
    dut = engine("recall", "Recall", attention.Recall("o", (i,), (o,), tokens, groups, chunks))
    feed = pack(x.reshape(-1, lanes, steps).transpose(2, 0, 1), i)
    traffic = drive(dut, [feed], [o.words * samples], stalls)
    whole = x.reshape(samples, tokens // keys, keys, groups // chunks, chunks, lanes, steps)
    once = whole.transpose(0, 3, 1, 4, 2, 5, 6)  # (sample, head, visit, chunk, key, lane, step)
    rows = np.repeat(once[:, None], tokens, 1).reshape(-1, keys * lanes, steps)
    equal(unpack(traffic.words[0], o, keys * lanes), rows.transpose(2, 0, 1), "recall")
    if stalls == FREE:
        equal(traffic.moved[0], np.arange(o.words * samples) + i.words + 1, "recall offers")
        filled = [*range(2 * i.words), *(np.arange(i.words) + i.words + o.words)]
        equal(traffic.taken[0][: len(filled)], filled, "recall takes")


def correlate(
    parallel: int = 1,
    chunks: int = 2,
    keys: int = 2,
    size: int = 3,
    stalls: str = FREE,
) -> None:
    """Check the dot products of queries and keys."""
    steps, count, pe = 2, 7, parallel * size
    i = [link(count * chunks, n * pe, steps, BINARY, name) for n, name in ((1, "q"), (keys, "k"))]
    o = link(count, parallel * keys, steps, IntType(0, chunks * size), "o")
    q = values((count, chunks, parallel, size, steps), BINARY)
    k = values((count, chunks, keys, parallel, size, steps), BINARY, SEED + 1)
    q[0], k[0] = 1, 1
    dut = engine(
        "correlate", "Correlate", attention.Correlate("o", tuple(i), (o,), parallel, chunks)
    )
    feeds = [
        pack(x.reshape(count * chunks, -1, steps).transpose(2, 0, 1), each)
        for x, each in zip((q, k), i, strict=True)
    ]
    traffic = drive(dut, feeds, [count], stalls)
    wanted = np.einsum("ncgdt,ncjgdt->tngj", q, k).reshape(steps, count, -1)
    equal(unpack(traffic.words[0], o, parallel * keys), wanted, "correlate")
    equal(traffic.taken[0], traffic.taken[1], "correlate takes")
    if stalls == FREE:
        equal(traffic.moved[0], [(n + 1) * chunks + 1 for n in range(count)], "correlate offers")


def popcount(lanes: int = 7, style: str = "counters6") -> None:
    """Check that matching spikes are counted."""
    m = Module()
    a, b, o = Signal(lanes), Signal(lanes), Signal(8)
    pairs = [(a[k], b[k]) for k in range(lanes)]
    m.d.comb += o.eq(import_module("hw.popcount").matches(m, pairs, style))

    async def bench(ctx: Any) -> None:
        for x, y in np.random.default_rng(SEED).integers(0, 1 << lanes, (60, 2)).tolist():
            ctx.set(a, x)
            ctx.set(b, y)
            equal(ctx.get(o), (x & y).bit_count(), f"popcount {style}")

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()


def mix(
    parallel: int = 1,
    visits: int = 3,
    chunks: int = 2,
    keys: int = 2,
    size: int = 2,
    stalls: str = FREE,
) -> None:
    """Check the sums of weighted values."""
    steps, count, pe = 2, 5, parallel * size
    type, total = IntType(0, 3), IntType(0, 3 * visits * keys)
    words = count * visits * chunks
    left = link(words, parallel * keys, steps, type, "map")
    right = link(words, keys * pe, steps, BINARY, "v")
    o = link(count * chunks, pe, steps, total, "o")
    weights = values((count, visits, chunks, parallel, keys, steps), type)
    v = values((count, visits, chunks, keys, parallel, size, steps), BINARY, SEED + 1)
    weights[0], v[0] = 3, 1
    station = attention.Mix("o", (left, right), (o,), parallel, visits, chunks)
    dut = engine("mix", "Mix", station)
    feeds = [
        pack(x.reshape(words, -1, steps).transpose(2, 0, 1), each)
        for x, each in ((weights, left), (v, right))
    ]
    traffic = drive(dut, feeds, [o.words], stalls)
    wanted = np.einsum("nvcgjt,nvcjgdt->tncgd", weights, v).reshape(steps, o.words, pe)
    equal(unpack(traffic.words[0], o, pe), wanted, "mix")
    equal(traffic.taken[0], traffic.taken[1], "mix takes")
    if stalls == FREE:
        last = [(n * visits + visits - 1) * chunks + c for n in range(count) for c in range(chunks)]
        equal(traffic.moved[0], [n + 2 for n in last], "mix offers")
