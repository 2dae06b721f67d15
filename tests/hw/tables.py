"""Unit checks of the table synapse and of adder trees; like :mod:`tests.hw.checks`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from ir.scheme import Scheme
from ir.tables import ARITY, Tables

SEED = 11
LOADS = 3


def bits(values: Sequence[int], width: int) -> int:
    return sum(int(value) << (k * width) for k, value in enumerate(values))


def fields(word: int, width: int, count: int) -> list[int]:
    return [word >> (k * width) & ((1 << width) - 1) for k in range(count)]


class Model:
    """What a table core does, cycle by cycle; sums that are undefined are ``None``."""

    def __init__(self, tables: Tables, rng: np.random.Generator) -> None:
        self.tables, self.rng = tables, rng
        self.codes: list[np.ndarray | None] = [None] * tables.banks
        self.next: np.ndarray | None = None
        self.target = 0
        self.left = 0
        self.loads = 0
        self.words: list[int] = []
        self.pipeline: list[list[int] | None] = [None] * tables.latency

    @property
    def cycle(self) -> int:
        """Cycles since ``load``; 1 is the first with ``loading``."""
        return self.tables.load_cycles - self.left + 1

    @property
    def asks(self) -> bool:
        steps = 1 << self.tables.group
        word, rest = divmod(self.cycle - 2, steps)
        return bool(self.left) and rest == 0 and 0 <= word < self.tables.words

    def readable(self) -> list[int]:
        """Banks that may be read now."""
        if self.tables.banks == 1:
            return [0]
        return [b for b in range(2) if not (self.left and b == self.target)]

    def tick(self, spikes: np.ndarray, enable: bool, bank: int, load: bool) -> None:
        tables = self.tables
        if enable:
            codes = self.codes[bank if tables.banks == 2 else 0]
            found = None if codes is None else tables.sums(codes, spikes[None])[0].tolist()
            self.pipeline = [found, *self.pipeline[:-1]]
        if self.left:
            self.left -= 1
            if not self.left:
                self.codes[self.target] = self.next
        elif load:
            self.left = tables.load_cycles
            self.target = 1 - bank if tables.banks == 2 else 0
            self.codes[self.target] = None
            self.loads += 1
            shape = (tables.pe, tables.simd)
            self.next = self.rng.integers(0, 1 << tables.scheme.bits, shape)
            if self.loads == 2:  # the ends of the range
                worst = tables.scheme.decode(np.arange(1 << tables.scheme.bits))
                self.next[:] = np.where(np.arange(tables.pe) % 2, worst.argmin(), worst.argmax())[
                    :, None
                ]
            self.words = tables.pack(self.next)


def table(
    scheme: str,
    pe: int = 3,
    simd: int = 9,
    group: int = 4,
    loaders: int = 2,
    banks: int = 2,
    fabric: str = "plain",
    loads: int = LOADS,
) -> None:
    """Check a table core in every cycle under random stalls, loads and changes of the bank."""
    module = import_module("hw.table")
    arity = ARITY[fabric]
    tables = Tables(Scheme.parse(scheme), pe, simd, group, loaders, banks, arity)
    dut = module.Table(tables, fabric)
    rng = np.random.default_rng(SEED)
    model = Model(tables, rng)
    compared = 0

    async def bench(ctx: Any) -> None:
        nonlocal compared
        asked, bank, cycle = None, 0, 0
        while model.loads < loads or model.left or compared < 40:
            cycle += 1
            if cycle > 40 * (tables.load_cycles + 40):
                raise TimeoutError(f"table {scheme}: {compared} sums in {cycle} cycles")
            if rng.random() < 0.2 or bank not in model.readable():
                bank = int(rng.choice(model.readable()))
            spikes = rng.integers(0, 2, simd)
            if rng.random() < 0.1:
                spikes[:] = 1
            enable = rng.random() < 0.7
            # A strobe while loading must be ignored.
            load = rng.random() < 0.04 and (bool(model.left) or model.loads < loads)
            ctx.set(dut.spikes, bits(spikes, 1))
            ctx.set(dut.enable, enable)
            ctx.set(dut.bank, bank)
            ctx.set(dut.load, load)
            code = int(rng.integers(0, 1 << 30)) & ((1 << tables.word_width) - 1)
            ctx.set(dut.codes, code if asked is None else model.words[asked])
            if ctx.get(dut.loading) != bool(model.left):
                raise AssertionError(f"loading differs in cycle {model.cycle} of a load")
            if ctx.get(dut.code_enable) != model.asks:
                raise AssertionError(f"code_enable differs in cycle {model.cycle} of a load")
            asked = (model.cycle - 2) >> group if model.asks else None
            wanted = model.pipeline[-1]
            found = fields(ctx.get(dut.sums), tables.sum_width, pe)
            if wanted is not None:
                compared += 1
                if found != wanted:
                    raise AssertionError(f"table {scheme}: got {found}, expected {wanted}")
            model.tick(spikes, enable, bank, load)
            await ctx.tick()

    simulate(dut, bench)


class Adders(wiring.Component):
    """A tree of ``highs`` (rows of largest values), each number an OR of two where ``split``."""

    def __init__(self, highs: Sequence[Sequence[int]], fabric: str, register: bool) -> None:
        self.highs, self.fabric, self.register = highs, fabric, register
        self.width = max(high for row in highs for high in row).bit_length()
        count = sum(map(len, highs))
        super().__init__(
            {
                "i": In(count * self.width),
                "other": In(count * self.width),
                "enable": In(1),
                "o": Out(32 * len(highs)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        adder = import_module("hw.adder")
        rows, at, width = [], 0, self.width
        for row in self.highs:
            numbers = []
            for high in row:
                values = tuple(v[at * width : (at + 1) * width] for v in (self.i, self.other))
                numbers.append(adder.Number(values, high))
                at += 1
            rows.append(numbers)
        sums = adder.tree(
            m,
            rows,
            fabric=self.fabric,
            arity=ARITY[self.fabric],
            enable=self.enable,
            platform=platform,
            register=self.register,
        )
        for k, total in enumerate(sums):
            m.d.comb += self.o[32 * k : 32 * k + 32].eq(total)
        return m


def adders(highs: Sequence[Sequence[int]], fabric: str, count: int = 60) -> None:
    """Check trees: all numbers at their ends, random ones, registers that hold."""
    rng = np.random.default_rng(SEED)
    top = np.array([high for row in highs for high in row])
    cases = [top, 0 * top, *rng.integers(0, top + 1, (count, len(top)))]
    levels = Tables(Scheme.parse("u2"), 1, len(highs[0]), 1, arity=ARITY[fabric]).levels
    ends = np.cumsum([len(row) for row in highs])[:-1]

    for register in (False, True):
        dut = Adders(highs, fabric, register)

        async def bench(ctx: Any, dut: Adders = dut, register: bool = register) -> None:
            for n, case in enumerate(cases):
                second = rng.integers(0, 2, len(case))
                ctx.set(dut.i, bits(case * second, dut.width))
                ctx.set(dut.other, bits(case * (1 - second), dut.width))
                if register:
                    ctx.set(dut.enable, 1)
                    for _ in range(levels):
                        await ctx.tick()
                    ctx.set(dut.enable, 0)
                    if levels:
                        ctx.set(dut.i, 0)
                    for _ in range(n % 3):
                        await ctx.tick()
                found = fields(ctx.get(dut.o), 32, len(highs))
                wanted = [int(part.sum()) for part in np.split(case, ends)]
                if found != wanted:
                    raise AssertionError(f"{fabric} adders: got {found}, expected {wanted}")

        simulate(dut, bench)


def accumulators(fabric: str, width: int = 6, count: int = 9) -> None:
    """Check adders with a carry each, two's complement and wrapping."""
    adder = import_module("hw.adder")
    values, terms = Signal(width * count), Signal(width * count)
    carries = Signal(count)

    class Dut(wiring.Component):
        def __init__(self) -> None:
            super().__init__({"o": Out(width * count)})

        def elaborate(self, platform: object) -> Module:
            m = Module()
            parts = [[v[k * width :][:width] for k in range(count)] for v in (values, terms)]
            found = adder.accumulate(m, *parts, list(carries), fabric=fabric, platform=platform)
            m.d.comb += self.o.eq(Cat(found))
            return m

    dut = Dut()
    rng = np.random.default_rng(SEED)
    mask = (1 << width) - 1

    async def bench(ctx: Any) -> None:
        for n in range(80):
            a, b = rng.integers(0, mask + 1, (2, count)) if n > 1 else np.full((2, count), mask)
            ctx.set(values, bits(a, width))
            ctx.set(terms, bits(b, width))
            c = rng.integers(0, 2, count)
            ctx.set(carries, bits(c, 1))
            found = fields(ctx.get(dut.o), width, count)
            wanted = ((a + b + c) & mask).tolist()
            if found != wanted:
                raise AssertionError(f"accumulators: got {found}, expected {wanted}")

    simulate(dut, bench)


def constant(
    scheme: str, pe: int = 3, simd: int = 9, fabric: str = "plain", group: int | None = None
) -> None:
    """Check constant tables under random stalls."""
    rng = np.random.default_rng(SEED)
    weights = rng.choice(Scheme.parse(scheme).levels, (pe, simd))
    dut = import_module("hw.constant").Constant(weights, fabric, group)
    spikes = rng.integers(0, 2, (60, simd))
    spikes[1] = 1
    wanted = (spikes @ weights.T - dut.offsets).tolist()

    async def bench(ctx: Any) -> None:
        pipeline: list[list[int] | None] = [None] * dut.latency
        for word, sums in zip(spikes, wanted, strict=True):
            enable = rng.random() < 0.7
            ctx.set(dut.spikes, bits(word, 1))
            ctx.set(dut.enable, enable)
            found = fields(ctx.get(dut.sums), dut.sum_width, pe)
            if pipeline[-1] is not None and found != pipeline[-1]:
                raise AssertionError(f"constant {scheme}: got {found}, expected {pipeline[-1]}")
            if enable:
                pipeline = [sums, *pipeline[:-1]]
            await ctx.tick()

    simulate(dut, bench)


def simulate(dut: Any, bench: Any) -> None:
    """Run a bench, with a clock domain even where ``dut`` has none."""
    m = Module()
    m.submodules.dut = dut
    m.d.sync += Signal().eq(0)
    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
