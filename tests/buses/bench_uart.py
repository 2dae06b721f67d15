"""cocotb: the accelerator behind a UART, driven by cocotbext-uart."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, Timer
from cocotbext.uart import UartSink, UartSource

from ir import protocol
from ir.protocol import Code, Damage, Decoder, Frame, Kind, encode
from ir.registers import MAGIC, registers
from tests.buses.frames import check, expected, reply, sample, spoiled
from tests.buses.pins import BAUD, CLOCK_NS
from tests.buses.subject import LONG, subject

ADDRESS = {r.name: r.address for r in registers(subject().plan, subject().digest)}
BYTE_NS = 10 * 10**9 // BAUD


class Line:
    """Both ends of the wire, after a reset."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        Clock(dut.clk, CLOCK_NS, "ns").start()
        self.source, self.sink = UartSource(dut.rx, baud=BAUD), UartSink(dut.tx, baud=BAUD)
        self.decoder = Decoder()
        self.frames: list[Frame | Damage] = []

    async def reset(self, cycles: int = 5) -> None:
        self.dut.rst.value = 1
        await ClockCycles(self.dut.clk, cycles)
        self.dut.rst.value = 0

    async def send(self, data: bytes) -> None:
        await self.source.write(data)
        await self.source.wait()

    async def replies(self, count: int, patience: int = 400) -> list[Any]:
        """Return the next replies; fail if the line is silent for long."""
        silent = 0
        while len(self.frames) < count:
            await Timer(BYTE_NS, "ns")
            silent = 0 if self.sink.count() else silent + 1
            assert silent < patience, f"{len(self.frames)} of {count} replies: {self.frames}"
            self.frames += self.decoder.feed(self.sink.read_nowait())
        found, self.frames = self.frames[:count], self.frames[count:]
        return found

    async def quiet(self) -> list[Any]:
        """Return whatever still comes until the line is silent for a while."""
        silent, found = 0, self.frames
        self.frames = []
        while silent < 20:
            await Timer(BYTE_NS, "ns")
            silent = 0 if self.sink.count() else silent + 1
            found += self.decoder.feed(self.sink.read_nowait())
        return found

    async def exact(self, seed: int, *, garbage: bool = False) -> None:
        """Refuse a wrong answer to a random sample; refusals may precede it after garbage."""
        s = subject()
        await self.send(encode(sample(s.samples(seed, 1)[0], seed % 256)))
        frames = await self.quiet() if garbage else await self.replies(1)
        assert reply(frames[-1]) == (seed % 256, s.answers(seed, 1)[0])
        assert all(isinstance(frame, Frame) and frame.kind == Kind.ERROR for frame in frames[:-1])
        assert len(frames) <= 2


async def line(dut: Any) -> Line:
    found = Line(dut)
    await found.reset()
    return found


@cocotb.test()
async def samples_back_to_back(dut: Any) -> None:
    s, wire = subject(), await line(dut)
    data = b"".join(encode(sample(words, n)) for n, words in enumerate(s.samples(21, 8)))
    await wire.source.write(data)
    found = [reply(frame) for frame in await wire.replies(8)]
    assert found == list(enumerate(s.answers(21, 8)))


@cocotb.test()
async def registers_over_the_line(dut: Any) -> None:
    wire = await line(dut)

    async def ask(frame: Frame) -> Any:
        await wire.send(encode(frame))
        sequence, found = reply((await wire.replies(1))[0])
        assert sequence == frame.sequence
        return found

    async def read(name: str) -> Any:
        return await ask(Frame(Kind.READ, 77, protocol.read(ADDRESS[name])))

    assert await read("MAGIC") == MAGIC
    await wire.exact(1)
    await wire.exact(2)
    assert await read("SAMPLES") == 2
    assert [await read(f"SPIKES_{n}") for n in range(2)] == [
        a + b for a, b in zip(subject().spikes(1, 1), subject().spikes(2, 1), strict=True)
    ]
    assert await ask(Frame(Kind.READ, 5, protocol.read(0x60))) == Code.ADDRESS
    assert await ask(Frame(Kind.WRITE, 6, protocol.write(0, 1))) == Code.READ_ONLY
    assert await read("ERRORS") == 2
    assert await ask(Frame(Kind.WRITE, 7, protocol.write(ADDRESS["CONTROL"], 1))) == 0
    assert [await read(name) for name in ("ERRORS", "SAMPLES", "SPIKES_0")] == [0, 0, 0]
    await wire.exact(3)


@cocotb.test()
async def spoiled_frames_under_random_pauses(dut: Any) -> None:
    wire = await line(dut)
    for seed in range(40, 60 if LONG else 42):
        rng = random.Random(seed)
        pieces, wanted = spoiled(seed, 12)
        for piece in pieces:
            for byte in piece:
                if rng.random() < 0.1:
                    await Timer(rng.randrange(3 * BYTE_NS), "ns")
                await wire.send(bytes([byte]))
            # Replies are longer than some of what asks for them: a host waits for them.
            await Timer((10 + 20 * len(expected(piece))) * BYTE_NS, "ns")
        found = await wire.quiet()
        check([reply(frame) for frame in found], wanted)
        await wire.exact(seed)


@cocotb.test()
async def a_reset_in_mid_frame(dut: Any) -> None:
    s, wire = subject(), await line(dut)
    data = encode(sample(s.samples(5, 1)[0], 9))
    for cut in range(0, len(data), 1 if LONG else 3):
        await wire.source.write(data)
        await Timer(cut * BYTE_NS + random.Random(cut).randrange(1, BYTE_NS), "ns")
        await wire.reset(2)
        await wire.source.wait()
        # The receiver sees what is left from the middle of a byte on.
        for frame in await wire.quiet():
            assert isinstance(frame, Frame)
            found = reply(frame)
            assert frame.kind == Kind.ERROR or found == (9, s.answers(5, 1)[0])
        await wire.exact(cut, garbage=True)


@cocotb.test()
async def a_soft_reset_between_frames_and_answers(dut: Any) -> None:
    s, wire = subject(), await line(dut)
    data = encode(sample(s.samples(6, 1)[0], 9))
    reset = encode(Frame(Kind.WRITE, 50, protocol.write(ADDRESS["CONTROL"], 1)))
    for pause in range(1, 40, 1 if LONG else 7):
        await wire.send(data + data)
        await Timer(pause * BYTE_NS, "ns")
        await wire.send(reset)
        found = await wire.quiet()
        good = [reply(frame) for frame in found if isinstance(frame, Frame)]
        assert (50, 0) in good
        answer = s.answers(6, 1)[0]
        assert set(good) <= {(50, 0), (9, answer), (9, replace(answer, code=Code.RESET, label=0))}
        assert all(each == Damage(Code.LENGTH, 9) for each in found if isinstance(each, Damage))
        await wire.exact(pause)


@cocotb.test()
async def frames_without_end_overrun(dut: Any) -> None:
    wire = await line(dut)
    await wire.send(b"\xc0" + b"\x01\xc0" * 100)
    found = await wire.quiet()
    codes = {reply(frame)[1] for frame in found}
    assert codes == {Code.SHORT, Code.OVERRUN}, codes
    await wire.send(b"\xc0\xc0")
    await wire.quiet()
    await wire.exact(1)


@cocotb.test()
async def a_break_in_the_line(dut: Any) -> None:
    wire = await line(dut)
    data = encode(sample(subject().samples(7, 1)[0], 9))
    await wire.send(data[:9])
    dut.rx.value = 0
    await Timer(30 * BYTE_NS, "ns")
    dut.rx.value = 1
    await Timer(2 * BYTE_NS, "ns")
    await wire.send(data[9:])
    (frame,) = await wire.replies(1)
    assert reply(frame) == (9, protocol.Answer(Code.FRAMING, 0, ())) or reply(frame) == (
        9,
        Code.FRAMING,
    )
    await wire.exact(2)
