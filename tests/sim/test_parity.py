"""Parity: a flipped bit of a memory is noticed before anybody believes what it made."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import Value
from amaranth.lib import memory
from amaranth.sim import Simulator

from hw.top import Accelerator
from ir import golden
from ir.image import images, stored
from sim.case import Case, Subject, pixels
from sim.cosimulate import cosimulate
from sim.draw import draw
from sim.stimulus import pack
from tests.sim.test_flips import flips
from tests.sim.test_small import SEED, SMALL

CASE, MOST_CYCLES = Case(images=3, images_seed=3, density=0.6), 1600
LATE = 5
"""Cycles from the read of a wrong word to ``fault``, at most."""


def subject(index, folder, builds, parity=True):
    return Subject(draw(SEED, index) | {"parity": parity}, Path(folder), builds)


class Bed:
    """One accelerator in Amaranth's simulator, run again and again with one bit flipped."""

    def __init__(self, subject, monkeypatch):
        self.used, self.memories, made = False, [], memory.Memory.__init__

        def noted(new, *given, **named):
            made(new, *given, **named)
            self.memories.append(new)

        monkeypatch.setattr(memory.Memory, "__init__", noted)
        self.design = Accelerator(subject.plan, images(subject.network, subject.plan))
        rows = pack(pixels(subject.network, CASE), subject.plan.source)
        self.words = [int.from_bytes(row.tobytes(), "little") for row in rows]
        self.wanted = CASE.images * subject.plan.sink.words
        self.simulator = Simulator(self.design)
        self.simulator.add_clock(1e-6)
        self.simulator.add_testbench(self._run)

    def flip(self, when=None, place=None, bit=None):
        """Return (answers, fault, cycles) of a run in which a bit of a memory flips."""
        self.when, self.place, self.bit = when, place, bit
        if self.used:
            self.simulator.reset()
        self.used = True
        self.simulator.run()
        return self.answers, self.fault, self.cycles

    async def _run(self, ctx):
        design, left = self.design, list(self.words)
        self.answers, self.fault, self.cycles, linger = [], False, 0, LATE
        ctx.set(design.o.ready, 1)
        while linger and self.cycles < MOST_CYCLES:
            if self.cycles == self.when:
                which, row = self.place
                cell = self.memories[which].data[row]
                ctx.set(cell, ctx.get(Value.cast(cell)) ^ 1 << self.bit)
            ctx.set(design.i.valid, bool(left))
            ctx.set(Value.cast(design.i.payload), left[0] if left else 0)
            seen = (design.i.ready, design.o.valid, Value.cast(design.o.payload), design.fault)
            ready, valid, payload, fault = (await ctx.tick().sample(*seen))[2:]
            if left and ready:
                left.pop(0)
            if valid:
                self.answers.append(payload)
            self.fault |= bool(fault)
            self.cycles += 1
            linger -= len(self.answers) >= self.wanted


def disturb(index, count, builds, monkeypatch):
    """Return how many of ``count`` flips were noticed, and how many changed an answer."""
    rng = np.random.default_rng(index)
    with tempfile.TemporaryDirectory() as folder, subject(index, folder, builds) as found:
        bed = Bed(found, monkeypatch)
        right, fault, cycles = bed.flip()
        assert len(right) == bed.wanted
        assert not fault
        counted = Counter()
        for _ in range(count):
            which = int(rng.integers(len(bed.memories)))
            data = bed.memories[which].data
            place = which, int(rng.integers(data.depth))
            bit = int(rng.integers(len(Value.cast(data[0]))))
            answers, fault, _ = bed.flip(int(rng.integers(cycles - LATE)), place, bit)
            # What was wrong and never read again does no harm.
            assert fault or answers == right, (index, place, bit)
            counted["noticed"] += fault
            counted["changed"] += answers != right
    return counted


def test_a_flip_that_changes_an_answer_is_noticed(builds, monkeypatch):
    total = sum((disturb(n, 15, builds, monkeypatch) for n in SMALL[:2]), Counter())
    assert total["changed"] > 0
    assert total["noticed"] >= total["changed"]


@pytest.mark.slow
def test_many_flips_of_many_networks(builds, monkeypatch):
    total = sum((disturb(n, 25, builds, monkeypatch) for n in SMALL), Counter())
    print(dict(total))
    assert total["changed"] > 40


def test_without_parity_nothing_is_added(builds, tmp_path):
    texts = []
    for parity in (False, True):
        with subject(SMALL[0], tmp_path / str(parity), builds, parity) as found:
            texts.append((found.verilog / "accelerator.v").read_text())
    assert ["output fault" in text for text in texts] == [False, True]


@pytest.mark.slow
def test_no_alarm_and_every_flip_of_an_image_in_verilog(builds, tmp_path):
    with subject(SMALL[0], tmp_path, builds) as found:
        assert found.failure(CASE) is None
        contents = images(found.network, found.plan)
        guarded = {name: stored(image, found.plan) for name, image in contents.items()}
        plain = found.plan
        for number, changed in enumerate(flips(plain, guarded, 6, 9)):
            folder = tmp_path / f"damaged-{number}"
            shutil.copytree(found.verilog, folder)
            (folder / "images" / changed.name).write_text(changed.text())
            result = cosimulate(
                folder,
                plain,
                found.network,
                pixels(found.network, replace(CASE, images=4)),
                build_dir=builds,
                shards=1,
                golden_model=lambda batch: golden.run(found.network, batch),
                checksums=False,
            )
            assert result.fault, changed.station
