"""The results of a run: what the stages measured, collected into ``results.json``.

The files of the stages are ``train/metrics.json``, ``cosim/cosim.json`` and
``synthesis/synthesis.json``; one that is missing leaves null in its place.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ir.golden import Trace
from ir.layers import LIF
from ir.network import Network
from ir.plan import Plan
from ir.schedule import Schedule
from ir.store import load
from ir.strict import dump_json, parse_json, read_text, write_text
from sim.cosimulate import Result

LIMIT = 1 << 26  # [byte]; a result lists every logit


def firing_rates(network: Network, batches: Iterable[Trace]) -> tuple[dict[str, float], np.ndarray]:
    """Return (mean of every LIF layer's spikes, labels int64 (count,)).

    Parameters
    ----------
    network : Network
    batches : iterable of ir.golden.Trace
        Taken one by one, so that not all have to fit into memory.
    """
    names = [layer.name for layer in network.layers if isinstance(layer, LIF)]
    fired, places = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    labels = []
    for trace in batches:
        labels.append(trace.labels)
        for name in names:
            fired[name] += int(trace.outputs[name].sum())
            places[name] += trace.outputs[name].size
    return {name: fired[name] / places[name] for name in names}, np.concatenate(labels)


def evaluation(classes: int, labels: np.ndarray, guesses: np.ndarray) -> dict[str, Any]:
    """Return how often guesses are right, as plain values.

    Parameters
    ----------
    classes : int
    labels, guesses : int (samples,)
        True labels, and those that a network gave; 0..classes - 1.

    Returns
    -------
    dict
        ``samples``; ``accuracy``, 0..1; ``confusion``: by true label, how often each label was
        guessed; ``per_class``: ``label``, ``samples`` and ``recall``, null without samples.

    Examples
    --------
    >>> found = evaluation(2, np.array([0, 0, 1]), np.array([0, 1, 1]))
    >>> found["confusion"], found["per_class"][0]["recall"]
    ([[1, 1], [0, 1]], 0.5)
    """
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (labels, guesses), 1)
    held = confusion.sum(1)
    return {
        "samples": len(labels),
        "accuracy": float((labels == guesses).mean()),
        "confusion": confusion.tolist(),
        "per_class": [
            {
                "label": label,
                "samples": int(held[label]),
                "recall": float(confusion[label, label] / held[label]) if held[label] else None,
            }
            for label in range(classes)
        ],
    }


def cosimulation(
    plan: Plan,
    predicted: Schedule,
    ideal: Result,
    stalled: Result | None,
    labels: np.ndarray,
    golden_labels: np.ndarray,
    rates: dict[str, float],
) -> dict[str, Any]:
    """Return the content of ``cosim.json``.

    Parameters
    ----------
    plan : Plan
    predicted : Schedule
    ideal, stalled : Result
        Runs with an ideal and with a pausing bench.
    labels, golden_labels : int (images,)
        True labels, and those of the golden model.
    rates : dict of str to float
        Firing rate of every LIF layer.
    """
    cycles = ideal.cycles
    return {
        "accuracy": {
            "golden": float((golden_labels == labels).mean()),
            "rtl": float((np.array(ideal.labels) == labels).mean()),
        },
        "cosim": {
            "images": ideal.images,
            "spikes_compared": ideal.spikes_compared,
            "values_compared": ideal.values_compared,
            "mismatches": ideal.mismatches,
            "first_difference": ideal.first_difference,
            "cycles_as_predicted": ideal.cycles_as_predicted,
            "first_late_transfer": cycles.first_difference,
            "simulated_cycles": ideal.simulated_cycles,
            "cycles_per_second": round(ideal.cycles_per_second),
            "build_seconds": ideal.build_seconds,
            "run_seconds": ideal.run_seconds,
            "stalled": _stalled(stalled) if stalled else None,
        },
        "cycles": {
            "predicted": cycles.predicted_interval,
            "measured": cycles.interval,
            "latency": {"predicted": cycles.predicted_latency, "measured": cycles.latency},
            "total": {"predicted": cycles.predicted_total, "measured": cycles.total},
            "busy": predicted.busy,
            "lanes": plan.lanes,
            "layers": [
                {
                    "name": name,
                    "predicted": layer.predicted_lasts[0] - layer.predicted_firsts[0] + 1,
                    "measured": layer.lasts[0] - layer.firsts[0] + 1,
                    "first": {"predicted": layer.predicted_firsts, "measured": layer.firsts},
                    "last": {"predicted": layer.predicted_lasts, "measured": layer.lasts},
                    "differing_transfers": layer.differing,
                }
                for name, layer in cycles.layers.items()
            ],
        },
        "folds": {name: {"pe": pe, "simd": simd} for name, (pe, simd) in plan.fold_of.items()},
        "memory_bits": plan.memory_bits,
        "firing_rates": rates,
    }


def _stalled(result: Result) -> dict[str, Any]:
    run = result.runs[0]
    return {
        "images": result.images,
        "mismatches": result.mismatches,
        "first_difference": result.first_difference,
        "cycles": run.cycles.total,
        "predicted": run.cycles.predicted_total,
        "stall_cycles": run.gaps + run.stalls,
        "within_bound": run.as_predicted,
    }


def collect(run: Path, name: str, versions: dict[str, str]) -> dict[str, Any]:
    """Write ``results.json`` from the files of the stages in a run directory; return its content.

    Raises
    ------
    SpikewrightError
        If the export directory or a stage's file is missing or damaged.
    """
    trained = _stage(run / "train" / "metrics.json")
    cosim = _stage(run / "cosim" / "cosim.json")
    synthesis = _stage(run / "synthesis" / "synthesis.json")
    accuracy = trained.get("accuracy", {})
    results = {
        "name": name,
        "accuracy": {
            "float": accuracy.get("float"),
            "quantized": accuracy.get("quantized"),
            "folded": accuracy.get("folded"),
            **cosim.get("accuracy", {"golden": None, "rtl": None}),
        },
        "training_spikes": trained.get("spikes"),
        "cosim": cosim.get("cosim"),
        "cycles": cosim.get("cycles"),
        "folds": cosim.get("folds", {}),
        "memory_bits": cosim.get("memory_bits", {}),
        "firing_rates": cosim.get("firing_rates", {}),
        "resources": synthesis.get("resources", {}),
        "fmax_mhz": synthesis.get("fmax_mhz"),
        "quantization": load(run / "export").network.quantization,
        "versions": versions,
        "seconds": _stage(run / "seconds.json"),
    }
    write_text(run / "results.json", dump_json(results))
    return results


def _stage(path: Path) -> dict[str, Any]:
    return parse_json(read_text(path, LIMIT), str(path)) if path.exists() else {}
