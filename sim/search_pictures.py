"""PNG pictures of a search: probabilities, accuracy against cost, and the chosen formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ir.energy import FLOAT, bits
from ir.strict import parse_json, read_text
from sim import weight_pictures
from sim.drawing import BLUE, GREY, INK, ORANGE, color, save, sheet, styled

SWEEP, LOG, WEIGHTS = "sweep.json", "search.jsonl", "weights.json"
_LIMIT = 1 << 26


def draw(run: Path, out: Path) -> list[Path]:
    """Draw all pictures of a sweep; return their paths.

    Parameters
    ----------
    run : Path
        What ``spikewright search`` wrote.
    out : Path
        Directory to write.

    Raises
    ------
    SpikewrightError
        If the sweep's files are missing or damaged.
    """
    sweep = parse_json(read_text(run / SWEEP, _LIMIT), str(run / SWEEP))
    rows, units, layers = sweep["rows"], sweep["units"], sweep["layers"]
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for row in rows:
        log = run / row["network"] / LOG
        if row["lambda"] is not None:
            lines = read_text(log, _LIMIT).splitlines()
            entries = [parse_json(line, str(log)) for line in lines]
            paths.append(out / f"probabilities-{row['network']}.png")
            probabilities(paths[-1], entries, layers, row["network"])
            weights = run / row["network"] / WEIGHTS
            if weights.exists():
                found = parse_json(read_text(weights, _LIMIT), str(weights))
                paths.append(out / f"weights-{row['network']}.png")
                weight_pictures.histograms(
                    paths[-1], {name: found[name] for name in layers}, row["network"]
                )
    if any(row["accuracy"] is not None for row in rows):
        for cost, unit in units.items():
            paths.append(out / f"accuracy-{cost}.png")
            plane(paths[-1], rows, cost, unit)
    if any(row["accuracy"] is not None and measured(run, row) for row in rows):
        paths.append(out / "accuracy-luts-cycles.png")
        built(paths[-1], [row | (measured(run, row) or {}) for row in rows])
    paths.append(out / "formats.png")
    formats(paths[-1], rows, layers)
    paths.append(out / "parts.png")
    weight_pictures.parts(paths[-1], rows, units)
    if any(row["lambda"] is not None for row in rows) and any(n.endswith(".proj") for n in layers):
        paths.append(out / "projections.png")
        weight_pictures.projections(paths[-1], rows)
    return paths


def place(run: Path, row: Mapping[str, Any]) -> Path:
    """Return where in a run directory everything of a network lies."""
    return run / row["network"] if row["lambda"] is not None else run / "baselines" / row["network"]


def trained(run: Path, row: Mapping[str, Any]) -> Path:
    """Return where in a run directory the training of a network lies."""
    return place(run, row) / "train" if row["lambda"] is not None else place(run, row)


def measured(run: Path, row: Mapping[str, Any]) -> dict[str, int] | None:
    """Return LUTs and cycles that a network of a sweep was measured to take.

    They stand in ``synthesis/synthesis.json`` and ``cosim/cosim.json`` beside its training, where
    ``spikewright synthesize`` and ``simulate`` wrote them; without both, None.
    """
    folder = place(run, row)
    synthesis, cosim = folder / "synthesis" / "synthesis.json", folder / "cosim" / "cosim.json"
    if not synthesis.exists() or not cosim.exists():
        return None
    resources = parse_json(read_text(synthesis, _LIMIT), str(synthesis))["resources"]
    fabric = next(iter(resources))
    cycles = parse_json(read_text(cosim, _LIMIT), str(cosim))["cycles"]["measured"]
    return {
        "fabric": fabric,
        "measured_luts": resources[fabric]["total"]["lut"],
        "measured_cycles": cycles,
    }


def probabilities(
    path: Path, log: Sequence[Mapping[str, Any]], layers: Sequence[str], network: str
) -> None:
    """Draw how the probabilities of the formats move over the epochs, one field per layer.

    Parameters
    ----------
    log : sequence of mappings
        Entries of ``search.jsonl``: ``epoch`` and ``probabilities`` by layer and format.
    layers : sequence of str
        In order of data.
    """
    columns = min(4, max(1, len(layers)))
    rows = max(1, -(-len(layers) // columns))
    with styled():
        from matplotlib.patches import Patch
        from matplotlib.ticker import MaxNLocator

        figure = sheet(1.9 * columns + 0.4, 1.35 * rows + 0.8)
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
        shown: dict[str, None] = {}
        for index, axes in enumerate(grid):
            if index >= len(layers):
                axes.set_visible(False)
                continue
            found = [entry["probabilities"][layers[index]] for entry in log]
            names = sorted(found[0] if found else (), key=_rank)
            shown |= dict.fromkeys(names)
            axes.stackplot(
                [entry["epoch"] for entry in log],
                [[float(values[name]) for values in found] for name in names],
                colors=[color(name) for name in names],
                edgecolor="white",
                linewidth=0.3,
            )
            axes.set_title(layers[index], size=7.5)
            axes.set_ylim(0, 1)
            axes.margins(x=0)
            axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            axes.tick_params(labelsize=7)
        handles = [Patch(color=color(name), label=name) for name in sorted(shown, key=_rank)]
        figure.legend(handles=handles, loc="outside lower right", ncols=max(1, len(handles)))
        figure.supxlabel("epoch", size=8, x=0.06)
        figure.suptitle(f"Probabilities, {network}", x=0.01, ha="left", size=9, weight="bold")
        save(figure, path)


def plane(path: Path, rows: Sequence[Mapping[str, Any]], cost: str, unit: str) -> None:
    """Draw accuracy against a cost: searched networks, homogeneous ones, and the Pareto front.

    Parameters
    ----------
    rows : sequence of mappings
        Rows of ``sweep.json``; those without this cost or without accuracy are left out.
    """
    known = [r for r in rows if r["accuracy"] is not None and r.get(cost) is not None]
    with styled():
        from matplotlib.ticker import EngFormatter, LogLocator, NullLocator, PercentFormatter

        figure = sheet(6.0, 3.6)
        axes = figure.subplots()
        front = pareto([(r[cost], r["accuracy"]) for r in known])
        axes.plot(
            *np.array(front).reshape(-1, 2).T, color=GREY, linewidth=0.8, label="Pareto front"
        )
        for searched, noun, shade, mark in (
            (True, "searched", BLUE, "o"),
            (False, "one format everywhere", ORANGE, "s"),
        ):
            points = [r for r in known if (r["lambda"] is not None) == searched]
            axes.plot(
                [r[cost] for r in points],
                [r["accuracy"] for r in points],
                mark,
                color=shade,
                mec="white",
                markersize=6,
                label=noun,
            )
            for r in points:
                note = f"λ {r['lambda']:g}" if searched else r["network"]
                place = (r[cost], r["accuracy"])
                axes.annotate(note, place, (5, 4 if searched else -9), textcoords="offset points")
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.margins(0.12, 0.1)
        axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        axes.grid()
        axes.set_xlabel(f"{cost} [{unit}]")
        axes.set_ylabel("test accuracy")
        axes.legend(loc="lower right")
        axes.set_title(f"Accuracy and {cost}")
        save(figure, path)


def built(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw accuracy over LUTs and cycles that were measured; open points are beaten in all three.

    Parameters
    ----------
    rows : sequence of mappings
        Rows of ``sweep.json`` with what :func:`measured` returns; others are left out.
    """
    known = [row for row in rows if row["accuracy"] is not None and "measured_luts" in row]
    points = [(r["measured_luts"], r["measured_cycles"], -r["accuracy"]) for r in known]
    with styled():
        from matplotlib import colormaps
        from matplotlib.ticker import EngFormatter

        figure = sheet(6.0, 3.9)
        axes = figure.subplots()
        scores = [row["accuracy"] for row in known]
        low, high = min(scores), max(scores)
        for row, point in zip(known, points, strict=True):
            beaten = any(_beats(other, point) for other in points)
            shade = 0.15 + 0.85 * (row["accuracy"] - low) / ((high - low) or 1)
            fill = colormaps["Blues"](shade)
            axes.plot(
                *point[:2],
                "o" if row["lambda"] is not None else "s",
                color="white" if beaten else fill,
                mec=fill,
                mew=1.8,
                markersize=9,
            )
            note = f"{weight_pictures.label(row)}\n{row['accuracy']:.2%}"
            axes.annotate(note, point[:2], (7, -4), textcoords="offset points", size=7)
        axes.margins(0.2, 0.2)
        axes.grid()
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel(f"LUTs on {known[0]['fabric']}, counted by Yosys")
        axes.set_ylabel("cycles per image, measured")
        axes.set_title("Accuracy, LUTs and cycles; filled: beaten by none")
        save(figure, path)


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    """Return whether one point is nowhere higher than another, and somewhere lower."""
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def formats(path: Path, rows: Sequence[Mapping[str, Any]], layers: Sequence[str]) -> None:
    """Draw which format every layer of every searched network takes.

    Parameters
    ----------
    rows : sequence of mappings
        Rows of ``sweep.json``; homogeneous networks are left out.
    layers : sequence of str
        In order of data.
    """
    found = [row for row in rows if row["lambda"] is not None]
    with styled():
        figure = sheet(1.7 + 0.75 * max(1, len(found)), 0.24 * len(layers) + 0.9)
        axes = figure.subplots()
        for x, row in enumerate(found):
            for y, layer in enumerate(layers):
                name = row["schemes"][layer]
                axes.barh(y, 0.94, left=x - 0.47, height=0.9, color=color(name))
                dark = name != FLOAT and bits(name) >= 4
                axes.text(x, y, name, ha="center", va="center", color="white" if dark else INK)
        axes.set_xticks(range(len(found)), [f"λ {r['lambda']:g}\n{r['bits']:g} bit" for r in found])
        axes.xaxis.tick_top()
        axes.set_yticks(range(len(layers)), layers, size=7)
        axes.set_ylim(len(layers) - 0.4, -0.6)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        save(figure, path)


def pareto(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points that no other one beats: less cost, or more accuracy; by cost.

    Examples
    --------
    >>> pareto([(3, 0.9), (1, 0.5), (2, 0.4), (1, 0.6), (4, 0.9)])
    [(1, 0.6), (3, 0.9)]
    """
    best: list[tuple[float, float]] = []
    for cost, accuracy in sorted(points, key=lambda point: (point[0], -point[1])):
        if not best or accuracy > best[-1][1]:
            best.append((cost, accuracy))
    return best


def _rank(name: str) -> tuple[bool, bool, int]:
    """Return where a format stands: power of two, uniform, float, each by bits."""
    return name == FLOAT, name.startswith("u"), bits(name)
