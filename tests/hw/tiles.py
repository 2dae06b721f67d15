"""Unit checks of the engines of weight-stationary layers; see :mod:`tests.hw.checks`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from amaranth.sim import Simulator

from ir import plan as plans
from ir import tile as tiles
from ir.golden import windows
from ir.image import Image
from ir.image import pack as pack_fields
from ir.neuron import INTEGER, Neuron
from ir.order import arrange
from ir.plan import Link
from ir.scheme import Scheme
from ir.types import IntType
from tests.hw.bench import Traffic, fields, pack
from tests.hw.checks import BINARY, FREE, SEED, SMALL, drive, engine, equal, values
from tests.ir.cycles import simulate

WIDE = IntType(-(1 << 20), (1 << 20) - 1)


def timed(station: plans.Station, traffic: Traffic, stalls: str, samples: int) -> None:
    """Check cycles against the state machine of the station where nothing stalls."""
    if stalls != FREE:
        return
    predicted = simulate(plans.Plan(1, (station,), station.i, station.o), samples)
    assert predicted is not None
    equal(traffic.taken[0], predicted[station.i.name], f"{station.kind} takes")
    equal(traffic.moved[0], predicted[station.o.name], f"{station.kind} offers")


def corner(width: int = 3, ratio: int = 3, depth: int = 5) -> None:
    """Check that narrow words come back as wide ones, and hold without enable."""
    dut = engine("corner", "Corner", width, ratio, depth)
    rng = np.random.default_rng(SEED)
    words = rng.integers(0, 1 << width, (depth, ratio)).tolist()

    async def bench(ctx: Any) -> None:
        for address, slot in rng.permutation(depth * ratio)[:, None] // [ratio, 1] % [depth, ratio]:
            ctx.set(dut.write_enable, 1)
            ctx.set(dut.write_address, int(address))
            ctx.set(dut.write_slot, int(slot))
            ctx.set(dut.write_data, words[address][slot])
            await ctx.tick()
        ctx.set(dut.write_enable, 0)
        held = None
        for n in range(3 * depth):
            enable, address = n % 3 != 1, (2 * n) % depth
            ctx.set(dut.read_enable, enable)
            ctx.set(dut.read_address, address)
            await ctx.tick()
            held = words[address] if enable else held
            wanted = sum(word << k * width for k, word in enumerate(held or []))
            equal(ctx.get(dut.read_data), wanted, f"corner at {address}")

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


def reorder(
    order: str = "CPT",
    size: tuple[int, int] = (3, 4),
    shape: tuple[int, int, int] = (3, 1, 1),
    lanes: tuple[int, int] = (1, 2),
    groups: int = 2,
    time: int = 2,
    repeats: int = 2,
    parts: int = 1,
    samples: int = 4,
    stalls: str = FREE,
) -> None:
    """Check an order-changing buffer that a tile reads, against NumPy and the page."""
    type, (height, width), (kernel, stride, padding) = IntType(0, 7), size, shape
    positions, channels = height * width, lanes[1] * groups
    if parts > 1:  # what a Split cuts from words of parts * lanes channels
        whole = Link("w", positions * groups // parts * time, lanes[1] * parts, 1, type, None, order, time)
    count = positions * channels // lanes[0] * time
    i = Link("i", count, lanes[0], 1, type, "i", order, time)
    out = ((height + 2 * padding - kernel) // stride + 1) * ((width + 2 * padding - kernel) // stride + 1)
    o = Link("o", repeats * kernel**2 * groups * out * time, lanes[1], 1, type, "o", "PCT", time)
    station = tiles.Reorder("o", (i,), (o,), *size, *shape, repeats, parts)
    x = values((samples, time, positions, channels), type)
    if parts > 1:
        cut = [w for sample in x for w in pack(sample, whole)]
        bits = lanes[1] * type.width
        feed = [word >> k * bits & (1 << bits) - 1 for word in cut for k in range(parts)]
    else:
        feed = [w for sample in x for w in pack(sample, i)]
    taps = windows(x, size, kernel, stride, padding)
    taps = taps.reshape(samples, time, out, groups, lanes[1], kernel, kernel)
    wanted = taps.transpose(0, 5, 6, 3, 2, 1, 4).reshape(samples, 1, -1, lanes[1])
    wanted = np.repeat(wanted, repeats, 1).reshape(-1, lanes[1])
    traffic = drive(engine("reorder", "Reorder", station), [feed], [o.words * samples], stalls)
    equal(fields(traffic.words[0], o), wanted, f"reorder {station}")
    timed(station, traffic, stalls, samples)


def turn(time: int = 3, samples: int = 4, stalls: str = FREE) -> None:
    """Check an order-changing buffer that gives whole positions again."""
    type, positions, channels, lanes = IntType(-4, 3), 4, 6, 2
    count = positions * channels // lanes * time
    i = Link("i", count, lanes, 1, type, "i", "CPT", time)
    o = Link("o", count, lanes, 1, type, "o", "PCT", time)
    station = tiles.Reorder("o", (i,), (o,), 2, 2, tiled=False)
    x = values((samples, time, positions, channels), type)
    feed = [w for sample in x for w in pack(sample, i)]
    traffic = drive(engine("reorder", "Reorder", station), [feed], [count * samples], stalls)
    equal(arrange(fields(traffic.words[0], o), o, positions), x, "turn")
    timed(station, traffic, stalls, samples)


def tile(
    scheme: str = "u4",
    type: IntType = BINARY,
    pe: int = 2,
    simd: int = 5,
    folds: tuple[int, int] = (2, 3),
    visits: int = 6,
    loaders: int = 2,
    samples: int = 3,
    fabric: str = "plain",
    stalls: str = FREE,
) -> None:
    """Check a tile with every code, legal or not."""
    parsed, (neuron_fold, synapse_fold) = Scheme.parse(scheme), folds
    passes = neuron_fold * synapse_fold
    i = Link("i", passes * visits, simd, 1, type, "i", "PCT", 1)
    o = Link("o", neuron_fold * visits, pe, 1, WIDE, "o", "CPT", 1)
    station = tiles.Tile("o", (i,), (o,), parsed, 1, neuron_fold, synapse_fold, loaders, fabric)
    rng = np.random.default_rng(SEED)
    codes = rng.integers(0, 1 << parsed.bits, (neuron_fold, synapse_fold, pe, simd))
    codes.flat[: min(codes.size, 1 << parsed.bits)] = range(min(codes.size, 1 << parsed.bits))
    tables = station.tables
    words = [w for part in codes.reshape(passes, pe, simd) for w in tables.pack(part)]
    x = values((samples, synapse_fold, visits, simd), type)
    # A pass of every output group sees the same inputs.
    seen = np.repeat(x[:, None], neuron_fold, 1).reshape(-1, simd)
    feed = pack(seen[None], Link("i", len(seen), simd, 1, type))
    wanted = np.einsum("nfps,bfvs->bnvp", parsed.decode(codes), x)
    dut = engine("tile", "Tile", station, Image("o", tables.word_width, tuple(words)))
    traffic = drive(dut, [feed], [o.words * samples], stalls)
    equal(fields(traffic.words[0], o), wanted.reshape(-1, pe), f"tile {station}")
    timed(station, traffic, stalls, samples)


def stepwise(
    unit: Neuron,
    order: str = "CPT",
    static: bool = False,
    stalls: str = FREE,
) -> None:
    """Check a time-serial LIF unit, its parameters and its membranes."""
    lanes, groups, positions, time = 2, 3, 4, 3
    channels, steps = lanes * groups, 1 if static else time
    x = values((steps, positions, channels), SMALL)
    threshold = np.array([3, 1, 2, 4, 0, 5])
    bias = np.array([-2, 1, 0, 1, -1, 1])
    count = positions * groups
    i = Link("i", count * steps, lanes, 1, SMALL, "i", order, steps)
    o = Link("o", count * time, lanes, 1, BINARY, "o", order, time)
    scale = 1 << unit.frac_bits
    total = IntType(SMALL.low * scale - 2, SMALL.high * scale + 1)
    h, v = unit.reach(total, IntType(0, 5), time)
    field = IntType.of_width(4, signed=True)
    station = tiles.Stepwise(
        "o", (i,), (o,), unit, groups, field, field, total, h, v, positions=positions
    )
    rows = np.stack([threshold, bias], 1).reshape(groups, -1).tolist()
    image = Image("o", 8 * lanes, tuple(pack_fields(row, [field] * 2 * lanes) for row in rows))
    traffic = drive(engine("stepwise", "Stepwise", station, image), [pack(x, i)], [o.words], stalls)
    membrane = np.full(x.shape[1:], unit.initial, dtype=np.int64)
    wanted = []
    for t in range(time):
        arriving = (x[min(t, steps - 1)] << unit.frac_bits) + bias
        _, spike, membrane = unit.step(membrane, arriving, threshold, INTEGER)
        wanted.append(spike)
    equal(arrange(fields(traffic.words[0], o), o, positions)[0], np.stack(wanted), "stepwise")
    timed(station, traffic, stalls, 1)


def steps(stalls: str = FREE) -> None:
    """Check that steps are cut apart and joined again."""
    type, lanes, time, count = IntType(-4, 3), 2, 3, 7
    x = values((time, count, lanes), type)
    whole = Link("w", count, lanes, time, type, "w")
    parts = Link("p", count * time, lanes, 1, type, "p", "PCT", time)
    stream = import_module("hw.stream")
    cut = stream.Split(plans.Split("p", (whole,), (parts,)))
    traffic = drive(cut, [pack(x, whole)], [parts.words], stalls)
    equal(traffic.words[0], pack(x, parts), "steps cut")
    joined = stream.Merge(plans.Merge("w", (parts,), (whole,)))
    traffic = drive(joined, [pack(x, parts)], [whole.words], stalls)
    equal(traffic.words[0], pack(x, whole), "steps joined")
