"""cocotb: the accelerator behind Wishbone, driven by cocotbext-wishbone."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from cocotbext.wishbone.driver import WBOp, WishboneMaster

from ir.protocol import Answer, Code, answer
from ir.registers import MAGIC, registers
from tests.buses.packets import mixture
from tests.buses.pins import CLOCK_NS
from tests.buses.subject import LONG, subject

ADDRESS = {r.name: r.address for r in registers(subject().plan, subject().digest, window=True)}
SIGNALS = {
    **{name: f"{name}_i" for name in ("cyc", "stb", "we", "adr", "sel")},
    **{"datwr": "dat_i", "datrd": "dat_o", "ack": "ack_o", "err": "err_o"},
}
ACK, ERR = 1, 2


class Bus:
    """The master, after a reset."""

    def __init__(self, dut: Any, seed: int = 0) -> None:
        self.dut, self.rng = dut, random.Random(seed)
        Clock(dut.clk, CLOCK_NS, "ns").start()
        self.master = WishboneMaster(dut, "wb", dut.clk, timeout=50, signals_dict=SIGNALS)
        self.most_idle = 0

    async def reset(self) -> None:
        self.dut.rst.value = 1
        await ClockCycles(self.dut.clk, 4)
        self.dut.rst.value = 0
        await ClockCycles(self.dut.clk, 2)

    async def access(
        self, name: str | int, value: int | None = None, sel: int = 15
    ) -> tuple[int, int]:
        """Return (ACK or ERR, data)."""
        address = ADDRESS[name] if isinstance(name, str) else name
        idle = self.rng.randrange(self.most_idle + 1)
        (found,) = await self.master.send_cycle([WBOp(address, value, idle, sel)])
        return found.ack, int(found.datrd)

    async def read(self, name: str) -> int:
        reply, data = await self.access(name)
        assert reply == ACK, name
        return data

    async def send(self, words: list[int]) -> None:
        for index, word in enumerate(words):
            name = "INPUT_LAST" if index == len(words) - 1 else "INPUT"
            while (await self.access(name, word))[0] == ERR:
                assert await self.read("FILL") & 1 in (0, 1)

    async def answer(self) -> Answer:
        """Return the next answer, whose words are waited for."""
        words: list[int] = []
        for _ in range(2000):
            fill = await self.read("FILL")
            if fill & 2:
                words.append(await self.read("OUTPUT"))
                if fill & 4:
                    return answer(words)
        raise AssertionError(f"no answer but {words}")

    async def exact(self, seed: int) -> None:
        """Refuse a wrong answer to a random sample."""
        await self.send(subject().samples(seed, 1)[0])
        assert [await self.answer()] == subject().answers(seed, 1)

    async def soft_reset(self) -> None:
        assert (await self.access("CONTROL", 1))[0] == ACK


async def start(dut: Any, seed: int = 0) -> Bus:
    bus = Bus(dut, seed)
    await bus.reset()
    return bus


@cocotb.test()
async def packets_of_any_length(dut: Any) -> None:
    bus = await start(dut)
    for seed in range(80, 110 if LONG else 81):
        bus.most_idle = seed % 4
        packets, wanted = mixture(seed, 12)
        for packet, right in zip(packets, wanted, strict=True):
            await bus.send(packet)
            assert await bus.answer() == right


@cocotb.test()
async def the_window_refuses_rather_than_waits(dut: Any) -> None:
    bus, s = await start(dut), subject()
    assert (await bus.access("OUTPUT"))[0] == ERR
    assert await bus.read("STATUS") == Code.EMPTY << 8
    assert (await bus.access("OUTPUT", 1))[0] == ERR
    assert (await bus.access("FILL", 1))[0] == ERR
    assert await bus.read("STATUS") == Code.READ_ONLY << 8
    assert (await bus.access("INPUT"))[0] == ERR
    assert (await bus.access(0x90))[0] == ERR
    assert await bus.read("STATUS") == Code.ADDRESS << 8
    # Nobody takes answers: at last there is no room, and nothing is lost.
    words, sent = s.samples(3, 60), 0
    flat = [(w, k == s.words - 1) for sample in words for k, w in enumerate(sample)]
    for word, last in flat:
        if (await bus.access("INPUT_LAST" if last else "INPUT", word))[0] == ERR:
            # It may only just be full: the core is slower than the bus.
            await ClockCycles(dut.clk, 400)
            if (await bus.access("INPUT_LAST" if last else "INPUT", word))[0] == ERR:
                break
        sent += 1
    assert s.words * 3 < sent < len(flat)
    assert await bus.read("STATUS") & ~1 == Code.FULL << 8
    found = [await bus.answer() for _ in range(sent // s.words)]
    assert found == s.answers(3, 60)[: sent // s.words]


@cocotb.test()
async def registers_over_the_bus(dut: Any) -> None:
    bus = await start(dut)
    assert await bus.read("MAGIC") == MAGIC
    await bus.exact(8)
    assert [await bus.read(f"SPIKES_{n}") for n in range(2)] == subject().spikes(8, 1)
    for address in (0x60, 0x7C, 0x200):
        assert (await bus.access(address))[0] == ERR
    assert (await bus.access("SAMPLES", 5))[0] == ERR
    assert await bus.read("ERRORS") == 4
    await bus.access("CONTROL", 0xFF01, sel=14)  # the byte with the bit is not selected
    assert await bus.read("ERRORS") == 4


@cocotb.test()
async def resets_in_mid_packet(dut: Any) -> None:
    bus, s = await start(dut), subject()
    words = s.samples(9, 1)[0]
    for cut in range(1, 40, 1 if LONG else 7):
        for word in words[: cut % s.words]:
            await bus.access("INPUT", word)
        await (bus.soft_reset() if cut % 3 else bus.reset())
        await bus.exact(cut)
        await bus.send(words)
        await ClockCycles(dut.clk, 2 * cut)
        await (bus.soft_reset() if cut % 3 else bus.reset())
        await ClockCycles(dut.clk, 5)
        found = []
        while await bus.read("FILL") & 2:
            found.append(await bus.answer())
        assert len(found) <= 1
        assert all(each.code == Code.RESET or [each] == s.answers(9, 1) for each in found)
        await bus.exact(cut)
