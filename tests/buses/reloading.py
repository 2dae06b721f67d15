"""Reloads through register accesses, as a host does them."""

from __future__ import annotations

import zlib
from dataclasses import replace
from functools import cached_property

import numpy as np

from hw.emit import network_digest
from hw.system import System
from ir import golden
from ir.image import Image, images, shapes, stored
from ir.network import Network
from ir.plan import Plan
from ir.planner import build
from ir.protocol import Answer, Code
from ir.registers import registers
from sim.stimulus import pack
from sim.topology import build as topology
from tests.buses.bench import Packet, access, send


def parts(image: Image) -> list[int]:
    """Return the words of a stored image as RELOAD_DATA takes them."""
    count = -(-image.width // 32)
    return [word >> 32 * k & 0xFFFFFFFF for word in image.words for k in range(count)]


def checksum(image: Image) -> int:
    """Return the CRC-32 that RELOAD_CHECKSUM shows."""
    return zlib.crc32(b"".join(part.to_bytes(4, "little") for part in parts(image)))


class Reloadable:
    """A network whose memories can be written, behind its registers."""

    def __init__(self, network: Network, plan: Plan) -> None:
        self.network, self.plan = network, replace(plan, reload=True)
        self.contents = images(network, self.plan)
        self.digest = network_digest(network)
        self.address = {r.name: r.address for r in registers(self.plan, self.digest)}
        self.shapes = shapes(self.plan)

    @classmethod
    def of(cls, values: dict) -> Reloadable:
        """Return the network of a topology."""
        network, hardware = topology(values)
        return cls(network, build(network, hardware))

    @cached_property
    def system(self) -> System:
        """The hardware."""
        return System(self.plan, self.contents, self.digest, spikes=False)

    def stored(self, contents: dict[str, Image]) -> list[Image]:
        """Return images as memories hold them, in the order of their numbers."""
        return [stored(contents[name], self.plan) for name in self.shapes]

    def packets(self, pixels: np.ndarray) -> list[Packet]:
        """Return samples as packets, numbered."""
        rows = [int.from_bytes(row.tobytes(), "little") for row in pack(pixels, self.plan.source)]
        size = self.plan.source.words
        return [Packet(rows[k : k + size], 0, k // size) for k in range(0, len(rows), size)]

    async def read(self, ctx, name):
        """Return (code, value) of a register."""
        return await access(ctx, self.system.access, self.address[name])

    async def write(self, ctx, name, value=0):
        """Write a register; return the code."""
        return (await access(ctx, self.system.access, self.address[name], value))[0]

    async def checked(self, ctx):
        """Let the chosen memory be read back; return its checksum."""
        assert await self.write(ctx, "RELOAD_CHECKSUM") == Code.OK
        while True:
            code, value = await self.read(ctx, "RELOAD_CHECKSUM")
            if code == Code.OK:
                return value
            assert code == Code.BUSY

    async def reload(self, ctx, contents, name):
        """Write all memories, check them, and give the network a name."""
        for number, image in enumerate(self.stored(contents)):
            assert await self.write(ctx, "RELOAD_MEMORY", number) == Code.OK
            for part in parts(image):
                assert await self.write(ctx, "RELOAD_DATA", part) == Code.OK
            assert await self.read(ctx, "RELOAD_ADDRESS") == (Code.OK, len(image.words))
            assert await self.checked(ctx) == checksum(image), image.station
        assert await self.read(ctx, "NETWORK") == (Code.OK, 0)
        assert await self.write(ctx, "NETWORK", name) == Code.OK
        await ctx.tick()  # in which core and session are reset

    async def ask(self, ctx, packets, found):
        """Send packets and wait until as many answers were found."""
        wanted = len(found) + len(packets)
        for packet in packets:
            await send(ctx, self.system.i, packet)
        await self.until(ctx, lambda: len(found) >= wanted)
        return found[wanted - len(packets) :]

    async def until(self, ctx, over, cycles=20000):
        """Wait until something holds."""
        for _ in range(cycles):
            if over():
                return
            await ctx.tick()
        raise AssertionError("nothing came")


def answers(network: Network, pixels: np.ndarray) -> list[tuple[int, Answer]]:
    """Return what must come back for numbered samples."""
    found = golden.run(network, pixels)
    rows = found.logits(network).reshape(len(pixels), -1).tolist()
    return [
        (number, Answer(Code.OK, label, tuple(row)))
        for number, (label, row) in enumerate(zip(found.labels.tolist(), rows, strict=True))
    ]
