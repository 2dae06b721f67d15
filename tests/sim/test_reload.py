"""Reloads from the host class, at the pins of a UART and in a board of Python; cells of memories."""

from __future__ import annotations

import json
import math
import random
import zlib
from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.emit import emit, network_digest, verilog
from hw.memory import RELOADED_NAME, RELOADED_SOURCE, Memory
from hw.wrap import Wrapper, patient
from ir import golden
from ir.errors import SpikewrightError
from ir.fold import Hardware
from ir.image import images, shapes, stored
from ir.layers import LIF, Readout, Synapse
from ir.planner import build
from ir.protocol import Code, Frame, Kind
from ir.registers import registers
from ir.schedule import schedule
from ir.sizing import sized
from ir.store import Export
from sim.board import SimulatedBoard
from sim.case import Case, Subject
from sim.draw import draw
from sim.stimulus import pack
from sim.topology import build as topology
from sim.yosys import yosys
from spikewright.host import Device
from tests.networks import digits_network, random_images
from tests.sim.test_host import Line
from tests.sim.test_small import SEED, SMALL

DIVISOR = 8


def retrained(network, seed=1):
    """Return a network with other weights, of the same formats, and neurons in another order."""
    rng, layers = np.random.default_rng(seed), []
    for layer in network.layers:
        if isinstance(layer, (Synapse, Readout)):
            weight = rng.choice(layer.scheme.levels, layer.weight.shape)
            layer = replace(layer, weight=weight.astype(layer.weight.dtype))
        elif isinstance(layer, LIF):
            order = rng.permutation(len(layer.bias))
            layer = replace(layer, threshold=layer.threshold[order], bias=layer.bias[order])
        layers.append(layer)
    return replace(network, layers=tuple(layers))


def answers(network, pixels):
    found = golden.run(network, pixels)
    rows = found.logits(network).reshape(len(pixels), -1).tolist()
    return [(label, tuple(row)) for label, row in zip(found.labels.tolist(), rows, strict=True)]


def words(plan, pixels):
    rows = [int.from_bytes(row.tobytes(), "little") for row in pack(pixels, plan.source)]
    size = plan.source.words
    return [rows[k : k + size] for k in range(0, len(rows), size)]


def at_the_pins(network, hardware, count, builds, folder):
    """Reload a network at the pins of a UART; refuse answers that are not the golden model's."""
    plan, built = sized(build(network, hardware)), Export(network, hardware)
    clock = DIVISOR * 1e6
    divisor = max(DIVISOR, math.ceil(clock / patient(plan, schedule(plan).interval, clock)))
    emit(network, plan, folder / "v", Wrapper("uart", clock_hz=divisor * 1e6, baud=1_000_000))
    pixels = random_images(network, 2, count)
    other = retrained(network)
    assert answers(network, pixels) != answers(other, pixels)
    with (
        SimulatedBoard(folder / "v", builds, divisor) as simulated,
        Device(simulated.port, plan, network_digest(network), timeout=20) as board,
    ):
        for each, again in ((network, False), (other, True), (network, True)):
            if again:
                done = board.reload(each, built)
                assert done.memories == done.tries == len(shapes(plan))
                assert done.words == sum(depth for _, depth in shapes(plan).values())
            assert board.read("NETWORK") == int(network_digest(each)[:8], 16)
            found = list(board.infer(words(plan, pixels)))
            assert [(r.label, r.logits) for r in found] == answers(each, pixels)
        assert board.counters()["errors"] == 0
        # What the build has no room for leaves the board as it was.
        with pytest.raises(SpikewrightError, match=r"^Network has time steps "):
            board.reload(replace(network, steps=network.steps + 1), built)
        assert next(board.infer(words(plan, pixels))).label == answers(network, pixels)[0][0]
        # Another device does not take the board for its network.
        board.reload(other, built)
        board.digest = network_digest(network)
        with pytest.raises(SpikewrightError, match=r"has NETWORK 0x\w+; the network asks for 0x"):
            next(board.infer(words(plan, pixels)))


CHANGES = {"widths": "format", "reload": True, "parity": True}


@pytest.mark.slow
def test_a_small_network_at_the_pins(builds, tmp_path):
    network, hardware = topology(draw(SEED, SMALL[5]) | CHANGES)
    at_the_pins(network, hardware, 3, builds, tmp_path)


class Memories(Line):
    """A board in Python whose memories can be written; ``flips`` of the words it gets are wrong."""

    def __init__(self, network, hardware, flips=0, damage=lambda data: data, every=3):
        self.network, self.plan = network, sized(build(network, hardware))
        self.built = Export(network, hardware)
        super().__init__(self, [], damage)
        self.names = {r.address: r.name for r in registers(self.plan, self.digest)}
        self.at = {name: address for address, name in self.names.items()}
        self.sizes, self.memories = list(shapes(self.plan).values()), {}
        self.flips, self.every, self.written = flips, every, 0

    def _reply(self, frame):
        name = self.names.get(int.from_bytes(frame.payload[:2], "little"))
        if frame.kind != Kind.WRITE:
            return super()._reply(frame)
        value = int.from_bytes(frame.payload[2:], "little")
        before = self.values[self.at[name]]
        if name == "RELOAD_MEMORY":
            self.chosen = self.memories[value] = bytearray()
            self.values[self.at["NETWORK"]] = 0
        elif name == "RELOAD_DATA":
            width, depth = self.sizes[len(self.memories) - 1]
            if len(self.chosen) == 4 * -(-width // 32) * depth:
                return Frame(Kind.ERROR, frame.sequence, bytes([Code.LONG, 0, 0, 0]))
            self.written += 1
            self.flips -= (wrong := self.flips > 0 and self.written % self.every == 0)
            self.chosen += (value ^ wrong).to_bytes(4, "little")
        elif name == "RELOAD_CHECKSUM":
            self.values[self.at[name]] = zlib.crc32(self.chosen)
        else:
            self.values[self.at[name]] = value
        return Frame(Kind.VALUE, frame.sequence, before.to_bytes(4, "little"))


def exchange(flips=0, damage=lambda data: data, retries=8, every=3):
    """Reload a board in Python; return it and what the host says."""
    network, hardware = topology(draw(SEED, SMALL[5]) | CHANGES)
    other = retrained(network)
    with (
        Memories(network, hardware, flips, damage, every) as line,
        Device(line.port, line.plan, line.digest, timeout=0.05, retries=retries) as board,
    ):
        done = board.reload(other, line.built)
        assert board.read("NETWORK") == int(network_digest(other)[:8], 16)
    wanted = images(other, line.plan)
    for number, name in enumerate(shapes(line.plan)):
        image = stored(wanted[name], line.plan)
        size = 4 * -(-image.width // 32)
        assert line.memories[number] == b"".join(w.to_bytes(size, "little") for w in image.words)
    return line, done


def test_the_host_writes_every_word_once():
    line, done = exchange()
    assert done.tries == done.memories == len(line.sizes)
    assert done.words == sum(depth for _, depth in line.sizes)


def test_memories_with_a_wrong_checksum_are_written_again():
    line, done = exchange(flips=3)
    assert line.flips == 0
    assert done.memories < done.tries <= done.memories + 3


def test_a_lost_reply_writes_no_word_twice():
    rng = random.Random(4)
    _, done = exchange(damage=lambda data: b"" if rng.random() < 0.2 else data)
    assert done.tries > done.memories


def test_a_board_that_never_holds_what_it_gets():
    with pytest.raises(
        SpikewrightError,
        match=r"^Memory of \S+ was not reloaded by the board at socket://\S+ in 2 tries: "
        r"The checksum is 0x\w{8}; allowed is 0x\w{8}\.$",
    ):
        exchange(flips=1000, retries=1, every=1)


@pytest.mark.slow
def test_digits_at_the_pins(builds, tmp_path):
    network = digits_network()
    hardware = Hardware(96, network.steps, widths="format", reload=True)
    at_the_pins(network, hardware, 20, builds, tmp_path)


@pytest.mark.parametrize(
    "target",
    ["icarus", *(pytest.param(t, marks=pytest.mark.slow) for t in ("verilator", "amaranth"))],
)
def test_simulation_leaves_the_port_alone(target, builds, tmp_path):
    values = draw(SEED, SMALL[0]) | {"widths": "format", "reload": True}
    with Subject(values, tmp_path, builds) as found:
        case = Case(contents="wild", contents_seed=4, images=2, target=target)
        assert found.failure(case) is None
        assert f"{RELOADED_NAME}.v" in {path.name for path in found.verilog.iterdir()}


class Two(wiring.Component):
    """A large memory and a small one, both opened; every wire is a port."""

    def __init__(self):
        self.memories = [Memory(16, 128, "large.mem"), Memory(12, 10, "small.mem")]
        ports = {"select": In(2), "read": In(1), "write": In(1), "address": In(7), "into": In(16)}
        super().__init__(ports | {"enable": In(1), "large": Out(16), "small": Out(12)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.large, m.submodules.small = self.memories
        for memory, select, o in zip(
            self.memories, self.select, (self.large, self.small), strict=True
        ):
            port = memory.open(memory.width)
            m.d.comb += [
                memory.enable.eq(self.enable),
                memory.address.eq(self.into),
                o.eq(port.found),
            ]
            m.d.comb += [port.select.eq(select), port.read.eq(self.read), port.write.eq(self.write)]
            m.d.comb += [port.address.eq(self.address), port.data.eq(self.into)]
        return m


@pytest.mark.parametrize("fabric", ["ecp5", pytest.param("ice40", marks=pytest.mark.slow)])
def test_cells_of_memories_that_can_be_written(fabric, tmp_path):
    """From 1024 bits on block RAM with one port; below LUT RAM where there is one."""
    (tmp_path / "images").mkdir()
    for name, digits, depth in (("large", 4, 128), ("small", 3, 10)):
        text = "".join(f"{k * 77 % 4096:0{digits}x}\n" for k in range(depth))
        (tmp_path / "images" / f"{name}.mem").write_text(text)
    (tmp_path / "design.v").write_text(RELOADED_SOURCE + verilog(Two(), "two"))
    script = [
        "read_verilog design.v",
        f"synth_{fabric} -top two",
        "flatten",
        "tee -q -o cells.json stat -json",
    ]
    yosys(script, tmp_path, tmp_path / "log")
    (found,) = json.loads((tmp_path / "cells.json").read_text())["modules"].values()
    cells = found["num_cells_by_type"]
    if fabric == "ecp5":
        assert cells.get("DP16KD", 0) + cells.get("PDPW16KD", 0) == 1, cells
        assert cells["TRELLIS_DPR16X4"] == 3, cells  # 12 bits of at most 16 words
        assert cells.get("TRELLIS_FF", 0) == 12, cells  # what the small memory shows
        return
    assert cells["SB_RAM40_4K"] >= 1, cells
