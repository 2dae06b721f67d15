"""Memories written through registers: other networks, exactly, and every refusal."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import Module, ResetInserter, Signal

from hw.axi import Axi
from hw.framed import Framed
from hw.wishbone import Wishbone
from ir import protocol
from ir.bounds import check
from ir.fold import Hardware
from ir.image import images, restore
from ir.layers import LIF, Synapse
from ir.protocol import Answer, Code, Decoder, Frame, Kind, encode
from ir.registers import registers
from ir.store import Export
from sim.case import Case, contents, pixels
from sim.draw import draw
from sim.topology import build as topology
from tests.buses.bench import collect, put, simulate
from tests.buses.frames import reply, sample
from tests.buses.reloading import Reloadable, answers, checksum, parts
from tests.buses.subject import subject
from tests.sim.test_small import SEED, SMALL

CASE = Case(contents="wild", contents_seed=4, images=2, images_seed=3, density=0.7)
NAME = 0xBEEF
KINDS = {"synapse", "tile", "neurons", "serial_neurons", "stepwise", "align", "classify"}
FEW = (0, 1, 4)
"""Places in ``SMALL`` that have all of them, between them."""


def small(index, parity):
    return Reloadable.of(draw(SEED, SMALL[index]) | {"widths": "format", "parity": parity})


@pytest.fixture
def subject_of_buses():
    return Reloadable(subject().network, subject().plan)


def kinds(place):
    found = small(place, False)
    return {s.kind for s in found.plan.stations if s.name in found.shapes}


def test_the_few_have_every_engine_that_has_an_image():
    assert set().union(*map(kinds, FEW)) == KINDS


def exchange(dut, network, filled):
    """Reload a network between samples; refuse answers that are not those of the golden model."""
    samples, found = pixels(dut.network, CASE), []
    before, after = answers(dut.network, samples), answers(network, samples)

    async def host(ctx):
        assert await dut.ask(ctx, dut.packets(samples), found) == before
        await dut.reload(ctx, filled, NAME)
        assert await dut.read(ctx, "NETWORK") == (Code.OK, NAME)
        assert await dut.ask(ctx, dut.packets(samples), found) == after
        assert await dut.read(ctx, "STATUS") == (Code.OK, 0)

    async def sink(ctx):
        await collect(ctx, dut.system.o, found)

    simulate(dut.system, host, background=[sink])
    return before != after


@pytest.mark.parametrize("place, parity", [(0, False), (1, True), (4, False)])
def test_another_network_is_exact(place, parity):
    assert wild(place, parity), "the answers show no difference"


@pytest.mark.slow
@pytest.mark.parametrize("parity", [False, True])
def test_all_small_networks(parity):
    assert sum(wild(place, parity) for place in range(len(SMALL))) > len(SMALL) / 2


def wild(place, parity):
    dut = small(place, parity)
    filled = contents(dut.plan, dut.contents, CASE)
    return exchange(dut, restore(dut.network, dut.plan, filled), filled)


def turned(network):
    """Return a network whose channels swap their weights and neurons: other sums, same reach."""
    layers = []
    for layer in network.layers:
        if isinstance(layer, Synapse):
            layer = replace(layer, weight=np.ascontiguousarray(layer.weight[::-1, ::-1]))
        elif isinstance(layer, LIF):
            layer = replace(layer, threshold=layer.threshold[::-1], bias=layer.bias[::-1])
        layers.append(layer)
    return replace(network, layers=tuple(layers))


@pytest.mark.parametrize("place", [2, 6])
def test_the_largest_sums_of_a_build_of_proven_widths(place):
    """Weights as large as the build's, and the brightest pixels: nothing overflows."""
    values = draw(SEED, SMALL[place]) | {"widths": "actual", "parity": False}
    network, hardware = topology(values)
    dut, other = Reloadable.of(values), turned(network)
    check(other, Export(network, hardware))
    samples = np.full((1, *network.sample_shape), network.input.high)
    found, filled = [], images(other, dut.plan)

    async def host(ctx):
        await dut.reload(ctx, filled, NAME)
        assert await dut.ask(ctx, dut.packets(samples), found) == answers(other, samples)

    async def sink(ctx):
        await collect(ctx, dut.system.o, found)

    simulate(dut.system, host, background=[sink])


def test_refusals(subject_of_buses):
    dut = subject_of_buses
    images_ = dut.stored(dut.contents)

    async def host(ctx):
        was = int(dut.digest[:8], 16)
        assert await dut.read(ctx, "NETWORK") == (Code.OK, was)
        # Nothing is chosen.
        for name, code in (("RELOAD_DATA", Code.ADDRESS), ("RELOAD_CHECKSUM", Code.ADDRESS)):
            assert await dut.write(ctx, name) == code
        assert await dut.write(ctx, "NETWORK", 1) == Code.READ_ONLY
        for number in (len(images_), 1 << 8, 1 << 31):
            assert await dut.write(ctx, "RELOAD_MEMORY", number) == Code.ADDRESS
        assert await dut.write(ctx, "RELOAD_ADDRESS", 1) == Code.READ_ONLY
        assert await dut.read(ctx, "NETWORK") == (Code.OK, was)
        for number, image in enumerate(images_):
            assert await dut.write(ctx, "RELOAD_MEMORY", number) == Code.OK
            assert await dut.read(ctx, "RELOAD_MEMORY") == (Code.OK, number)
            assert await dut.read(ctx, "NETWORK") == (Code.OK, 0)
            # Bits beyond the word, which may be sent again as it should be.
            given = parts(image)
            last = -(-image.width // 32)
            for part in given[: last - 1]:
                assert await dut.write(ctx, "RELOAD_DATA", part) == Code.OK
            assert await dut.write(ctx, "RELOAD_DATA", 1 << image.width % 32) == Code.RANGE
            for part in given[last - 1 :]:
                assert await dut.write(ctx, "RELOAD_DATA", part) == Code.OK
            assert await dut.write(ctx, "RELOAD_DATA", 0) == Code.LONG
            assert await dut.read(ctx, "RELOAD_ADDRESS") == (Code.OK, len(image.words))
            assert await dut.write(ctx, "RELOAD_CHECKSUM") == Code.OK
            for name in ("RELOAD_MEMORY", "RELOAD_DATA", "RELOAD_CHECKSUM", "NETWORK"):
                assert await dut.write(ctx, name) == Code.BUSY
            assert (await dut.read(ctx, "RELOAD_CHECKSUM"))[0] == Code.BUSY
            while (await dut.read(ctx, "RELOAD_CHECKSUM"))[0]:
                pass
            assert await dut.read(ctx, "RELOAD_CHECKSUM") == (Code.OK, checksum(image))
        assert await dut.write(ctx, "NETWORK", 7) == Code.OK
        assert await dut.write(ctx, "RELOAD_DATA", 0) == Code.ADDRESS
        assert await dut.write(ctx, "NETWORK", 8) == Code.READ_ONLY
        assert await dut.read(ctx, "NETWORK") == (Code.OK, 7)

    simulate(dut.system, host)


def test_a_sample_under_way_is_left_alone(subject_of_buses):
    dut, s, found, rng = subject_of_buses, subject(), [], random.Random(2)
    (words,), (right,) = s.samples(5, 1), s.answers(5, 1)

    async def host(ctx):
        port = dut.system.i
        for index, word in enumerate(words):
            payload = {"word": word, "last": index == len(words) - 1, "sequence": 9}
            await put(ctx, port, payload)
            assert await dut.write(ctx, "RELOAD_MEMORY", 0) == Code.BUSY
        assert await dut.read(ctx, "NETWORK") == (Code.OK, int(dut.digest[:8], 16))
        while (code := await dut.write(ctx, "RELOAD_MEMORY", 0)) == Code.BUSY:
            pass
        assert code == Code.OK
        assert found == [(9, right)]

    async def sink(ctx):
        await collect(ctx, dut.system.o, found, lambda: rng.random() < 0.7)

    simulate(dut.system, host, background=[sink])


def test_samples_have_no_answer_until_the_network_has_a_name(subject_of_buses):
    dut, s, found = subject_of_buses, subject(), []
    words, right = s.samples(5, 3), s.answers(5, 3)
    packets = [replace(dut.packets(s._images(5, 3))[n], sequence=n) for n in range(3)]
    assert [list(p.words) for p in packets] == words
    busy = [(n, Answer(Code.BUSY, 0, ())) for n in range(3)]

    async def host(ctx):
        assert await dut.write(ctx, "RELOAD_MEMORY", 0) == Code.OK
        first = await dut.ask(ctx, packets, found)
        assert [(n, a.code) for n, a in first] == [(n, a.code) for n, a in busy]
        # A reset gives it none either.
        assert await dut.write(ctx, "CONTROL", 1) == Code.OK
        await ctx.tick()
        assert {a.code for _, a in await dut.ask(ctx, packets, found)} == {Code.BUSY}
        await dut.reload(ctx, dut.contents, NAME)
        assert await dut.ask(ctx, packets, found) == list(enumerate(right))

    async def sink(ctx):
        await collect(ctx, dut.system.o, found)

    simulate(dut.system, host, background=[sink])


@pytest.mark.parametrize("parity", [False, True])
def test_a_word_that_changed_on_the_way_is_noticed(parity):
    s = subject()
    dut = Reloadable(s.network, replace(s.plan, parity=parity))

    async def host(ctx):
        for number, image in enumerate(dut.stored(dut.contents)):
            given = parts(image)
            given[len(given) // 2] ^= 1
            assert await dut.write(ctx, "RELOAD_MEMORY", number) == Code.OK
            for part in given:
                assert await dut.write(ctx, "RELOAD_DATA", part) == Code.OK
            assert await dut.checked(ctx) != checksum(image)
            # A word that has the wrong parity is a fault as soon as it is read.
            assert (await dut.read(ctx, "STATUS"))[1] >> 1 & 1 == parity

    simulate(dut.system, host)


def test_the_memory_is_read_back_and_not_what_was_sent(subject_of_buses):
    """A memory that was not written has the checksum of what it holds since the build."""
    dut = subject_of_buses

    async def host(ctx):
        for number, image in enumerate(dut.stored(dut.contents)):
            assert await dut.write(ctx, "RELOAD_MEMORY", number) == Code.OK
            assert await dut.checked(ctx) == checksum(image)

    simulate(dut.system, host)


def test_a_reset_of_the_board_gives_no_network_its_name_back(subject_of_buses):
    dut, reset, found = subject_of_buses, Signal(), []
    s, m = subject(), Module()
    packets, right = dut.packets(s._images(5, 1)), s.answers(5, 1)
    m.submodules.system = ResetInserter(reset)(dut.system)

    async def host(ctx):
        assert await dut.write(ctx, "RELOAD_MEMORY", 2) == Code.OK
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        assert await dut.read(ctx, "NETWORK") == (Code.OK, 0)
        assert await dut.write(ctx, "RELOAD_DATA", 0) == Code.ADDRESS
        ((_, answer),) = await dut.ask(ctx, packets, found)
        assert answer.code == Code.BUSY
        await dut.reload(ctx, dut.contents, NAME)
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        assert await dut.read(ctx, "NETWORK") == (Code.OK, NAME)
        assert await dut.ask(ctx, packets, found) == [(0, right[0])]

    async def sink(ctx):
        await collect(ctx, dut.system.o, found)

    simulate(m, host, background=[sink])


def test_without_a_reload_there_is_nothing_of_it():
    s = subject()
    plain = Reloadable(s.network, s.plan).plan
    names = [
        {r.name for r in registers(plan, s.digest)}
        for plan in (replace(plain, reload=False), plain)
    ]
    assert names[1] - names[0] == {
        "RELOAD_MEMORY",
        "RELOAD_DATA",
        "RELOAD_ADDRESS",
        "RELOAD_CHECKSUM",
    }
    assert Hardware(1, 1).reload is False


async def wishbone(ctx, bus, address, value=None):
    """Return (refused, data) of an access."""
    ctx.set(bus.wb_adr_i, address)
    ctx.set(bus.wb_we_i, value is not None)
    ctx.set(bus.wb_dat_i, value or 0)
    ctx.set(bus.wb_sel_i, 15)
    for name in ("wb_cyc_i", "wb_stb_i"):
        ctx.set(getattr(bus, name), 1)
    while True:
        _, _, ack, err, data = await ctx.tick().sample(bus.wb_ack_o, bus.wb_err_o, bus.wb_dat_o)
        if ack or err:
            ctx.set(bus.wb_cyc_i, 0)
            ctx.set(bus.wb_stb_i, 0)
            return err, data


async def axi(ctx, bus, address, value=None):
    """Return (refused, data) of an access."""
    kinds = ("r",) if value is None else ("b",)
    asked = ("ar",) if value is None else ("aw", "w")
    ctx.set(bus.s_axil_araddr if value is None else bus.s_axil_awaddr, address)
    ctx.set(bus.s_axil_wdata, value or 0)
    ctx.set(bus.s_axil_wstrb, 15)
    for kind in (*asked, *kinds):
        ctx.set(getattr(bus, f"s_axil_{kind}{'ready' if kind in 'rb' else 'valid'}"), 1)
    while True:
        (kind,) = kinds
        valid, response, data, taken = (
            await ctx.tick().sample(
                getattr(bus, f"s_axil_{kind}valid"),
                getattr(bus, f"s_axil_{kind}resp"),
                bus.s_axil_rdata,
                bus.s_axil_arready if value is None else bus.s_axil_awready,
            )
        )[2:]
        if taken:
            for each in asked:
                ctx.set(getattr(bus, f"s_axil_{each}valid"), 0)
        if valid:
            return response != 0, data


@pytest.mark.parametrize("make, order", [(Wishbone, wishbone), (Axi, axi)])
def test_buses_reach_the_registers(subject_of_buses, make, order):
    dut = subject_of_buses
    bus = make(dut.system)
    at = dut.address

    async def host(ctx):
        number, image = 1, dut.stored(dut.contents)[1]
        assert await order(ctx, bus, at["RELOAD_DATA"], 1) == (True, 0)
        assert (await order(ctx, bus, at["RELOAD_MEMORY"], 99))[0]
        assert not (await order(ctx, bus, at["RELOAD_MEMORY"], number))[0]
        assert await order(ctx, bus, at["NETWORK"]) == (False, 0)
        for part in parts(image):
            assert not (await order(ctx, bus, at["RELOAD_DATA"], part))[0]
        assert not (await order(ctx, bus, at["RELOAD_CHECKSUM"], 0))[0]
        while (found := await order(ctx, bus, at["RELOAD_CHECKSUM"]))[0]:
            pass
        assert found == (False, checksum(image))
        assert not (await order(ctx, bus, at["NETWORK"], NAME))[0]
        assert await order(ctx, bus, at["NETWORK"]) == (False, NAME)

    simulate(bus, host)


def test_frames_say_busy():
    """A reload while a frame's sample is under way, and a sample while memories are reloaded."""
    dut, s, decoder, found = Reloadable(subject().network, subject().plan), subject(), Decoder(), []
    bus = Framed(dut.system)
    (words,), (right,) = s.samples(12, 1), s.answers(12, 1)
    choose = protocol.write(dut.address["RELOAD_MEMORY"], 0)

    async def give(ctx, *frames):
        for byte in b"".join(map(encode, frames)):
            await put(ctx, bus.i, {"data": byte, "code": 0})

    async def host(ctx):
        await give(ctx, sample(words, 1), Frame(Kind.WRITE, 2, choose))
        await dut.until(ctx, lambda: len(found) == 2)
        await give(ctx, Frame(Kind.WRITE, 3, choose), sample(words, 4))
        await dut.until(ctx, lambda: len(found) == 4)

    async def sink(ctx):
        while True:
            ctx.set(bus.o.ready, 1)
            _, _, valid, byte = await ctx.tick().sample(bus.o.valid, bus.o.payload)
            if valid:
                found.extend(decoder.feed([byte]))

    simulate(bus, host, background=[sink])
    assert sorted(map(reply, found)) == [(1, right), (2, Code.BUSY), (3, 0), (4, Code.BUSY)]
