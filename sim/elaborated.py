"""Amaranth's simulator: the accelerator as its Python describes it, before there is Verilog.

What it runs has seen neither Amaranth's back end nor Yosys; that it agrees with Verilator says that
both left the design what it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ir.image import Image, layout
from ir.plan import Plan
from ir.strict import read_text, write_text
from sim.shard import Shard
from sim.testbench import PATTERN_BITS, Stream
from sim.verilator import Build

if TYPE_CHECKING:
    from hw.top import Accelerator

MAX_IMAGE_BYTES = 1 << 26


@dataclass(frozen=True)
class Elaboration(Build):
    """An accelerator that is simulated as it is.

    Parameters
    ----------
    make : callable
        Returns a new accelerator.
    answer_words : int
        Output words of a sample.
    """

    make: Callable[[], Accelerator]
    answer_words: int


def build(verilog_dir: Path, plan: Plan) -> Elaboration:
    """Return the accelerator of ``plan`` with the memory images in a directory of ``hw.emit``.

    They are read when it is made, which raises SpikewrightError if one is missing or damaged.
    """

    def make() -> Accelerator:
        from hw.top import Accelerator

        images = {}
        for station in plan.stations:
            shape = layout(station)
            if shape is not None:
                depth, fields = shape
                width = sum(field.width for field in fields)
                name = Image(station.name, width, ()).name
                text = read_text(verilog_dir / "images" / name, MAX_IMAGE_BYTES)
                found = Image.parse(station.name, width + plan.parity, depth, text)
                words = tuple(word % (1 << width) for word in found.words)
                images[station.name] = replace(found, width=width, words=words)
        return Accelerator(plan, images)

    return Elaboration(verilog_dir, "top", True, make, plan.sink.words)


class AmaranthShard(Shard):
    """A run in Amaranth's simulator, in this process; ends before :meth:`start` returns.

    Source, sink, counting and the end are those of :mod:`sim.testbench`.
    """

    def start(self) -> None:
        """Run all samples and leave what a shard leaves."""
        from amaranth.hdl import Value
        from amaranth.sim import Simulator

        from hw.top import COUNTERS

        assert isinstance(self.build, Elaboration)
        design = self.build.make()
        run = _Run(self, self.build.answer_words)
        sources: dict[str, Any] = {"i": design.i, "o": design.o}
        sources |= {
            probe.valid.name.removesuffix("__valid"): probe for probe in design.probes.values()
        }
        taps = [sources[stream.name] for stream in self.bench.streams.values()]
        watched = [
            value for tap in taps for value in (tap.valid, tap.ready, Value.cast(tap.payload))
        ]
        counters = (*COUNTERS, *(["fault"] if design.plan.parity else []))
        watched += [getattr(design, name) for name in counters]

        async def bench(ctx: Any) -> None:
            while not run.over:
                ctx.set(design.i.valid, run.offered is not None)
                ctx.set(Value.cast(design.i.payload), run.offered or 0)
                ctx.set(design.o.ready, run.flow_o[run.tick])
                found = (await ctx.tick().sample(*watched))[2:]
                parts = found[: 3 * len(taps)]
                run.edge(list(zip(parts[::3], parts[1::3], parts[2::3], strict=True)))
                run.counters = dict(zip(counters, found[3 * len(taps) :], strict=True))

        simulator = Simulator(design)
        simulator.add_clock(1e-6)
        simulator.add_testbench(bench)
        simulator.run()
        run.write()

    @property
    def finished(self) -> int:
        """Samples finished so far: none, or all, as the run has no pauses to ask in."""
        return self.samples if (self.folder / "bench.json").exists() else 0


class _Run:
    """The registers of the bench, see the template in :mod:`sim.testbench`."""

    def __init__(self, shard: AmaranthShard, answer_words: int) -> None:
        self.shard, self.answer_words = shard, answer_words
        stimulus = np.fromfile(shard.folder / "stimulus.bin", "<u4").reshape(shard.words, -1)
        words = [int.from_bytes(row.tobytes(), "little") for row in stimulus]
        self.words = iter(words)
        self.left = len(words)
        self.flow_i, self.flow_o = (
            [bit == "1" for bit in read_text(shard.folder / f"{name}.mem").split()]
            for name in ("flow_i", "flow_o")
        )
        self.streams: list[Stream] = list(shard.bench.streams.values())
        self.records: list[list[tuple[int, int]]] = [[] for _ in self.streams]
        self.offered: int | None = None
        self.counters: Mapping[str, int] = {}
        self.last: list[tuple[int, int]] = []
        self.over = self.started = self.hung = False
        self.tick = self.cycle = self.idle = self.linger = 0
        self.answers = self.gaps = self.stalls = self.last_move = 0

    @property
    def finished(self) -> int:
        return self.answers // self.answer_words

    def edge(self, seen: list[tuple[int, int, int]]) -> None:
        """Take (valid, ready, payload) of every stream in the cycle that ends."""
        shard, moved, all_done = self.shard, False, self.finished == self.shard.samples
        (i_valid, i_ready, _), (o_valid, o_ready, _) = seen[:2]
        self.gaps += bool(self.started and i_ready and not i_valid and self.left)
        self.stalls += bool(o_valid and not o_ready)
        for record, (valid, ready, payload) in zip(self.records, seen, strict=True):
            if valid and ready:
                record.append((self.cycle, payload))
                moved, self.last_move = True, self.cycle
        self.last = [(valid, ready) for valid, ready, _ in seen]
        if all_done:
            self.over, self.linger = self.linger == shard.tail, self.linger + 1
        elif self.idle == shard.limit or self.cycle == shard.most - 1:
            self.over = self.hung = True
        self.idle = 0 if moved else self.idle + 1
        self.answers += bool(o_valid and o_ready)
        if self.started or (i_valid and i_ready):
            self.started, self.cycle = True, self.cycle + 1
        if not i_valid or i_ready:
            self.offered = None
            if self.left and self.flow_i[self.tick]:
                self.offered, self.left = next(self.words), self.left - 1
        self.tick = (self.tick + 1) % PATTERN_BITS

    def write(self) -> None:
        """Leave the records and the report."""
        folder, waiting = self.shard.folder, []
        for stream, record, (valid, ready) in zip(
            self.streams, self.records, self.last, strict=True
        ):
            size = 4 * (stream.words - 1)
            rows = (c.to_bytes(4, "little") + p.to_bytes(size, "little") for c, p in record)
            (folder / stream.file).write_bytes(b"".join(rows))
            state = {"moves": len(record), "valid": valid, "ready": ready}
            waiting.append({"stream": stream.name, **state})
        values = {
            **self.counters,
            "finished": self.finished,
            "hung": int(self.hung),
            "cycle": self.cycle,
            "gaps": self.gaps,
            "stalls": self.stalls,
            "last_move": self.last_move,
        }
        write_text(folder / "bench.json", json.dumps({"values": values, "waiting": waiting}))
