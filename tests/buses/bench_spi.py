"""cocotb: the accelerator behind SPI, driven by a few lines of a host's mode 0."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, Timer

from ir import protocol
from ir.protocol import END, Code, Damage, Decoder, Frame, Kind, encode
from ir.registers import MAGIC, registers
from tests.buses.frames import check, expected, reply, sample, spoiled
from tests.buses.pins import CLOCK_NS
from tests.buses.spi_master import master
from tests.buses.subject import LONG, subject

ADDRESS = {r.name: r.address for r in registers(subject().plan, subject().digest)}


class Host:
    """Clocks bits at an eighth of the core's clock or slower, not in step with it."""

    def __init__(self, dut: Any) -> None:
        self.dut, self.decoder = dut, Decoder()
        Clock(dut.clk, CLOCK_NS, "ns").start()
        self.half = 4 * CLOCK_NS + 1
        self.frames: list[Frame | Damage] = []

    async def reset(self) -> None:
        self.dut.csn.value, self.dut.sck.value, self.dut.copi.value = 1, 0, 0
        self.dut.rst.value = 1
        await ClockCycles(self.dut.clk, 4)
        self.dut.rst.value = 0
        await ClockCycles(self.dut.clk, 2)

    async def select(self, low: bool) -> None:
        self.dut.csn.value = int(not low)
        await Timer(2 * self.half, "ns")

    async def bits(self, byte: int, count: int = 8) -> int:
        found = 0
        for k in range(count):
            self.dut.copi.value = byte >> (7 - k) & 1
            await Timer(self.half, "ns")
            found = found << 1 | int(self.dut.cipo.value)
            self.dut.sck.value = 1
            await Timer(self.half, "ns")
            self.dut.sck.value = 0
        return found

    async def send(self, data: bytes) -> None:
        for byte in data:
            self.frames += self.decoder.feed([await self.bits(byte)])

    async def replies(self, count: int) -> list[Any]:
        for _ in range(300):
            if len(self.frames) >= count:
                break
            await self.send(bytes([END]))
        assert len(self.frames) >= count, self.frames
        found, self.frames = self.frames[:count], self.frames[count:]
        return found

    async def exact(self, seed: int) -> None:
        s = subject()
        await self.send(encode(sample(s.samples(seed, 1)[0], seed % 256)))
        (frame,) = await self.replies(1)
        assert reply(frame) == (seed % 256, s.answers(seed, 1)[0])


class Master(Host):
    """Sends bytes by the master of cocotbext-spi, which we did not write; it knows no single bits."""

    def __init__(self, dut: Any) -> None:
        super().__init__(dut)
        self.master = master(dut.sck, dut.copi, dut.cipo, dut.csn, hz=1e9 / (8 * CLOCK_NS))

    async def send(self, data: bytes) -> None:
        await self.master.write(data, burst=True)
        self.frames += self.decoder.feed(self.master.read_nowait())


async def start(dut: Any, kind: type[Host] = Host) -> Host:
    host = kind(dut)
    await host.reset()
    await host.select(True)
    return host


@cocotb.test()
@cocotb.parametrize(kind=[Host, Master])
async def samples_and_registers(dut: Any, kind: type[Host]) -> None:
    host, s = await start(dut, kind), subject()
    await host.send(b"".join(encode(sample(w, n)) for n, w in enumerate(s.samples(21, 4))))
    assert list(map(reply, await host.replies(4))) == list(enumerate(s.answers(21, 4)))
    for sequence, (address, wanted) in enumerate(((0, MAGIC), (0x60, Code.ADDRESS))):
        await host.send(encode(Frame(Kind.READ, sequence, protocol.read(address))))
        assert reply((await host.replies(1))[0]) == (sequence, wanted)


@cocotb.test()
@cocotb.parametrize(kind=[Host, Master])
async def spoiled_frames(dut: Any, kind: type[Host]) -> None:
    host = await start(dut, kind)
    for seed in range(40, 60 if LONG else 41):
        host.half = (4 + seed % 3) * CLOCK_NS + 1
        pieces, wanted = spoiled(seed, 8)
        for piece in pieces:
            # Replies are longer than some of what asks for them: a host waits for them.
            await host.send(piece + bytes([END]) * (30 + 20 * len(expected(piece))))
        await host.send(bytes([END]) * 60)
        check([reply(frame) for frame in host.frames], wanted)
        host.frames.clear()
        await host.exact(seed)


@cocotb.test()
async def bytes_cut_short_by_the_select(dut: Any) -> None:
    """What is cut is lost on the way in, and sent again on the way out."""
    host, s, rng = await start(dut), subject(), random.Random(1)
    for turn in range(100 if LONG else 5):
        await host.send(encode(sample(s.samples(turn, 1)[0], turn)))
        while not host.frames:
            if rng.random() < 0.3:
                await host.bits(END, rng.randrange(1, 8))
                await host.select(False)
                await host.select(True)
            await host.send(bytes([END]))
        (frame,) = await host.replies(1)
        assert reply(frame) == (turn, s.answers(turn, 1)[0])


@cocotb.test()
@cocotb.parametrize(kind=[Host, Master])
async def resets_in_mid_frame(dut: Any, kind: type[Host]) -> None:
    host, s = await start(dut, kind), subject()
    data = encode(sample(s.samples(5, 1)[0], 9))
    for cut in range(1, len(data), 1 if LONG else 5):
        await host.send(data[:cut])
        if kind is Host:
            await host.bits(data[cut], 3)
        await host.reset()
        await host.select(True)
        host.decoder, host.frames = Decoder(), []
        await host.exact(cut)
