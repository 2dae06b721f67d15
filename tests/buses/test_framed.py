import random

import pytest

from hw.framed import Framed
from hw.system import System
from ir import protocol
from ir.protocol import Code, Damage, Decoder, Frame, Kind, encode
from ir.registers import MAGIC, registers
from tests.buses.bench import put, simulate
from tests.buses.frames import check, reply, sample, spoiled
from tests.buses.subject import subject

ADDRESS = {r.name: r.address for r in registers(subject().plan, subject().digest)}


def framed():
    s = subject()
    return Framed(System(s.plan, s.contents, s.digest))


def exchange(pieces, wanted, gaps=0.0, stalls=0.0):
    """Send pieces of bytes, (bytes or list of (byte, code)); return the replies."""
    dut, decoder, found = framed(), Decoder(), []
    rng = random.Random(3)

    async def source(ctx):
        for piece in pieces:
            for each in piece:
                byte, code = each if isinstance(each, tuple) else (each, 0)
                payload = {"data": byte, "code": code}
                await put(ctx, dut.i, payload, lambda: rng.random() < gaps)
        for _ in range(20000):
            if len(found) >= wanted:
                break
            await ctx.tick()
        await ctx.tick().repeat(300)

    async def sink(ctx):
        while True:
            ready = rng.random() >= stalls
            ctx.set(dut.o.ready, ready)
            _, _, valid, byte = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            if valid and ready:
                found.extend(decoder.feed([byte]))

    simulate(dut, source, background=[sink])
    return list(map(reply, found))


@pytest.mark.parametrize("gaps, stalls", [(0, 0), (0.5, 0), (0, 0.7)])
def test_samples_back_to_back(gaps, stalls):
    s = subject()
    frames = [sample(words, 0xC0 + n) for n, words in enumerate(s.samples(11, 5))]
    wanted = [(0xC0 + n, answer) for n, answer in enumerate(s.answers(11, 5))]
    assert exchange(map(encode, frames), 5, gaps, stalls) == wanted


def test_registers_are_read_and_written():
    frames = [
        Frame(Kind.READ, 1, protocol.read(ADDRESS["MAGIC"])),
        Frame(Kind.READ, 2, protocol.read(ADDRESS["CLASSES"])),
        Frame(Kind.READ, 3, protocol.read(0x7000)),
        Frame(Kind.WRITE, 4, protocol.write(ADDRESS["CYCLES"], 5)),
        Frame(Kind.READ, 5, protocol.read(ADDRESS["ERRORS"])),
        Frame(Kind.WRITE, 6, protocol.write(ADDRESS["CONTROL"], 1)),
        Frame(Kind.READ, 7, protocol.read(ADDRESS["ERRORS"])),
    ]
    wanted = [(1, MAGIC), (2, 3), (3, Code.ADDRESS), (4, Code.READ_ONLY), (5, 2), (6, 0), (7, 0)]
    assert exchange(map(encode, frames), 7, 0.2, 0.2) == wanted


def storm(seed, count):
    pieces, wanted = spoiled(seed, count)
    found = exchange(pieces, len(wanted), 0.1 * (seed % 3), 0.1 * (seed % 2))
    check(found, wanted)


@pytest.mark.parametrize("seed", range(2))
def test_after_anything_the_next_frame_is_bit_exact(seed):
    storm(seed, 16)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 30))
def test_after_anything_many_times(seed):
    storm(seed, 60)


def test_codes_of_the_line_come_first():
    s = subject()
    (words,), (answer,) = s.samples(1, 1), s.answers(1, 1)
    data = encode(sample(words, 1))
    pieces, wanted = [], []
    for position in (0, 1, 7, len(data) - 2, len(data) - 1):
        marked = [(byte, Code.OVERRUN if n == position else 0) for n, byte in enumerate(data)]
        pieces += [marked, encode(sample(words, 2))]
        # A loss before the first delimiter is another frame's, and this one is intact.
        wanted += [(1, Code.OVERRUN)] if position else [(0, Code.OVERRUN), (1, answer)]
        wanted += [(2, answer)]
    assert [
        each if isinstance(each[1], int) or not each[1].code else (each[0], each[1].code)
        for each in exchange(pieces, len(wanted))
    ] == wanted


def test_a_reset_ends_an_answer_that_is_being_sent():
    s = subject()
    words, answers = s.samples(12, 2), s.answers(12, 2)
    dut, decoder, found = framed(), Decoder(), []

    async def source(ctx):
        for byte in encode(sample(words[0], 1)):
            await put(ctx, dut.i, {"data": byte, "code": 0})
        # The answer has begun to leave, and waits until the reset is through.
        await ctx.tick().repeat(200)
        write = Frame(Kind.WRITE, 2, protocol.write(ADDRESS["CONTROL"], 1))
        for byte in encode(write):
            await put(ctx, dut.i, {"data": byte, "code": 0})
        await ctx.tick().repeat(10)
        ctx.set(dut.o.ready, 1)
        for byte in encode(sample(words[1], 3)):
            await put(ctx, dut.i, {"data": byte, "code": 0})
        await ctx.tick().repeat(500)

    async def sink(ctx):
        while True:
            _, _, valid, ready, byte = await ctx.tick().sample(
                dut.o.valid, dut.o.ready, dut.o.payload
            )
            if valid and ready:
                found.extend(decoder.feed([byte]))

    simulate(dut, source, background=[sink])
    assert found[0] == Damage(Code.LENGTH, 1)
    assert [reply(frame) for frame in found[1:]] == [(2, 0), (3, answers[1])]
