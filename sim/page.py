"""The page of a report: tables and the verdict, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ir import golden
from ir.layers import Readout, Synapse
from ir.remarks import SATURATED, SILENT, flag, remarks
from sim.pictures import CELLS
from sim.record import CYCLES, FABRIC, PAIR, STALLED, Run, fill

SEEN = 16
"""Samples that warnings are made of."""


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
        parts += [f"### {fabric}", _resources(used or fill({}, FABRIC, fabric))]
        parts.append(picture(f"resources_{fabric}", "cells of each module"))
    parts += [
        _fmax(results["fmax_mhz"]),
        "## Memory",
        _memory(results["memory_bits"]),
        "## Firing rates",
        _firing(results["firing_rates"]),
        picture("firing", "firing rate of each LIF layer"),
        "## Warnings",
        _warnings(run),
        "## To reproduce",
        _reproduce(run),
    ]
    return "\n\n".join(parts) + "\n"


def verdict(run: Run) -> str:
    """Return the paragraph that says whether hardware and golden model are equal."""
    results = run.results
    cosim, accuracy = results["cosim"] or {}, results["accuracy"] or {}
    wrong = sum((part or {}).get("mismatches") or 0 for part in (cosim, cosim.get("stalled")))
    rtl, model = accuracy.get("rtl"), accuracy.get("golden")
    apart = None not in (rtl, model) and rtl != model
    if wrong or cosim.get("first_difference") or (cosim and apart):
        found = f"**NOT bit-exact.** Hardware and golden model differ in {wrong:,} values"
        found += " and in accuracy. " if apart else ". "
        found += f"First difference: {_text(cosim.get('first_difference') or 'not recorded.')}"
    elif not cosim.get("spikes_compared") or cosim.get("mismatches") is None:
        found = "**NOT shown to be bit-exact:** no spikes were compared."
    else:
        samples = run.export.samples
        held = f" of the {len(samples.images):,} samples in the export" if samples else " samples"
        found = f"**Bit-exact.** {_count(cosim['images'])}{held} were co-simulated; all "
        found += f"{_count(cosim['spikes_compared'])} spikes, of "
        found += f"{_count(cosim['values_compared'])} values, equal those of the golden model."
    scores = f"Accuracy: RTL {_percent(rtl)}, golden model {_percent(model)}, "
    scores += f"float network {_percent(accuracy.get('float'))}."
    return " ".join([found, scores, _pace(results["cycles"]), *_sizes(results)])


def _pace(cycles: dict[str, Any] | None) -> str:
    if cycles is None or cycles["measured"] is None:
        return "Cycles were not measured."
    late = [_code(layer["name"]) for layer in cycles["layers"] if not as_predicted(layer)]
    totals = [cycles, cycles["latency"] or {}]
    if not late and all(part.get("predicted") == part.get("measured") for part in totals):
        covered = f"the first and last transfers of {len(cycles['layers'])} layers"
        pace = f"one sample in {cycles['measured']:,} cycles"
        return f"As predicted are {covered}, latency and interval: {pace}."
    more = f" and {len(late) - 4} more" if len(late) > 4 else ""
    where = f" in {', '.join(late[:4])}{more}" if late else ""
    found = f"Cycles are **NOT as predicted**{where}; one sample took {cycles['measured']:,} cycles"
    return f"{found}, predicted were {_count(cycles['predicted'])}."


def as_predicted(layer: Mapping[str, Any]) -> bool:
    """Return whether a layer's first and last transfers came in the predicted cycles."""
    ends = [layer[end] or fill({}, PAIR, "") for end in ("first", "last")]
    pairs = [p for e in ends for p in zip(e["predicted"], e["measured"], strict=False)]
    same = layer["measured"] is not None and layer["predicted"] == layer["measured"]
    return same and all(predicted == measured for predicted, measured in pairs)


def _sizes(results: dict[str, Any]) -> list[str]:
    if not results["resources"]:
        return ["It was not synthesized."]
    found = []
    for fabric, used in results["resources"].items():
        total, board = (used or {}).get("total") or {}, (used or {}).get("board") or {}
        budget, name = board.get("budget") or {}, _text(board.get("name"))
        pairs = {key: (total.get(key), size) for key, size in budget.items() if size is not None}
        over = [CELLS[key] for key, (count, size) in pairs.items() if (count or 0) > size]
        shown = ("lut", "ff", "block_ram", "dsp")
        cells = ", ".join(f"{_count(total.get(key))} {CELLS[key]}" for key in shown)
        fits = f"within the budget of {name}" if pairs else "no budget to compare with"
        if any(count is None for count, _ in pairs.values()):
            fits = f"not all counted that {name} limits"
        if over:
            fits = f"**too large** for {name} in {', '.join(over)}"
        clock = (used or {}).get("clock_mhz")
        found.append(f"On {fabric}, mapped for {_count(clock)} MHz: {cells}; {fits}.")
    placed = results["fmax_mhz"] is not None
    return found if placed else [*found, "It was not placed, so no clock frequency is claimed."]


def _accuracy(accuracy: dict[str, Any]) -> str:
    nouns = {
        "float": "float network",
        "quantized": "quantized network",
        "golden": "golden model, integers",
        "rtl": "RTL, simulated",
    }
    rows = ((noun, _percent(accuracy.get(key))) for key, noun in nouns.items())
    return table("<Network >Accuracy", rows)


def _quantization(run: Run) -> str:
    rows: list[tuple[Any, ...]] = []
    weights = bits = 0
    for layer in run.export.network.layers:
        if not isinstance(layer, (Synapse, Readout)):
            continue
        weight, scheme = layer.weight, layer.scheme
        size = weight.size * scheme.bits
        weights, bits = weights + weight.size, bits + size
        zeros, span = _percent(float(np.mean(weight == 0))), f"{weight.min()}..{weight.max()}"
        fold = run.results["folds"].get(layer.name)
        built = f"{_count(fold['pe'])} × {_count(fold['simd'])}" if fold else None
        name = _code(layer.name)
        rows.append((name, scheme.name, weight.size, scheme.bits, size, zeros, span, built))
    rows.append(("**total**", "", weights, f"{bits / weights:.2f}", bits, "", "", ""))
    head = "<Layer <Scheme >Weights >Bits_each >Memory_[bit] >Zeros >Integers >Fold_(pe_×_simd)"
    return table(head, rows)


def _cosim(cosim: dict[str, Any] | None) -> str:
    if cosim is None:
        return "Not simulated."
    stalled = cosim["stalled"] or fill({}, STALLED, "")
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
    latency = cycles["latency"] or fill({}, CYCLES, "")
    totals = [
        ("interval between samples [cycle]", cycles["predicted"], cycles["measured"]),
        ("latency [cycle]", latency["predicted"], latency["measured"]),
        ("lanes", cycles["lanes"], None),
        ("lanes busy", _percent(cycles["busy"]), None),
    ]

    def ends(layer: Mapping[str, Any]) -> list[int | None]:
        parts = [layer[end] or fill({}, PAIR, "") for end in ("first", "last")]
        return [part[how][0] if part[how] else None for part in parts for how in PAIR]

    rows = [
        (
            _code(layer["name"]),
            *ends(layer),
            layer["predicted"],
            layer["measured"],
            "yes" if as_predicted(layer) else "**NO**",
        )
        for layer in cycles["layers"]
    ]
    text = (
        "First and last output transfer of the first sample, counted from its first input "
        "transfer, and the cycles from one to the other. *Equal* speaks of every sample recorded."
    )
    head = "<Layer >First_predicted >measured >Last_predicted >measured "
    head += ">Cycles_predicted >measured <Equal"
    return "\n\n".join([table("<Quantity >Predicted >Measured", totals), text, table(head, rows)])


def _resources(used: dict[str, Any]) -> str:
    total, board, predicted = (used[key] or {} for key in ("total", "board", "predicted"))
    rows: list[tuple[Any, ...]] = []
    for name in dict.fromkeys([*used["modules"], *used["multipliers"]]):
        cells = used["modules"].get(name) or {}
        found = used["multipliers"].get(name, {}).items()
        multipliers = ", ".join(f"{_code(kind)} {_count(count)}" for kind, count in found)
        rows.append((_code(name), *map(cells.get, CELLS), multipliers))
    rows.append(("**total**", *map(total.get, CELLS), ""))
    if predicted:
        rows.append(("predicted", *map(predicted.get, CELLS), ""))
        rows.append(("predicted / counted", *(_over(predicted, total, key) for key in CELLS), ""))
    if budget := board.get("budget"):
        shares = [_percent((total.get(k) or 0) / budget[k]) if budget[k] else None for k in CELLS]
        rows.append((f"budget of {_text(board['name'])}", *map(budget.get, CELLS), ""))
        rows.append(("utilisation", *shares, ""))
    nouns = " ".join(f">{noun.replace(' ', '_')}" for noun in CELLS.values())
    return table(f"<Module {nouns} <Multipliers_before_mapping", rows)


def _over(found: Mapping[str, Any], other: Mapping[str, Any], key: str) -> str | None:
    return _percent((found.get(key) or 0) / other[key]) if other.get(key) else None


def _fmax(fmax: dict[str, Any] | None) -> str:
    if fmax is None:
        return "Fmax: not placed."
    median, low, high = (_count(fmax[key]) for key in ("median", "low", "high"))
    return f"Fmax: median {median} MHz, {low}..{high} MHz over {len(fmax['seeds'])} seeds."


def _memory(bits: dict[str, Any]) -> str:
    if not bits:
        return "Not known."
    total = sum(size or 0 for size in bits.values())
    rows: list[tuple[Any, ...]] = [
        (_code(name), size, _percent((size or 0) / max(1, total))) for name, size in bits.items()
    ]
    return table("<Station >Memory_[bit] >Share", [*rows, ("**total**", total, "")])


def _firing(rates: dict[str, Any]) -> str:
    if not rates:
        return "Not measured."
    rows = [(_code(name), _percent(rate), flag(rate or 0)) for name, rate in rates.items()]
    odd = ", ".join(f"{name} is {remark}" for name, _, remark in rows if remark) or "none"
    text = f"Silent is below {_percent(SILENT)}, saturated above {_percent(SATURATED)}: {odd}."
    return table("<Layer >Spikes_per_neuron_and_step <Remark", rows) + f"\n\n{text}"


def _warnings(run: Run) -> str:
    samples = run.export.samples
    if samples is None or not len(samples.images):
        return "Not looked for: the export holds no samples."
    seen = samples.images[:SEEN]
    found = remarks(run.export.network, golden.run(run.export.network, seen))
    what = f"silent or saturated layers, clipped membranes, unused levels: {len(seen)} samples seen"
    return "\n".join(f"- {_text(sentence)}" for sentence in found) or f"None ({what})."


def _reproduce(run: Run) -> str:
    versions = ((_code(tool), _text(version)) for tool, version in run.results["versions"].items())
    seconds = ((_text(stage), value) for stage, value in run.results["seconds"].items())
    commands = f"""```sh
spikewright demo {run.config} --run again   # everything, from training on
spikewright generate export --out verilog   # or stage by stage from the export of this run
spikewright simulate export --out cosim
spikewright synthesize export --out synthesis
```"""
    return "\n\n".join(
        [
            commands,
            f"SHA-256 of the export's manifest: `{run.sha256}`",
            table("<Tool <Version", versions),
            table("<Stage >Seconds", seconds),
        ]
    )


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
    for row in rows:
        cells = (cell if isinstance(cell, str) else _count(cell) for cell in row)
        lines.append(f"| {' | '.join(cells)} |")
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
