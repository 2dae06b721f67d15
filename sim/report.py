"""The report of a run: one Markdown page with tables, and pictures beside it.

Everything on the page is measured, computed from the export, or marked as missing (–).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ir.errors import SpikewrightError
from ir.layers import Readout, Synapse
from ir.store import Export, digest, load
from ir.strict import dump_json, new_directory, parse_json, read_text
from sim import pictures
from sim.pictures import CELLS, flag

ANY = "*"  # any key
_PAIR = {"predicted": [int], "measured": [int]}
_CYCLES = {"predicted": int, "measured": int}
_LAYER = {"name": str, **_CYCLES, "first": _PAIR, "last": _PAIR}
_STALLED = dict.fromkeys(("images", "mismatches", "cycles", "predicted", "stall_cycles"), int)
_COMPARED = dict.fromkeys(("images", "spikes_compared", "values_compared", "mismatches"), int)
_CELLS = dict.fromkeys(CELLS, int)
_FABRIC = {
    "total": _CELLS,
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
        "stalled": _STALLED,
    },
    "cycles": {**_CYCLES, "latency": _CYCLES, "busy": float, "lanes": int, "layers": [_LAYER]},
    "resources": {ANY: _FABRIC},
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


def write_report(run: Path, out: Path) -> Path:
    """Write ``report.md`` and its pictures; return the page.

    The directory appears whole or not at all; a report that an earlier run wrote is replaced.

    Parameters
    ----------
    run : Path
        Holds ``results.json``, ``export/`` and, if the network was trained here, ``train/``.

    Raises
    ------
    SpikewrightError
        If a file is missing or malformed, the results belong to another export, or ``out`` holds
        something else.
    """
    content = read_run(Path(run))
    with new_directory(Path(out)) as directory:
        drawn = _draw(content, directory)
        (directory / "report.md").write_text(page(content, drawn), encoding="utf-8")
        files = {
            path.name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
            for path, data in ((path, path.read_bytes()) for path in directory.iterdir())
        }
        (directory / "manifest.json").write_text(dump_json({"files": files}))
    return Path(out) / "report.md"


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
        "config.yaml" if (run / "config.yaml").exists() else f"configs/{results['name']}.yaml",
    )


def fill(value: Any, schema: Any, where: str) -> Any:
    """Return what ``schema`` names of ``value``; None, {} or [] stand for what is missing.

    Raises
    ------
    SpikewrightError
        If a value is of another kind, or no finite number.

    Examples
    --------
    >>> fill({"b": 1, "c": 2}, {"a": {"d": int}, "b": float, "e": {ANY: int}}, "x")
    {'a': None, 'b': 1, 'e': {}}
    """
    kind = {dict: dict, list: list}.get(type(schema), schema)
    allowed = (int, float) if kind is float else kind
    wrong = not isinstance(value, allowed) or (isinstance(value, bool) and kind is not object)
    if value is not None and (wrong or (isinstance(value, float) and not math.isfinite(value))):
        raise SpikewrightError(f"{where} is {value!r:.60}; allowed is {kind.__name__}.")
    if kind is list:
        return [fill(item, schema[0], f"{where}, item {n}") for n, item in enumerate(value or [])]
    if kind is dict and ANY in schema:
        return {
            key: fill(item, schema[ANY], f"{where}, {key}") for key, item in (value or {}).items()
        }
    if kind is dict and value is not None:
        return {key: fill(value.get(key), part, f"{where}, {key}") for key, part in schema.items()}
    return value


def _draw(run: Run, directory: Path) -> dict[str, str]:
    """Draw what there are data for; return file names by section."""
    results, samples, drawn = run.results, run.export.samples, {}
    network = run.export.network

    def file(section: str) -> Path:
        drawn[section] = f"{section}.png"
        return directory / drawn[section]

    if samples is not None and len(samples.images):
        title = f"Spikes of sample 0, label {samples.labels[0]}"
        pictures.raster(file("raster"), network, samples.images[0], title)
    if run.log:
        pictures.training(file("training"), run.log, run.test)
    pictures.weights(file("weights"), network)
    if results["cycles"] and results["cycles"]["layers"]:
        pictures.timeline(file("cycles"), results["cycles"]["layers"])
    for fabric, used in results["resources"].items():
        if not fabric.isalnum():
            raise SpikewrightError(f"Fabric {fabric!r:.40} is no word of letters and digits.")
        if used and used["modules"]:
            pictures.resources(file(f"resources_{fabric}"), used["modules"], f"Cells on {fabric}")
    if results["firing_rates"]:
        pictures.firing(file("firing"), results["firing_rates"])
    return drawn


def page(run: Run, drawn: Mapping[str, str]) -> str:
    """Return the Markdown text; ``drawn`` holds picture files by section."""
    results = run.results

    def picture(section: str, text: str) -> str:
        return f"![{text}]({drawn[section]})" if section in drawn else f"*No picture: {text}.*"

    parts = [
        f"# {_text(results['name'] or 'A run')}: what was built and measured",
        verdict(run),
        "## Accuracy",
        _accuracy(results["accuracy"] or {}),
        picture("training", "accuracy and loss over the training epochs"),
        "## Quantization",
        _quantization(run),
        picture("weights", "integer weights of each layer"),
        "## Co-simulation",
        _cosim(results["cosim"]),
        picture("raster", "spikes of one sample through all LIF layers"),
        "## Cycles",
        _cycles(results["cycles"]),
        picture("cycles", "first to last output transfer of each layer"),
        "## Resources",
        *([] if results["resources"] else ["Not synthesized."]),
    ]
    for fabric, used in results["resources"].items():
        parts += [f"### {fabric}", _resources(used or fill({}, _FABRIC, fabric))]
        parts.append(picture(f"resources_{fabric}", "cells of each module"))
    parts += [
        _fmax(results["fmax_mhz"]),
        "## Memory",
        _memory(results["memory_bits"]),
        "## Firing rates",
        _firing(results["firing_rates"]),
        picture("firing", "firing rate of each LIF layer"),
        "## To reproduce",
        _reproduce(run),
    ]
    return "\n\n".join(parts) + "\n"


def verdict(run: Run) -> str:
    """Return the paragraph that says whether hardware and golden model are equal."""
    results = run.results
    cosim, accuracy = results["cosim"] or {}, results["accuracy"] or {}
    stalled = cosim.get("stalled") or {}
    rtl, model = accuracy.get("rtl"), accuracy.get("golden")
    wrong = (cosim.get("mismatches") or 0) + (stalled.get("mismatches") or 0)
    scores = f"Accuracy: RTL {_percent(rtl)}, golden model {_percent(model)}, "
    scores += f"float network {_percent(accuracy.get('float'))}."
    if wrong or cosim.get("first_difference") or (cosim and rtl != model):
        first = _text(cosim.get("first_difference") or "not recorded.")
        found = f"**NOT bit-exact.** {wrong:,} values of the hardware differ from the golden model. "
        found += f"First difference: {first}"
    elif not cosim.get("spikes_compared") or cosim.get("mismatches") is None:
        found = "**NOT shown to be bit-exact:** no spikes were compared."
    else:
        samples = run.export.samples
        held = 0 if samples is None else len(samples.images)
        found = f"**Bit-exact.** {_count(cosim['images'])} of the {held:,} samples in the export were "
        found += f"co-simulated; all {_count(cosim['spikes_compared'])} spikes, of "
        found += f"{_count(cosim['values_compared'])} values, equal those of the golden model."
    return " ".join([found, scores, _pace(results["cycles"]), *_sizes(results)])


def _pace(cycles: dict[str, Any] | None) -> str:
    if cycles is None or cycles["measured"] is None:
        return "Cycles were not measured."
    late = [layer["name"] for layer in cycles["layers"] if not as_predicted(layer)]
    totals = [cycles, cycles["latency"] or {}]
    if late or any(part.get("predicted") != part.get("measured") for part in totals):
        names = f", in layers {', '.join(map(_text, late))}" if late else ""
        return f"Cycles are **NOT as predicted**{names}: an interval of {_count(cycles['measured'])} "\
            f"instead of {_count(cycles['predicted'])} cycles."
    return f"Every cycle is as predicted: one sample in {cycles['measured']:,} cycles."


def as_predicted(layer: Mapping[str, Any]) -> bool:
    """Return whether a layer's first and last transfers came in the predicted cycles."""
    ends = [layer[end] or fill({}, _PAIR, "") for end in ("first", "last")]
    pairs = [p for e in ends for p in zip(e["predicted"], e["measured"], strict=False)]
    return layer["predicted"] == layer["measured"] and all(a == b for a, b in pairs)


def _sizes(results: dict[str, Any]) -> list[str]:
    if not results["resources"]:
        return ["It was not synthesized."]
    found = []
    for fabric, used in results["resources"].items():
        total, board = (used or {}).get("total") or {}, (used or {}).get("board") or {}
        budget = board.get("budget") or {}
        over = [CELLS[k] for k in CELLS if budget.get(k) is not None and (total.get(k) or 0) > budget[k]]
        cells = ", ".join(f"{_count(total.get(k))} {CELLS[k]}" for k in ("lut", "ff", "block_ram", "dsp"))
        fits = f"is **too large** for {_text(board.get('name'))} ({', '.join(over)})" if over else (
            f"is within the budget of {_text(board['name'])}" if budget else "has no board to fit"
        )
        found.append(f"On {fabric} it takes {cells}, and {fits}.")
    placed = results["fmax_mhz"] is not None
    return [*found, *([] if placed else ["It was not placed, so no clock frequency is claimed."])]


def _accuracy(accuracy: dict[str, Any]) -> str:
    nouns = {
        "float": "float network",
        "quantized": "quantized network",
        "golden": "golden model, integers",
        "rtl": "RTL, simulated",
    }
    return table(
        "<Network >Accuracy",
        ((noun, _percent(accuracy.get(key))) for key, noun in nouns.items()),
    )


def _quantization(run: Run) -> str:
    rows, folds = [], run.results["folds"]
    weights = bits = 0
    for layer in run.export.network.layers:
        if not isinstance(layer, (Synapse, Readout)):
            continue
        weight, fold = layer.weight, folds.get(layer.name)
        size = weight.size * layer.scheme.bits
        weights, bits = weights + weight.size, bits + size
        zeros = _percent(float(np.mean(weight == 0)))
        span = f"{weight.min()}..{weight.max()}"
        built = f"{_count(fold['pe'])} × {_count(fold['simd'])}" if fold else "–"
        scheme = layer.scheme
        rows.append(
            (_code(layer.name), scheme.name, weight.size, scheme.bits, size, zeros, span, built)
        )
    rows.append(("total", "", weights, f"{bits / weights:.2f}", bits, "", "", ""))
    head = "<Layer <Scheme >Weights >Bits >Memory_[bit] >Zeros >Integers >Fold_(pe_×_simd)"
    return table(head, rows)


def _cosim(cosim: dict[str, Any] | None) -> str:
    if cosim is None:
        return "Not simulated."
    stalled = cosim["stalled"] or fill({}, _STALLED, "")
    rows: list[tuple[Any, ...]] = [
        ("images", cosim["images"], stalled["images"]),
        ("spikes compared", cosim["spikes_compared"], None),
        ("values compared", cosim["values_compared"], None),
        ("mismatches", cosim["mismatches"], stalled["mismatches"]),
        ("simulated cycles per second", cosim["cycles_per_second"], None),
        ("cycles", None, stalled["cycles"]),
        ("cycles predicted without pauses", None, stalled["predicted"]),
        ("cycles in which the design waited for the bench", None, stalled["stall_cycles"]),
    ]
    first = f"\n\nFirst difference: {_text(cosim['first_difference'] or 'none.')}"
    return table("<Quantity >Back_to_back >Random_pauses", rows) + first


def _cycles(cycles: dict[str, Any] | None) -> str:
    if cycles is None:
        return "Not measured."
    latency = cycles["latency"] or fill({}, _CYCLES, "")
    top = table(
        "<Quantity >Predicted >Measured",
        [
            ("interval between samples [cycle]", cycles["predicted"], cycles["measured"]),
            ("latency [cycle]", latency["predicted"], latency["measured"]),
            ("lanes", cycles["lanes"], None),
            ("lanes busy", _percent(cycles["busy"]), None),
        ],
    )

    def of_first(layer: Mapping[str, Any], end: str, how: str) -> int | None:
        found = (layer[end] or {}).get(how)
        return found[0] if found else None

    rows = [
        (
            _code(layer["name"]),
            *(of_first(layer, e, how) for e in ("first", "last") for how in ("predicted", "measured")),
            layer["predicted"],
            layer["measured"],
            "yes" if as_predicted(layer) else "**NO**",
        )
        for layer in cycles["layers"]
    ]
    text = "\n\nFirst and last output transfer of the first sample, counted from its first input "
    text += "transfer, and the cycles from one to the other. *Equal* says whether this holds for every "
    text += "sample measured.\n\n"
    head = "<Layer >First_predicted >measured >Last_predicted >measured >Cycles_predicted >measured <Equal"
    return top + text + table(head, rows)


def _resources(used: dict[str, Any]) -> str:
    total = used["total"] or {}
    rows = [
        (
            _code(name),
            *((cells or {}).get(key) for key in CELLS),
            ", ".join(f"{_code(k)} {_count(n)}" for k, n in used["multipliers"].get(name, {}).items()),
        )
        for name, cells in used["modules"].items()
    ]
    rows.append(("**total**", *(total.get(key) for key in CELLS), ""))
    board = used["board"] or {}
    budget = board.get("budget")
    if budget:
        shares = [_percent(total[k] / budget[k]) if total.get(k) is not None and budget[k] else None for k in CELLS]
        rows.append((f"budget of {_text(board['name'])}", *(budget[key] for key in CELLS), ""))
        rows.append(("utilisation", *shares, ""))
    nouns = " ".join(f">{noun.replace(' ', '_')}" for noun in CELLS.values())
    return table(f"<Module {nouns} <Multipliers_before_mapping", rows)


def _fmax(fmax: dict[str, Any] | None) -> str:
    if fmax is None:
        return "Fmax: not placed."
    seeds = f"{len(fmax['seeds'])} seeds"
    return f"Fmax: median {_count(fmax['median'])} MHz, {_count(fmax['low'])}..{_count(fmax['high'])} MHz over {seeds}."


def _memory(bits: dict[str, Any]) -> str:
    if not bits:
        return "Not known."
    known = {name: size or 0 for name, size in bits.items()}
    total = sum(known.values())
    rows: list[tuple[Any, ...]] = [
        (_code(name), size, _percent(size / total if total else 0)) for name, size in known.items()
    ]
    return table("<Station >Memory_[bit] >Share", [*rows, ("**total**", total, "")])


def _firing(rates: dict[str, Any]) -> str:
    if not rates:
        return "Not measured."
    rows = [(_code(name), _percent(rate), "" if rate is None else flag(rate)) for name, rate in rates.items()]
    odd = [f"{row[0]} is {row[2]}" for row in rows if row[2]]
    text = f"Silent is below {_percent(pictures.SILENT)}, saturated above {_percent(pictures.SATURATED)}: "
    return table("<Layer >Spikes_per_neuron_and_step <Remark", rows) + f"\n\n{text}{', '.join(odd) or 'none'}."


def _reproduce(run: Run) -> str:
    commands = (
        f"spikewright demo {run.config} --run again    # everything, from training on\n"
        "spikewright generate export --out verilog     # or from the export of this run:\n"
        "spikewright simulate --help\nspikewright synthesize --help"
    )
    versions = table("<Tool <Version", ((_code(k), _text(v)) for k, v in run.results["versions"].items()))
    seconds = table("<Stage >Seconds", ((_text(k), v) for k, v in run.results["seconds"].items()))
    return f"```sh\n{commands}\n```\n\nSHA-256 of the export: `{run.sha256}`\n\n{versions}\n\n{seconds}"


def table(head: str, rows: Iterable[Iterable[Any]]) -> str:
    """Return a Markdown table.

    Parameters
    ----------
    head : str
        Columns, each ``<`` or ``>`` for its side, then its title with ``_`` for spaces.

    Examples
    --------
    >>> print(table("<Layer >Weights", [("a", 1234)]))
    | Layer | Weights |
    |:--|--:|
    | a | 1,234 |
    """
    columns = head.split()
    titles = [column[1:].replace("_", " ") for column in columns]
    sides = [":--" if column[0] == "<" else "--:" for column in columns]
    lines = [f"| {' | '.join(titles)} |", f"|{'|'.join(sides)}|"]
    lines += [f"| {' | '.join(cell if isinstance(cell, str) else _count(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines)


def _count(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f} %"


def _text(value: str | None) -> str:
    """Return ``value`` on one line, without Markdown of its own."""
    plain = " ".join(str(value).split())
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#$" else c for c in plain)


def _code(value: str) -> str:
    return f"`{' '.join(value.split()).replace('`', '').replace('|', '/')}`"
