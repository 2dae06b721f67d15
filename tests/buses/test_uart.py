import random

import pytest
from amaranth.hdl import Module

from hw.inbox import Inbox
from hw.uart import Receiver, Transmitter, divisor
from ir.errors import SpikewrightError
from ir.protocol import Code
from tests.buses.bench import simulate


def received(levels, cycles_per_bit):
    """Return (byte, code) of every byte that a line at these levels, a cycle each, carries."""
    dut, found = Receiver(cycles_per_bit), []

    async def line(ctx):
        for level in levels:
            ctx.set(dut.rx, level)
            _, _, valid, data, code = await ctx.tick().sample(dut.valid, dut.data, dut.code)
            if valid:
                found.append((data, code))

    simulate(dut, line)
    return found


def levels(data, cycles_per_bit, idle=0.0):
    """Return the levels of bytes sent at any, also fractional, number of cycles per bit."""
    bits = []
    for byte in data:
        bits += [0, *(byte >> k & 1 for k in range(8)), 1]
        bits += [1] * round(idle)
    bits += [1] * 3
    return [bits[int(cycle / cycles_per_bit)] for cycle in range(int(len(bits) * cycles_per_bit))]


DATA = [0x00, 0xFF, 0x55, 0xAA, 0x01, 0x80, 0xC0, *range(3, 250, 31)]


@pytest.mark.parametrize("cycles", [4, 5, 8, 13])
def test_receiver(cycles):
    assert received(levels(DATA, cycles), cycles) == [(byte, 0) for byte in DATA]


@pytest.mark.parametrize("cycles, deviation", [(4, 0.02), (5, 0.02), (16, 0.03)])
@pytest.mark.parametrize("sign", [-1, 1])
def test_receiver_stands_a_wrong_rate(cycles, deviation, sign):
    found = received(levels(DATA, cycles * (1 + sign * deviation)), cycles)
    assert found == [(byte, 0) for byte in DATA]


def test_glitches_are_no_bytes():
    line = [1] * 20 + [0] * 2 + [1] * 30 + levels([0x5A], 8) + [1] * 9
    assert received(line, 8) == [(0x5A, 0)]


def test_a_missing_stop_bit_is_told_once():
    line = [1] * 20 + [0] * 300 + [1] * 40 + levels([0x5A], 8) + [1] * 9
    assert received(line, 8) == [(0, Code.FRAMING), (0x5A, 0)]


@pytest.mark.parametrize("cycles", [4, 9])
def test_transmitter_and_receiver(cycles):
    m = Module()
    m.submodules.out = out = Transmitter(cycles)
    m.submodules.back = back = Receiver(cycles)
    m.d.comb += back.rx.eq(out.tx)
    found, rng = [], random.Random(1)

    async def source(ctx):
        for byte in DATA:
            await ctx.tick().repeat(rng.choice([1, 1, 100]))
            ctx.set(out.i.payload, byte)
            ctx.set(out.i.valid, 1)
            while not (await ctx.tick().sample(out.i.ready))[2]:
                pass
            ctx.set(out.i.valid, 0)
        await ctx.tick().repeat(12 * cycles)

    async def sink(ctx):
        while True:
            _, _, valid, data, code = await ctx.tick().sample(back.valid, back.data, back.code)
            if valid:
                found.append((data, code))

    simulate(m, source, background=[sink])
    assert found == [(byte, 0) for byte in DATA]


def test_bytes_follow_without_a_pause():
    dut, taken = Transmitter(4), []

    async def source(ctx):
        ctx.set(dut.i.valid, 1)
        for cycle in range(200):
            if (await ctx.tick().sample(dut.i.ready))[2]:
                taken.append(cycle)

    simulate(dut, source)
    assert taken == list(range(0, 200, 40))


def test_inbox_says_what_it_lost():
    dut, found = Inbox(4), []

    async def line(ctx):
        async def put(byte, code=0):
            ctx.set(dut.valid, 1)
            ctx.set(dut.data, byte)
            ctx.set(dut.code, code)
            await ctx.tick()
            ctx.set(dut.valid, 0)

        async def get():
            ctx.set(dut.o.ready, 1)
            _, _, valid, payload = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            ctx.set(dut.o.ready, 0)
            assert valid
            found.append((payload.data, payload.code))

        for byte in range(7):
            await put(byte, Code.FRAMING if byte == 2 else 0)
        await get()
        await put(7)
        await get()
        await put(8)
        for _ in range(4):
            await get()

    simulate(dut, line)
    assert found == [(0, 0), (1, 0), (2, Code.FRAMING), (3, 0), (7, Code.OVERRUN), (8, 0)]


@pytest.mark.parametrize("clock, baud", [(25e6, 115200), (12e6, 1e6), (48e6, 12e6), (27e6, 3e6)])
def test_divisors(clock, baud):
    assert abs(clock / divisor(clock, baud) / baud - 1) <= 0.02


@pytest.mark.parametrize("clock, baud", [(12e6, 5e6), (12e6, 2.7e6), (12e6, 0), (1e6, 9e5)])
def test_rates_that_cannot_be_met(clock, baud):
    with pytest.raises(SpikewrightError, match=f"UART has {baud:.0f} baud at a clock of"):
        divisor(clock, baud)
