"""cocotb: the accelerator behind AXI, driven by cocotbext-axi."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, First, Timer
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiResp,
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
)

from ir.protocol import Answer, Code, answer, words_of
from ir.registers import MAGIC, registers
from tests.buses.packets import mixture
from tests.buses.pins import CLOCK_NS
from tests.buses.subject import LONG, subject

ADDRESS = {r.name: r.address for r in registers(subject().plan, subject().digest)}


class Bus:
    """All masters around the wrapper, after a reset."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        Clock(dut.clk, CLOCK_NS, "ns").start()
        around = (dut.clk, dut.rst)
        self.source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), *around)
        self.sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), *around)
        self.lite = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), *around)

    async def reset(self) -> None:
        self.dut.rst.value = 1
        await ClockCycles(self.dut.clk, 4)
        self.source.clear()
        self.sink.clear()
        self.dut.rst.value = 0
        await ClockCycles(self.dut.clk, 2)

    def pause(self, share: float, seed: int) -> None:
        """Stall every channel at random."""
        lite = self.lite.write_if, self.lite.read_if
        channels = [self.source, self.sink, lite[0].aw_channel, lite[0].w_channel]
        channels += [lite[0].b_channel, lite[1].ar_channel, lite[1].r_channel]
        for index, channel in enumerate(channels):
            channel.set_pause_generator(pauses(share, seed * 10 + index))

    async def answers(self, count: int) -> list[Answer]:
        """Return the next answers; fail if there is none for long."""
        found = []
        for _ in range(count):
            receiving = cocotb.start_soon(self.sink.recv())
            await First(receiving, Timer(2000 * CLOCK_NS, "ns"))
            assert receiving.done(), f"{len(found)} of {count} answers: {found}"
            found.append(answer(words_of(bytes(receiving.result().tdata))))
        return found

    async def exact(self, seed: int) -> None:
        """Refuse a wrong answer to a random sample."""
        await self.source.send(AxiStreamFrame(bytes(subject().samples(seed, 1)[0])))
        assert await self.answers(1) == subject().answers(seed, 1)

    async def read(self, name: str) -> int:
        found = await self.lite.read(ADDRESS[name], 4)
        assert found.resp == AxiResp.OKAY
        return int.from_bytes(found.data, "little")

    async def soft_reset(self) -> None:
        done = await self.lite.write(ADDRESS["CONTROL"], bytes([1, 0, 0, 0]))
        assert done.resp == AxiResp.OKAY


def pauses(share: float, seed: int) -> Iterator[bool]:
    rng = random.Random(seed)
    while True:
        yield rng.random() < share


async def start(dut: Any) -> Bus:
    bus = Bus(dut)
    await bus.reset()
    return bus


@cocotb.test()
async def packets_of_any_length_under_stalls(dut: Any) -> None:
    bus = await start(dut)
    for seed in range(70, 110 if LONG else 72):
        await bus.soft_reset()
        bus.pause(0.3 * (seed % 3), seed)
        packets, wanted = mixture(seed, 20)
        for packet in packets:
            bus.source.send_nowait(AxiStreamFrame(bytes(packet)))
        assert await bus.answers(len(packets)) == wanted
        assert await bus.read("ERRORS") == sum(each.code != Code.OK for each in wanted)
        assert await bus.read("SAMPLES") == len(packets)


@cocotb.test()
async def registers_under_stalls(dut: Any) -> None:
    bus = await start(dut)
    for share in (0, 0.5):
        bus.pause(share, 5)
        await bus.soft_reset()
        assert await bus.read("MAGIC") == MAGIC
        await bus.exact(8)
        assert [await bus.read(f"SPIKES_{n}") for n in range(2)] == subject().spikes(8, 1)
        assert (await bus.lite.read(0x60, 4)).resp == AxiResp.SLVERR
        assert (await bus.lite.write(0x60, bytes(4))).resp == AxiResp.SLVERR
        assert (await bus.lite.write(ADDRESS["SAMPLES"], bytes(4))).resp == AxiResp.SLVERR
        assert await bus.read("ERRORS") == 3
        # Without its strobe the bit that resets is not written.
        await bus.lite.write(ADDRESS["CONTROL"] + 1, bytes([255]))
        assert await bus.read("ERRORS") == 3
        # Reads and writes at once.
        writing = [
            cocotb.start_soon(bus.lite.write(ADDRESS["CONTROL"], bytes(4))) for _ in range(8)
        ]
        reading = [cocotb.start_soon(bus.read("CLASSES")) for _ in range(8)]
        for task in reading:
            assert await task == 3
        for task in writing:
            assert (await task).resp == AxiResp.OKAY


@cocotb.test()
async def a_soft_reset_in_mid_packet(dut: Any) -> None:
    bus, s = await start(dut), subject()
    words, (wanted,) = s.samples(9, 1)[0], s.answers(9, 1)
    for pause in range(0, 130, 1 if LONG else 13):
        bus.sink.set_pause_generator(pauses(0.5, pause))
        for _ in range(3):
            bus.source.send_nowait(AxiStreamFrame(bytes(words)))
        await ClockCycles(dut.clk, pause + 1)
        await bus.soft_reset()
        while not bus.source.idle() or await bus.read("STATUS") & 1:
            await ClockCycles(dut.clk, 1)
        await ClockCycles(dut.clk, 2)
        while bus.sink.count():
            found = answer(words_of(bytes(bus.sink.recv_nowait().tdata)))
            assert found == wanted or found.code in (Code.RESET, Code.SHORT)
        await bus.exact(pause)


@cocotb.test()
async def a_hard_reset_in_mid_packet(dut: Any) -> None:
    bus, s = await start(dut), subject()
    words = s.samples(9, 1)[0]
    for pause in range(1, 130, 3 if LONG else 17):
        for _ in range(3):
            bus.source.send_nowait(AxiStreamFrame(bytes(words)))
        await ClockCycles(dut.clk, pause)
        await bus.reset()
        await bus.exact(pause)


@cocotb.test()
async def full_speed(dut: Any) -> None:
    """Without stalls the interval is that of the core alone."""
    bus = await start(dut)
    for words in subject().samples(10, 20):
        bus.source.send_nowait(AxiStreamFrame(bytes(words)))
    assert await bus.answers(20) == subject().answers(10, 20)
    assert (await bus.read("INTERVAL"), await bus.read("LATENCY")) == (24, 61)
