"""Unit checks of every engine: data under stalls and exact cycles without, for tests and faults.

Each function builds an engine from whatever :mod:`hw` is importable now, and raises
``AssertionError`` or ``TimeoutError`` where it differs from :mod:`ir`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out
from amaranth.sim import Simulator

from ir import plan as plans
from ir import readout
from ir.golden import windows
from ir.image import Image
from ir.image import pack as pack_fields
from ir.neuron import INTEGER, Neuron
from ir.scheme import Scheme
from ir.types import IntType
from tests.hw.bench import STALLS, Traffic, link, pack, run, unpack
from tests.ir.cycles import Machine, Stepping

BINARY = IntType(0, 1)
SMALL = IntType(-4, 3)
COUNT = IntType(0, 2)
DRIFT = IntType(-3, 1)
RANGE = IntType(-2, 3)
OCTAL = IntType(0, 7)
SEED = 7
PATIENCE = 400
LINGER = 6  # an engine that invents a word shall be seen


def values(shape: tuple[int, ...], type: IntType, seed: int = SEED) -> np.ndarray:
    """Return random integers of a type, its ends among them."""
    found = np.random.default_rng(seed).integers(type.low, type.high + 1, shape)
    found.flat[0], found.flat[-1] = type.high, type.low
    return found


def engine(module: str, name: str, *arguments: Any) -> Any:
    """Return an engine of the package ``hw`` as it is importable now."""
    return getattr(import_module(f"hw.{module}"), name)(*arguments)


def equal(found: Any, wanted: Any, what: str) -> None:
    """Refuse what differs."""
    if not np.array_equal(np.asarray(found), np.asarray(wanted)):
        raise AssertionError(f"{what}: got {found}, expected {wanted}")


def patterns(stalls: str) -> tuple[list[int], list[int]]:
    """Return the stall patterns (source, sink) called ``source/sink``."""
    source, sink = stalls.split("/")
    return STALLS[source], STALLS[sink]


def drive(dut: Any, feeds: list[list[int]], counts: list[int], stalls: str) -> Traffic:
    """Run an engine under the named stall patterns."""
    traffic = run(dut, feeds, counts, *patterns(stalls), patience=PATIENCE, linger=LINGER)
    equal([len(words) for words in traffic.words], counts, "words out")
    return traffic


FREE = "flowing/flowing"


def synapse(
    scheme: str,
    type: IntType,
    pe: int = 2,
    simd: int = 3,
    folds: tuple[int, int] = (2, 3),
    steps: int = 2,
    positions: int = 4,
    stalls: str = FREE,
    slices: int = 1,
) -> None:
    """Check a synapse engine with every code, legal or not."""
    parsed, (neuron_fold, synapse_fold) = Scheme.parse(scheme), folds
    rng = np.random.default_rng(SEED)
    codes = rng.integers(0, 1 << parsed.bits, (neuron_fold, synapse_fold, pe, simd))
    codes.flat[: min(codes.size, 1 << parsed.bits)] = range(min(codes.size, 1 << parsed.bits))
    x = values((positions, slices, synapse_fold, simd, steps), type)
    wide = IntType(-(1 << 20), (1 << 20) - 1)
    sums = positions * neuron_fold * slices
    i = replace(link(sums * synapse_fold, simd, steps, type, "i"), time=slices)
    o = replace(link(sums, pe, steps, wide, "o"), time=slices)
    station = plans.Synapse("o", (i,), (o,), parsed, 1, neuron_fold, synapse_fold)
    code = [IntType.of_width(parsed.bits, signed=False)] * (pe * simd)
    words = tuple(pack_fields(row, code) for row in codes.reshape(-1, pe * simd).tolist())
    dut = engine("synapse", "Synapse", station, Image("o", pe * simd * parsed.bits, words))
    taps = np.repeat(x[:, None], neuron_fold, 1).reshape(-1, simd, steps)
    feed = pack(taps.transpose(2, 0, 1), link(i.words, simd, steps, type, "i"))
    traffic = drive(dut, [feed], [o.words], stalls)
    wanted = np.einsum("nfps,xcfst->ctxnp", parsed.decode(codes), x)
    found = unpack(traffic.words[0], o, neuron_fold * pe)
    equal(found, wanted.reshape(found.shape), f"synapse {scheme} {type}")
    if stalls == FREE:
        equal(traffic.taken[0], range(i.words), "synapse takes")
        moves = [(n + 1) * synapse_fold + 2 for n in range(o.words)]
        equal(traffic.moved[0], moves, "synapse offers")


def products(scheme: str, type: IntType, lanes: int = 1, count: int | None = None) -> None:
    """Check a processing element over all codes and activations, or ``count`` random ones."""
    parsed = Scheme.parse(scheme)
    width, bits = type.width, parsed.bits
    module = import_module("hw.pe")
    codes, activations = Signal(bits * lanes), Signal(width * lanes)

    class Element(wiring.Component):
        def __init__(self) -> None:
            super().__init__({"o": Out(32)})

        def elaborate(self, platform: object) -> Module:
            m = Module()
            parts = [activations[k * width : (k + 1) * width] for k in range(lanes)]
            typed = [[p.as_signed() if type.signed else p] for p in parts]
            split = [codes[k * bits : (k + 1) * bits] for k in range(lanes)]
            (total,) = module.products(m, parsed, type, split, typed)
            m.d.comb += self.o.eq(total)
            return m

    dut = Element()
    if count is None:
        cases = [([c], [a]) for c in range(1 << bits) for a in range(type.low, type.high + 1)]
    else:
        rng = np.random.default_rng(SEED)
        cases = [
            (
                rng.integers(0, 1 << bits, lanes).tolist(),
                rng.integers(type.low, type.high + 1, lanes).tolist(),
            )
            for _ in range(count)
        ]

    async def bench(ctx: Any) -> None:
        for code, activation in cases:
            ctx.set(codes, pack_fields(code, [IntType.of_width(bits, signed=False)] * lanes))
            ctx.set(activations, pack_fields(activation, [type] * lanes))
            found = ctx.get(dut.o.as_signed())
            wanted = int(parsed.decode(np.array(code)) @ np.array(activation))
            equal(found, wanted, f"{scheme} code {code} x {activation}")

    simulator = Simulator(dut)
    simulator.add_testbench(bench)
    simulator.run()


def neuron(
    unit: Neuron,
    current: IntType = SMALL,
    thresholds: Sequence[int] = tuple(range(-3, 5)),
    steps: int = 3,
    static: bool = False,
    biases: Sequence[int] | None = None,
    stalls: str = FREE,
    serial: bool = False,
) -> None:
    """Check a LIF unit over all currents of all steps; each lane has another threshold."""
    lanes = len(thresholds)
    count = 1 if static else steps
    sums = np.stack(
        np.meshgrid(*[np.arange(current.low, current.high + 1)] * count, indexing="ij"), -1
    ).reshape(-1, count)
    i = link(len(sums), lanes, count, current, "i")
    o = link(len(sums), lanes, steps, BINARY, "o")
    threshold = IntType(min(thresholds), max(thresholds))
    field = IntType.of_width(IntType(min(-1, threshold.low), threshold.high).width, signed=True)
    bias_values = np.array(biases if biases is not None else [0] * lanes)
    bias_field = IntType.of_width(6, signed=True)
    scale = 1 << unit.frac_bits
    total = IntType(
        current.low * scale + int(bias_values.min()), current.high * scale + int(bias_values.max())
    )
    h, v = unit.reach(total, threshold, steps)
    kind = plans.SerialNeurons if serial else plans.Neurons
    station = kind("o", (i,), (o,), unit, 1, field, bias_field, total, h, v)
    fields = [field, bias_field] * lanes
    word = pack_fields(
        [n for pair in zip(thresholds, bias_values.tolist(), strict=True) for n in pair], fields
    )
    where = ("serial", "SerialNeurons") if serial else ("neuron", "Neurons")
    dut = engine(*where, station, Image("o", sum(f.width for f in fields), (word,)))
    x = np.repeat(sums.T[:, :, None], lanes, 2)
    traffic = drive(dut, [pack(x, i)], [o.words], stalls)
    membrane = np.full(x.shape[1:], unit.initial, dtype=np.int64)
    wanted = []
    for t in range(steps):
        arriving = (x[min(t, count - 1)] << unit.frac_bits) + bias_values
        _, spike, membrane = unit.step(membrane, arriving, np.array(thresholds), INTEGER)
        wanted.append(spike)
    equal(unpack(traffic.words[0], o, lanes), np.stack(wanted), f"neuron {unit}")
    if stalls == FREE:
        pace = steps if serial else 1
        equal(traffic.moved[0], pace * np.arange(o.words) + steps + 2, "neuron offers")


def groups(stalls: str = FREE, serial: bool = False) -> None:
    """Check that a LIF unit walks through its parameter words and keeps lanes apart."""
    unit = Neuron(frac_bits=2, membrane_bits=12)
    type, lanes, count, steps = IntType(-9, 9), 2, 3, 3 if serial else 2
    channels = lanes * count
    x = values((steps, 8, channels), type)
    threshold = np.array([3, 9, 15, 21, 4, 12])
    bias = np.array([-7, 5, 0, 7, -3, 2])
    i, o = link(24, lanes, steps, type, "i"), link(24, lanes, steps, BINARY, "o")
    total = IntType(-36 - 7, 36 + 7)
    h, v = unit.reach(total, IntType(3, 21), steps)
    fields = [IntType.of_width(6, signed=True), IntType.of_width(4, signed=True)]
    kind = plans.SerialNeurons if serial else plans.Neurons
    station = kind("o", (i,), (o,), unit, count, *fields, total, h, v)
    rows = np.stack([threshold, bias], 1).reshape(count, -1).tolist()
    image = Image("o", 20, tuple(pack_fields(row, fields * lanes) for row in rows))
    where = ("serial", "SerialNeurons") if serial else ("neuron", "Neurons")
    dut = engine(*where, station, image)
    traffic = drive(dut, [pack(x, i)], [o.words], stalls)
    membrane, wanted = np.zeros(x.shape[1:], dtype=np.int64), []
    for t in range(steps):
        _, spike, membrane = unit.step(membrane, (x[t] << 2) + bias, threshold, INTEGER)
        wanted.append(spike)
    equal(unpack(traffic.words[0], o, channels), np.stack(wanted), "neuron groups")
    if serial:
        machined(Stepping(steps), traffic, stalls)
    else:
        elastic(steps + 2, traffic, stalls)


def machined(model: Machine, traffic: Traffic, stalls: str) -> None:
    """Check every cycle against a machine of one input and one output, under any stalls."""
    stall_i, stall_o = patterns(stalls)
    offered, sent, cycle = False, 0, 0
    taken: list[int] = []
    moved: list[int] = []
    while len(moved) < len(traffic.moved[0]):
        offered = offered or (sent < len(traffic.taken[0]) and not stall_i[cycle % len(stall_i)])
        free = not stall_o[cycle % len(stall_o)]
        leaves = model.valid([offered])[0] and free
        enters = offered and model.ready([offered], [free])[0]
        model.edge([enters], [leaves])
        if leaves:
            moved.append(cycle)
        if enters:
            offered, sent = False, sent + 1
            taken.append(cycle)
        cycle += 1
    equal(traffic.taken[0], taken, "engine takes")
    equal(traffic.moved[0], moved, "engine offers")


def elastic(registers: int, traffic: Traffic, stalls: str) -> None:
    """Check every cycle of an elastic pipeline under any stalls."""
    stall_i, stall_o = patterns(stalls)
    count = len(traffic.taken[0])
    held = [False] * registers
    offered, sent, cycle = False, 0, 0
    taken: list[int] = []
    moved: list[int] = []
    while len(moved) < count:
        offered = offered or (sent < count and not stall_i[cycle % len(stall_i)])
        free = not stall_o[cycle % len(stall_o)]
        if held[-1] and free:
            moved.append(cycle)
        for stage in reversed(range(registers)):
            free = free or not held[stage]
            if free:
                held[stage] = held[stage - 1] if stage else offered
        if offered and free:
            offered, sent = False, sent + 1
            taken.append(cycle)
        cycle += 1
    equal(traffic.taken[0], taken, "pipeline takes")
    equal(traffic.moved[0], moved, "pipeline offers")


def window(
    size: tuple[int, int] = (3, 4),
    shape: tuple[int, int, int] = (3, 1, 1),
    count: int = 2,
    repeats: int = 1,
    order: str = "tap",
    spare: int = 0,
    samples: int = 2,
    stalls: str = FREE,
    type: IntType = OCTAL,
    fill: int = 0,
    slices: int = 1,
) -> None:
    """Check a window against NumPy, and its cycles against a literal reading of the page."""
    (height, width), (kernel, stride, padding) = size, shape
    lanes, words = 2, count * slices
    span = (kernel - 1) * (width + 1)
    i = replace(link(height * width * words, lanes, 1, type, "i"), time=slices)
    station = plans.Window(
        "o",
        (i,),
        (i,),
        height,
        width,
        words,
        kernel,
        stride,
        padding,
        repeats,
        order,
        span + 1 + spare,
        fill,
    )
    places = station.out_height * station.out_width
    o = link(places * station.words_per_position, lanes, 1, type, "o")
    station = plans.Window(**{**station.__dict__, "outputs": (o,)})
    x = values((samples, slices, height * width, count * lanes), type)
    taps = windows(x, size, kernel, stride, padding, fill)
    taps = taps.reshape(samples, slices, places, count, lanes, kernel, kernel)
    axes = (0, 2, 1, 5, 6, 3, 4) if order == "tap" else (0, 2, 3, 1, 5, 6, 4)
    rows = taps.transpose(axes).reshape(samples * places, 1, -1, lanes)
    rows = np.repeat(rows, repeats, 1).reshape(1, -1, lanes)
    feed = [word for sample in x for word in pack(sample, i)]
    dut = engine("window", "Window", station)
    traffic = drive(dut, [feed], [o.words * samples], stalls)
    equal(unpack(traffic.words[0], o, lanes), rows, f"window {station}")
    taken, moved = window_cycles(station, samples, *patterns(stalls))
    equal(traffic.taken[0][: len(taken)], taken[: len(traffic.taken[0])], "window takes")
    equal(traffic.moved[0], moved, "window offers")


def window_cycles(
    station: plans.Window, samples: int, stall_i: Sequence[int], stall_o: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Return the cycles of all input and output transfers of a window, as its page says."""
    s = station
    pixels = s.height * s.width
    positions = [
        (f, f * pixels + (y * s.stride - s.padding) * s.width + x * s.stride - s.padding)
        for f in range(samples)
        for y in range(s.out_height)
        for x in range(s.out_width)
    ]
    positions.append((samples, samples * pixels - s.padding * s.width - s.padding))
    feed, cycle, index, word, written, words = samples * s.i.words, 0, 0, 0, 0, 0
    taken: list[int] = []
    moved: list[int] = []
    offered = full = False
    while index < len(positions) - 1 or full:
        sample, low = positions[index]
        lead = written - low
        offered = offered or (words < feed and not stall_i[cycle % len(stall_i)])
        sink = not stall_o[cycle % len(stall_o)]
        begin = index < len(positions) - 1 and lead >= min(s.span + 1, (sample + 1) * pixels - low)
        if offered and lead < s.capacity:
            offered, words = False, words + 1
            taken.append(cycle)
            written += words % s.groups == 0
        if full and sink:
            moved.append(cycle)
        if not full or sink:
            full = begin
            if begin:
                word += 1
                if word == s.words_per_position:
                    word, index = 0, index + 1
        cycle += 1
    return taken, moved


def maximum(type: IntType = BINARY, taps: int = 4, stalls: str = FREE) -> None:
    """Check max pooling of consecutive words."""
    lanes, steps, count = 2, 3, 6
    x = values((count, taps, lanes, steps), type)
    if type.binary:
        x &= values(x.shape, type, SEED + 1) & values(x.shape, type, SEED + 2)
    i = link(count * taps, lanes, steps, type, "i")
    o = link(count, lanes, steps, type, "o")
    dut = engine("maximum", "Maximum", plans.Maximum("o", (i,), (o,), taps))
    feed = pack(x.reshape(-1, lanes, steps).transpose(2, 0, 1), i)
    traffic = drive(dut, [feed], [count], stalls)
    equal(unpack(traffic.words[0], o, lanes), x.max(1).transpose(2, 0, 1), "maximum")
    if stalls == FREE:
        equal(traffic.moved[0], [(n + 1) * taps for n in range(count)], "maximum offers")


def accumulate(
    type: IntType = RANGE, positions: int = 3, count: int = 2, stalls: str = FREE
) -> None:
    """Check the sum over positions and steps."""
    lanes, steps, samples = 2, 3, 3
    i = link(positions * count, lanes, steps, type, "i")
    o = link(count, lanes, 1, type.times(positions * steps), "o")
    x = values((samples, steps, positions, count * lanes), type)
    dut = engine("accumulate", "Accumulate", readout.Accumulate("o", (i,), (o,), positions, count))
    feed = [w for sample in x for w in pack(sample, i)]
    traffic = drive(dut, [feed], [count * samples], stalls)
    found = unpack(traffic.words[0], o, count * lanes)[0]
    equal(found, x.sum((1, 2)), "accumulate")
    if stalls == FREE:
        moves = [
            s * i.words + (positions - 1) * count + g + 1
            for s in range(samples)
            for g in range(count)
        ]
        equal(traffic.moved[0], moves, "accumulate offers")


def classify(classes: int = 5, stalls: str = FREE) -> None:
    """Check logits and labels, ties included."""
    products_type, bias = IntType(-4, 4), IntType.of_width(3, signed=True)
    biases = [(3 * n) % 7 - 3 for n in range(classes)]
    i = link(classes, 1, 1, products_type, "i")
    o = link(classes, 1, 1, IntType(-8, 7), "o")
    x = values((40, classes), products_type)
    x[0], x[1] = -np.array(biases), np.minimum(4, 1 - np.array(biases))
    station = readout.Classify("o", (i,), (o,), classes, bias)
    image = Image("o", 3, tuple(pack_fields([n], [bias]) for n in biases))
    dut = engine("classify", "Classify", station, image)
    feed = pack(x.reshape(1, -1, 1), i)
    traffic = drive(dut, [feed], [x.size], stalls)
    layout = import_module("hw.classify").layout(station)
    logits = x + np.array(biases)
    labels = np.array([[row[: n + 1].argmax() for n in range(classes)] for row in logits])
    found = [layout.from_bits(word) for word in traffic.words[0]]
    equal([f.logit for f in found], logits.reshape(-1), "logits")
    equal([f.label for f in found], labels.reshape(-1), "labels")
    equal([f.last for f in found], np.tile(np.arange(classes) == classes - 1, len(x)), "last")
    elastic(2, traffic, stalls)
