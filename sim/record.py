"""A run directory as the report reads it: results, export, training log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ir.errors import SpikewrightError
from ir.store import Export, digest, load
from ir.strict import parse_json, read_text
from sim.pictures import CELLS

RUN_FILES = ("config.yaml", "train/config.yaml")
ANY = "*"  # any key
PAIR = {"predicted": [int], "measured": [int]}
CYCLES = {"predicted": int, "measured": int}
_LAYER = {"name": str, **CYCLES, "first": PAIR, "last": PAIR}
STALLED = dict.fromkeys(("images", "mismatches", "cycles", "predicted", "stall_cycles"), int)
_COMPARED = dict.fromkeys(("images", "spikes_compared", "values_compared", "mismatches"), int)
_CELLS = dict.fromkeys(CELLS, int)
FABRIC = {
    "total": _CELLS,
    "predicted": _CELLS,
    "modules": {ANY: _CELLS},
    "multipliers": {ANY: {ANY: int}},
    "board": {"name": str, "budget": _CELLS},
}
SCHEMA: dict[str, Any] = {
    "name": str,
    "accuracy": dict.fromkeys(("float", "quantized", "golden", "rtl"), float),
    "cosim": {
        **_COMPARED,
        "first_difference": str,
        "cycles_per_second": float,
        "stalled": STALLED,
    },
    "cycles": {**CYCLES, "latency": CYCLES, "busy": float, "lanes": int, "layers": [_LAYER]},
    "resources": {ANY: FABRIC},
    "fmax_mhz": {"median": float, "low": float, "high": float, "seeds": [object]},
    "quantization": {ANY: str},
    "folds": {ANY: {"pe": int, "simd": int}},
    "memory_bits": {ANY: int},
    "firing_rates": {ANY: float},
    "versions": {ANY: str},
    "seconds": {ANY: float},
}
"""What of ``results.json`` the report reads; any part may be null or missing."""


@dataclass(frozen=True)
class Run:
    """Content of a run directory.

    Parameters
    ----------
    results : dict
        ``results.json`` as :func:`fill` returns it.
    export : Export
    sha256 : str
        Names the export.
    log : list of dict
        Training epochs.
    test : dict
        Test accuracy at the end of each training phase.
    config : str
        Run file.
    """

    results: dict[str, Any]
    export: Export
    sha256: str
    log: list[dict[str, Any]]
    test: dict[str, float]
    config: str


def read_run(run: Path) -> Run:
    """Read and check a run directory."""
    limit = 1 << 26
    results = parse_json(read_text(run / "results.json", limit), "results.json")
    results = fill(results, SCHEMA, "results.json")
    export = load(run / "export")
    if results["quantization"] not in ({}, export.network.quantization):
        raise SpikewrightError(
            "File results.json belongs to another export than the one beside it."
        )
    rates = results["firing_rates"]  # JSON sorts keys; a reader wants the order of data
    order = [layer.name for layer in export.network.layers if layer.name in rates]
    results["firing_rates"] = {name: rates[name] for name in [*order, *rates]}
    log, metrics = run / "train/log.jsonl", run / "train/metrics.json"
    lines = read_text(log, limit).splitlines() if log.exists() else []
    test: dict[str, Any] = {}
    if metrics.exists():
        found = parse_json(read_text(metrics), metrics.name)
        test = fill(found, {"accuracy": {ANY: float}}, metrics.name)["accuracy"]
    return Run(
        results,
        export,
        digest(run / "export"),
        [parse_json(line, f"A line of {log.name}") for line in lines],
        {phase: score for phase, score in test.items() if score is not None},
        next((name for name in RUN_FILES if (run / name).exists()), "CONFIG"),
    )


def fill(value: Any, schema: Any, where: str) -> Any:
    """Return what ``schema`` names of ``value``; None, {} or [] stand for what is missing.

    Raises
    ------
    SpikewrightError
        If a value is of another kind.

    Examples
    --------
    >>> fill({"b": 1, "c": 2}, {"a": {"d": int}, "b": float, "e": {ANY: int}}, "x")
    {'a': None, 'b': 1, 'e': {}}
    """
    kind = type(schema) if isinstance(schema, (dict, list)) else schema
    allowed = (int, float) if kind is float else kind
    wrong = not isinstance(value, allowed) or (isinstance(value, bool) and kind is not object)
    if value is not None and wrong:
        raise SpikewrightError(f"{where} is {value!r:.60}; allowed is {kind.__name__}.")
    if isinstance(schema, list):
        return [fill(item, schema[0], f"{where}, item {n}") for n, item in enumerate(value or [])]
    if isinstance(schema, dict) and ANY in schema:
        items = (value or {}).items()
        return {key: fill(item, schema[ANY], f"{where}, {key}") for key, item in items}
    if isinstance(schema, dict) and value is not None:
        return {key: fill(value.get(key), part, f"{where}, {key}") for key, part in schema.items()}
    return value
