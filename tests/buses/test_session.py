import random
from dataclasses import replace

import pytest

from hw.session import Session
from hw.system import System
from ir.errors import SpikewrightError
from ir.image import parity
from ir.protocol import Answer, Code
from ir.registers import registers
from tests.buses.bench import Packet, access, collect, send, simulate
from tests.buses.subject import subject

PATIENCE = 3000
ADDRESS = {r.name: r.address for r in registers(subject().plan, subject().digest)}


def system(**options) -> System:
    s = subject()
    return System(s.plan, s.contents, s.digest, **options)


def pauses(share: float, seed: int):
    rng = random.Random(seed)
    return lambda: rng.random() < share


def exchange(packets, *, gaps=0.0, stalls=0.0, **options):
    """Return (sequence, answer) of every packet, and the registers afterwards."""
    dut, found, seen = system(**options), [], {}

    async def source(ctx):
        for packet in packets:
            await send(ctx, dut.i, packet, pauses(gaps, packet.sequence))
        for _ in range(PATIENCE):
            if len(found) == len(packets):
                break
            await ctx.tick()
        await ctx.tick().repeat(20)
        for name, address in ADDRESS.items():
            code, seen[name] = await access(ctx, dut.access, address)
            assert code == Code.OK

    async def sink(ctx):
        await collect(ctx, dut.o, found, pauses(stalls, 99))

    simulate(dut, source, background=[sink])
    return found, seen


def good(seed, count):
    s = subject()
    packets = [Packet(words, Code.OK, n) for n, words in enumerate(s.samples(seed, count))]
    return packets, list(enumerate(s.answers(seed, count)))


@pytest.mark.parametrize("gaps, stalls", [(0, 0), (0.6, 0), (0, 0.6), (0.4, 0.4)])
def test_whole_samples_are_answered_bit_exact(gaps, stalls):
    packets, wanted = good(1, 12)
    found, seen = exchange(packets, gaps=gaps, stalls=stalls)
    assert found == wanted
    assert seen["SAMPLES"] == 12 and seen["ERRORS"] == 0 and seen["STATUS"] == 0
    if not gaps and not stalls:
        assert seen["INTERVAL"] == 24 and seen["LATENCY"] == 61  # as without a session


def refused(code):
    return Answer(code, 0, ())


BAD = {
    "short": (lambda w: w[:-1], Code.OK, Code.SHORT),
    "one word": (lambda w: w[:1], Code.OK, Code.SHORT),
    "long": (lambda w: [*w, 1], Code.OK, Code.LONG),
    "twice as long": (lambda w: w + w, Code.OK, Code.LONG),
    "crc": (lambda w: w, Code.CRC, Code.CRC),
    "short and crc": (lambda w: w[:3], Code.CRC, Code.CRC),
    "long and overrun": (lambda w: w + w, Code.OVERRUN, Code.OVERRUN),
    "first element": (lambda w: [6, *w[1:]], Code.OK, Code.RANGE),
    "last element": (lambda w: [*w[:-1], 7 << 3], Code.OK, Code.RANGE),
    "padding": (lambda w: [w[0] | 0x40, *w[1:]], Code.OK, Code.RANGE),
    "range and short": (lambda w: [7, 1], Code.OK, Code.SHORT),
    "range and long": (lambda w: [7, *w], Code.OK, Code.LONG),
}


@pytest.mark.parametrize("name", BAD)
def test_after_a_bad_packet_the_next_is_bit_exact(name):
    spoil, code, answer = BAD[name]
    packets, wanted = good(2, 3)
    packets[1] = Packet(spoil(list(packets[1].words)), code, 1)
    wanted[1] = (1, refused(answer))
    found, seen = exchange(packets)
    assert found == wanted
    assert seen["ERRORS"] == 1 and seen["STATUS"] == answer << 8
    assert seen["SAMPLES"] == 3  # the core has answered it, and nobody was told


def mixture(seed, count):
    rng = random.Random(seed)
    packets, wanted = good(seed, count)
    for n in range(count):
        if rng.random() < 0.5:
            spoil, code, answer = BAD[rng.choice(list(BAD))]
            packets[n] = Packet(spoil(list(packets[n].words)), code, n % 256)
            wanted[n] = (n, refused(answer))
    return packets, wanted


@pytest.mark.parametrize("seed", range(3))
def test_mixtures_under_stalls(seed):
    packets, wanted = mixture(seed, 24)
    found, _ = exchange(packets, gaps=0.3 * (seed % 2), stalls=0.3 * (seed // 2))
    assert found == wanted


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 30))
def test_many_mixtures(seed):
    packets, wanted = mixture(seed, 100)
    found, _ = exchange(
        packets, gaps=0.2 * (seed % 3), stalls=0.2 * (seed % 4), in_flight=1 + seed % 5
    )
    assert found == wanted


def test_few_in_flight_are_slower_but_right():
    packets, wanted = good(5, 8)
    found, seen = exchange(packets, in_flight=1)
    assert found == wanted
    assert seen["INTERVAL"] > 24


def reset_after(waits, spoiled=False):
    """Reset after each number of cycles; then a whole sample, and its exact answer."""
    packets, wanted = good(6, 4)
    bad = ([7, *packets[0].words[1:]], packets[1].words * 2, packets[2].words[:3])
    if spoiled:
        packets[:3] = [Packet(words, Code.OK, n) for n, words in enumerate(bad)]
    dut, found, left = system(), [], []

    async def source(ctx):
        while True:
            while not left:
                await ctx.tick()
            await send(ctx, dut.i, packets[left[0]])
            left.pop(0)

    async def host(ctx):
        for wait in waits:
            found.clear()
            left.extend(range(3))
            await ctx.tick().repeat(wait + 1)
            assert await access(ctx, dut.access, ADDRESS["CONTROL"], 1) == (Code.OK, 0)
            await ctx.tick().repeat(2)
            while left or ctx.get(dut.session.busy):
                await ctx.tick()
            await ctx.tick()  # the sink, too, has seen the last transfer
            # What came before the reset is exact, or ended by it, or the rest of a packet.
            codes = [each[1].code for each in found if each not in wanted]
            assert codes.count(Code.RESET) <= 1
            if not spoiled:
                assert codes.count(Code.SHORT) <= 1
                assert set(codes) <= {Code.RESET, Code.SHORT}
            seen.update(codes)
            before = len(found)
            left.append(3)
            for _ in range(200):
                await ctx.tick()
            assert found[before:] == wanted[3:], wait

    async def sink(ctx):
        await collect(ctx, dut.o, found, pauses(0.5, 1))

    seen = set()
    simulate(dut, host, background=[source, sink])
    return seen


def test_a_reset_in_many_cycles():
    assert reset_after(range(0, 140, 7)) == {Code.RESET, Code.SHORT}


def test_a_reset_in_many_cycles_of_spoiled_packets():
    assert reset_after(range(0, 90, 5), spoiled=True) >= {Code.SHORT, Code.LONG, Code.RANGE}


@pytest.mark.slow
def test_a_reset_in_any_cycle():
    assert reset_after(range(160)) == {Code.RESET, Code.SHORT}
    assert reset_after(range(160), spoiled=True) >= {Code.SHORT, Code.LONG, Code.RANGE}


def test_registers():
    s = subject()
    packets, _ = good(7, 3)
    dut, found, layers = system(), [], {}

    async def source(ctx):
        assert await access(ctx, dut.access, ADDRESS["MAGIC"]) == (Code.OK, 0x53504B57)
        assert await access(ctx, dut.access, ADDRESS["NETWORK"]) == (0, int(s.digest[:8], 16))
        for address in (0x60, 2, 0xFFFC, ADDRESS["SPIKES_1"] + 4):
            assert (await access(ctx, dut.access, address))[0] == Code.ADDRESS
            assert (await access(ctx, dut.access, address, 1))[0] == Code.ADDRESS
        assert (await access(ctx, dut.access, ADDRESS["CYCLES"], 1))[0] == Code.READ_ONLY
        await ctx.tick()
        assert await access(ctx, dut.access, ADDRESS["ERRORS"]) == (Code.OK, 9)
        assert await access(ctx, dut.access, ADDRESS["STATUS"]) == (Code.OK, Code.READ_ONLY << 8)
        assert await access(ctx, dut.access, ADDRESS["CONTROL"], 0xFFFFFFFE) == (Code.OK, 0)
        assert (await access(ctx, dut.access, ADDRESS["ERRORS"]))[1] == 9
        await access(ctx, dut.access, ADDRESS["CONTROL"], 1)
        await ctx.tick()
        assert (await access(ctx, dut.access, ADDRESS["ERRORS"]))[1] == 0
        for packet in packets:
            await send(ctx, dut.i, packet)
            assert (await access(ctx, dut.access, ADDRESS["STATUS"]))[1] & 1
        await ctx.tick().repeat(200)
        for n in range(2):
            layers[n] = (await access(ctx, dut.access, ADDRESS[f"SPIKES_{n}"]))[1]

    async def sink(ctx):
        await collect(ctx, dut.o, found)

    simulate(dut, source, background=[sink])
    assert list(layers.values()) == s.spikes(7, 3)
    assert min(layers.values()) > 0


def test_wide_logits_are_refused():
    from dataclasses import replace

    from ir.types import IntType

    plan = subject().plan
    last = plan.stations[-1]
    wide = replace(last, outputs=(replace(last.o, type=IntType(-(1 << 32), 0)),))
    with pytest.raises(SpikewrightError) as found:
        Session(replace(plan, stations=(*plan.stations[:-1], wide)))
    assert str(found.value) == "Logits have 33 bits; allowed are 32 where a host reads them."


@pytest.mark.parametrize("kept", [1, 3, None], ids=["one word", "three words", "one too many"])
def test_busy_from_the_first_word_to_the_end_of_the_answer(kept):
    dut, found, seen = system(), [], []
    (words,) = subject().samples(5, 1)
    packet = Packet(words[:kept] if kept else [*words, 0], Code.OK, 0)

    async def source(ctx):
        assert not ctx.get(dut.session.busy)
        await send(ctx, dut.i, packet)
        while len(found) < 1:
            seen.append(ctx.get(dut.session.busy))
            await ctx.tick()
        await ctx.tick().repeat(2)
        assert not ctx.get(dut.session.busy)

    async def sink(ctx):
        await collect(ctx, dut.o, found)

    simulate(dut, source, background=[sink])
    assert found == [(0, refused(Code.SHORT if kept else Code.LONG))]
    assert all(seen[:-1]) and len(seen) > 10


@pytest.mark.parametrize("broken", [False, True])
def test_a_fault_of_the_core_stays_in_the_status_until_reset(broken, monkeypatch):
    s, seen, found = subject(), [], []
    biases = s.contents[s.plan.stations[-1].name]
    wrong = (biases.words[-1], biases.width)  # is not read before there are sums
    assert biases.words.count(wrong[0]) == 1

    def damaged(word, width):
        return parity(word, width) ^ ((broken and (word, width) == wrong) << width)

    monkeypatch.setattr("hw.memory.parity", damaged)
    dut = System(replace(s.plan, parity=True), s.contents, s.digest)
    (words,) = s.samples(6, 1)

    async def status(ctx):
        return (await access(ctx, dut.access, ADDRESS["STATUS"]))[1]

    async def source(ctx):
        seen.append(await status(ctx))
        await send(ctx, dut.i, Packet(words, Code.OK, 0))
        while not found:
            await ctx.tick()
        await ctx.tick().repeat(20)
        seen.append(await status(ctx))
        await access(ctx, dut.access, ADDRESS["CONTROL"], 1)
        await ctx.tick()  # in which everything is reset
        seen.append(await status(ctx))

    async def sink(ctx):
        await collect(ctx, dut.o, found)

    simulate(dut, source, background=[sink])
    assert seen == [0, 2 if broken else 0, 0]
    assert found == [(0, s.answers(6, 1)[0])]  # the words themselves are right
