"""A whole accelerator in Amaranth's simulator, compared with the golden model and the schedule."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

import numpy as np

from hw.top import COUNTERS
from ir.golden import run as golden
from ir.image import Image
from ir.image import images as memory_images
from ir.network import Network
from ir.order import arrange
from ir.plan import Plan
from tests.hw.bench import Traffic, fields, pack, run

LINGER = 400
"""Cycles after the last output in which words that no window needs may still move."""


class Whole:
    """One run over some samples.

    Attributes
    ----------
    outputs : dict of int64 (count, steps, positions, channels)
        Output of every layer, by name.
    moves : dict of int64 (count, words)
        Cycle of every transfer, by layer; 0 is the first input transfer.
    counters : dict of int
        Counters in the cycle of the last transfer, which they do not include.
    answers : list of (logit, label, last)
    """

    def __init__(
        self,
        network: Network,
        plan: Plan,
        samples: np.ndarray,
        stall_i: Sequence[int] = (0,),
        stall_o: Sequence[int] = (0,),
        images: dict[str, Image] | None = None,
    ) -> None:
        contents = images or memory_images(network, plan)
        names = list(plan.probes)
        dut = import_module("hw.top").Accelerator(plan, contents)
        dut.inputs, dut.outputs = [dut.i], [dut.o]
        watch = []
        for probe in dut.probes.values():
            watch += [probe.valid & probe.ready, probe.payload]
        watch += [getattr(dut, counter) for counter in COUNTERS]
        count = len(samples)
        frames = samples.astype(np.int64).reshape(count, plan.source.steps, network.input.shape[0], -1)
        pixels = frames.swapaxes(2, 3)
        feed = [word for sample in pixels for word in pack(sample, plan.source)]
        traffic = run(
            dut,
            [feed],
            [plan.sink.words * count],
            stall_i,
            stall_o,
            patience=20_000,
            watch=watch,
            linger=LINGER,
        )
        begin = traffic.taken[0][0]
        self.outputs, self.moves = {}, {}
        for k, name in enumerate(names):
            link = plan.probes[name]
            seen = [
                (cycle - begin, row[2 * k + 1])
                for cycle, row in enumerate(traffic.watched)
                if row[2 * k]
            ]
            whole = len(seen) // link.words * link.words
            assert whole == count * link.words, f"{name}: {len(seen)} transfers"
            found = fields([payload for _, payload in seen], link)
            self.outputs[name] = arrange(found, link, network.edges[name].positions)
            self.moves[name] = np.array([c for c, _ in seen]).reshape(count, -1)
        last = traffic.watched[traffic.moved[0][-1]][-len(COUNTERS) :]
        self.counters = dict(zip(COUNTERS, last, strict=True))
        layout = import_module("hw.classify").layout(plan.stations[-1])
        found = [layout.from_bits(word) for word in traffic.words[0]]
        self.answers = [(f.logit, f.label, f.last) for f in found]
        self.traffic: Traffic = traffic

    def check(self, network: Network, samples: np.ndarray) -> None:
        """Refuse any difference from the golden model."""
        trace = golden(network, samples)
        for name, found in self.outputs.items():
            wanted = trace.outputs[name]
            assert np.array_equal(found, wanted), f"layer {name} differs"
        logits = trace.logits(network)
        assert [a[0] for a in self.answers] == logits.reshape(-1).tolist()
        assert [a[1] for a in self.answers if a[2]] == trace.labels.tolist()
