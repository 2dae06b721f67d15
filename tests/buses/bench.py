"""Amaranth's simulator around a system: packets in, answers out, register accesses between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from amaranth.sim import Simulator

from ir.protocol import Answer, Code, answer


@dataclass(frozen=True)
class Packet:
    """Words of one packet, what its transport found, and its number."""

    words: Sequence[int]
    code: int = Code.OK
    sequence: int = 0


async def put(
    ctx: Any, port: Any, payload: Any, pauses: Callable[[], bool] = lambda: False
) -> None:
    """Transfer one payload."""
    while pauses():
        await ctx.tick()
    ctx.set(port.payload, payload)
    ctx.set(port.valid, 1)
    while not (await ctx.tick().sample(port.ready))[2]:
        pass
    ctx.set(port.valid, 0)


async def send(
    ctx: Any, port: Any, packet: Packet, pauses: Callable[[], bool] = lambda: False
) -> None:
    """Transfer a packet."""
    for index, word in enumerate(packet.words):
        last = index == len(packet.words) - 1
        # What is not read with the last word may be anything.
        noise = {"code": packet.code, "sequence": packet.sequence} if last else {"code": 77}
        await put(ctx, port, {"word": word, "last": last, **noise}, pauses)


async def collect(
    ctx: Any, port: Any, found: list[tuple[int, Answer]], pauses: Callable[[], bool] = lambda: False
) -> None:
    """Append (sequence, answer) for ever; refuse a word that changes while it waits."""
    words: list[int] = []
    waiting = None
    while True:
        ready = not pauses()
        ctx.set(port.ready, ready)
        _, _, valid, payload = await ctx.tick().sample(port.valid, port.payload)
        held = (payload.word, payload.last, payload.sequence)
        if waiting is not None:
            assert valid and held == waiting, "a waiting word changed"
        waiting = held if valid and not ready else None
        if valid and ready:
            words.append(payload.word)
            if payload.last:
                found.append((payload.sequence, answer(words)))
                words = []


async def access(ctx: Any, port: Any, address: int, value: int | None = None) -> tuple[int, int]:
    """Return (code, data) of a register access; writes ``value`` if there is one."""
    ctx.set(port.enable, 1)
    ctx.set(port.write, value is not None)
    ctx.set(port.address, address)
    ctx.set(port.write_data, value or 0)
    await ctx.tick()
    ctx.set(port.enable, 0)
    return ctx.get(port.code), ctx.get(port.read_data)


def simulate(dut: Any, *benches: Any, background: Sequence[Any] = ()) -> None:
    """Run test benches until all but the background ones are over."""
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    for bench in benches:
        simulator.add_testbench(bench)
    for bench in background:
        simulator.add_testbench(bench, background=True)
    simulator.run()
