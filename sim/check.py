"""The records of one shard against golden model and schedule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ir.errors import SpikewrightError
from ir.network import Network
from ir.plan import Link, Plan
from ir.schedule import Schedule
from ir.types import IntType
from sim.compare import Comparison, Record, check_count, fields, read, values
from sim.cycles import Cycles, measure
from sim.shard import Outcome
from sim.testbench import Bench, Stream

BATCH = 64


class Traced(Protocol):
    """What a golden model returns."""

    @property
    def outputs(self) -> Mapping[str, Any]:
        """Output of every layer by name, integers (count, steps, positions, channels)."""


Golden = Callable[[np.ndarray], Traced]


@dataclass(frozen=True)
class Answers:
    """What the accelerator answered, and when.

    Parameters
    ----------
    logits : int64 (samples, classes)
    labels : int64 (samples,)
    cycles : Cycles
    """

    logits: np.ndarray
    labels: np.ndarray
    cycles: Cycles


def check(
    plan: Plan,
    network: Network,
    streams: Mapping[str, tuple[Stream, Link]],
    bench: Bench,
    images: np.ndarray,
    outcome: Outcome,
    golden_model: Golden,
    comparison: Comparison,
    offset: int,
    schedule: Schedule | None,
    *,
    exact: bool,
) -> Answers:
    """Compare one shard and return its answers.

    Parameters
    ----------
    plan, network
    streams : mapping of layer name to (Stream, Link)
        The probed layers.
    bench : Bench
    images : int64 (samples, channels, height, width)
        The shard's.
    outcome : Outcome
    golden_model : callable
        From images to a trace.
    comparison : Comparison
        Receives the result.
    offset : int
        Index of the shard's first sample.
    schedule : Schedule or None
    exact : bool
        Whether source and sink were ideal.

    Raises
    ------
    SpikewrightError
        If a record is damaged or has the wrong number of transfers.
    """
    records = {
        layer: (read(outcome.folder, stream), link) for layer, (stream, link) in streams.items()
    }
    head = network.readout.name
    answer = read(outcome.folder, bench.streams["o"])
    everything = {**records, head: (answer, plan.sink)}
    cycles = measure(everything, plan.sink, len(images), schedule, exact=exact)
    logits, labels = answers(answer, plan.sink, bench.streams["o"].width)
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH]
        stop = start + len(batch)
        outputs = {
            layer: _array(golden_output)
            for layer, golden_output in golden_model(batch).outputs.items()
        }
        for layer, (record, link) in records.items():
            words = slice(start * link.words, stop * link.words)
            part = Record(record.cycle[words], record.payload[words])
            got = values(part, link, network.edges[layer].positions, len(batch))
            comparison.add(network, layer, got, outputs[layer], offset + start)
        expected = outputs[head]
        got = logits[start:stop].reshape(expected.shape)
        comparison.add(network, head, got, expected, offset + start)
        winners = expected.reshape(len(batch), -1).argmax(1)
        comparison.add_labels(network, labels[start:stop], winners, offset + start)
    return Answers(logits, labels, cycles)


def answers(record: Record, sink: Link, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (logits, labels) from the output words: fields logit, label, last, lowest first.

    Raises
    ------
    SpikewrightError
        If the payload width is wrong, or ``last`` does not mark each sample's last word.
    """
    label = IntType(0, sink.words - 1).width
    logit = width - label - 1
    if logit < sink.type.width:
        raise SpikewrightError(
            f"The output payload has {width} bits; expected are at least "
            f"{sink.type.width + label + 1}: logit {sink.type.width}, label {label}, last 1."
        )
    samples = len(record.cycle) // sink.words
    check_count(record, sink, samples)
    shape = (samples, sink.words)
    logits = fields(record.payload, logit, 1, signed=True).reshape(shape)
    labels = fields(record.payload, label, 1, signed=False, low=logit).reshape(shape)
    last = fields(record.payload, 1, 1, signed=False, low=logit + label).reshape(shape)
    if (last != (np.arange(sink.words) == sink.words - 1)).any():
        raise SpikewrightError("The output field last does not mark the last word of each sample.")
    return logits, labels[:, -1]


def _array(output: Any) -> np.ndarray:
    """Return a golden output as int64; torch tensors come in through their NumPy view."""
    return np.asarray(output).astype(np.int64, copy=False)
