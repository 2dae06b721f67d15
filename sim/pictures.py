"""PNG pictures of a run: spikes, training, weights, cycles, resources, firing rates.

Each function writes one file. Matplotlib is imported when the first picture is drawn, with its Agg
renderer, so no display is needed; the same input gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ir import golden
from ir.layers import LIF, Readout, Synapse
from ir.network import Network
from ir.remarks import flag
from sim.drawing import (
    BLUE,
    DPI,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    PINK,
    RED,
    SKY,
    save,
    sheet,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SAMPLES = 4  # drawn in the timeline
MODULES = 80  # drawn one by one; smaller ones share a bar

CELLS = {  # kinds of cells, and what they are called
    "lut": "LUT",
    "carry": "carry",
    "ff": "FF",
    "lut_ram": "LUT RAM",
    "block_ram": "block RAM",
    "dsp": "DSP",
}

_ENDS = ("first", "last")


def raster(path: Path, network: Network, image: np.ndarray, title: str) -> None:
    """Draw the spikes that one image causes, all LIF layers in order, first on top.

    Each block is one layer in one time step: channels down, positions across. Of layers too large
    for the picture a fixed random choice of channels and positions is drawn; rates are of all.

    Parameters
    ----------
    image : integers (channels, height, width)
    """
    trace = golden.run(network, image[None])
    layers = [layer.name for layer in network.layers if isinstance(layer, LIF)]
    tall = 64 if len(layers) <= 20 else 32  # pixels of a block, like those below
    wide = 1 << (576 // network.steps).bit_length() - 1
    gap, top, bottom, right = 4, 75, 65, 190
    left = 40 + 10 * max(map(len, layers), default=0)
    rows = len(layers) * (tall + 2 * gap)
    columns = network.steps * (wide + gap)
    canvas = np.zeros((rows, columns))
    marks, thinned = [], False
    for index, name in enumerate(layers):
        spikes = trace.outputs[name][0]  # (steps, positions, channels)
        thin = spikes[:, _choose(spikes.shape[1], wide)][:, :, _choose(spikes.shape[2], tall)]
        thinned |= 2 * spikes.shape[1] > wide or 2 * spikes.shape[2] > tall
        row = index * (tall + 2 * gap)
        for step, block in enumerate(thin):
            x = step * (wide + gap)
            canvas[row : row + tall, x : x + wide] = block.T + 1
        rate = 100 * spikes.mean()
        marks.append((row + tall / 2, name, f"{rate:.1f} % of {spikes[0].size:,}"))
    size = left + columns + right, top + rows + bottom
    with styled():
        from matplotlib.colors import ListedColormap

        figure = sheet(size[0] / DPI, size[1] / DPI, layout=None)
        box = (left / size[0], bottom / size[1], columns / size[0], rows / size[1])
        axes = figure.add_axes(box)
        colors = ListedColormap(["white", PALE, BLUE])
        axes.imshow(canvas, cmap=colors, vmin=0, vmax=2, aspect="auto", interpolation="nearest")
        axes.set_yticks([y for y, _, _ in marks], [name for _, name, _ in marks])
        for y, _, note in marks:
            axes.annotate(note, (columns, y), (4, 0), "data", "offset points", va="center")
        shown = range(0, network.steps, -(-network.steps // 16))
        axes.set_xticks([(wide + gap) * step + wide / 2 for step in shown], list(map(str, shown)))
        note = "; large layers thinned" if thinned else ""
        axes.set_xlabel(f"time step; in each block: channels down, positions across{note}")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        figure.text(12 / size[0], 1 - 30 / size[1], title, weight="bold", size=9, va="center")
        axes.annotate("spikes, neurons", (columns, 0), (4, 6), "data", "offset points", color=GREY)
        save(figure, path)


def _choose(count: int, pixels: int) -> np.ndarray:
    """Return which of ``count`` items each pixel shows, at least two pixels an item if possible."""
    shown = min(count, max(1, pixels // 2))
    items = np.sort(np.random.default_rng(0).permutation(count)[:shown])
    return items[np.arange(pixels) * shown // pixels]


def training(path: Path, log: Sequence[Mapping[str, Any]], test: Mapping[str, float]) -> None:
    """Draw accuracy and loss over the epochs of all phases, one after the other.

    Parameters
    ----------
    log : sequence of mappings
        ``phase``, ``loss`` and ``accuracy`` or ``train_accuracy``; what lacks is left out.
    test : mapping
        Test accuracy at the end of a phase, by its name.
    """
    phases = list(dict.fromkeys(str(entry.get("phase", "training")) for entry in log))
    with styled():
        from matplotlib.ticker import MaxNLocator, PercentFormatter

        figure = sheet(6.6, 4.2)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
        for index, phase in enumerate(phases):
            color = (BLUE, ORANGE, GREEN, PINK, SKY)[index % 5]
            epochs = [n for n, e in enumerate(log, 1) if str(e.get("phase", "training")) == phase]
            score = test.get(phase)
            note = phase if score is None else f"{phase} (test {100 * score:.2f} %)"
            for axes, nouns in ((upper, ("accuracy", "train_accuracy")), (lower, ("loss",))):
                found = [(n, _number(log[n - 1], nouns)) for n in epochs]
                pairs = [(n, value) for n, value in found if value is not None]
                axes.plot(
                    [n for n, _ in pairs],
                    [value for _, value in pairs],
                    color=color,
                    marker=".",
                    markersize=4,
                    label=note,
                )
            if score is not None:
                upper.plot(epochs[-1], score, marker="D", markersize=6, mec="white", color=color)
        if test:
            upper.plot([], [], "D", color=GREY, mec="white", label="test, end of phase")
        upper.legend(loc="lower right")
        upper.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        trained = any("train_accuracy" in entry for entry in log)
        upper.set_ylabel("accuracy (training set)" if trained else "accuracy")
        lower.set_ylabel("loss")
        lower.set_ylim(bottom=0)
        lower.set_xlabel("epoch, all phases")
        lower.xaxis.set_major_locator(MaxNLocator(integer=True))
        for axes in (upper, lower):
            axes.grid(axis="y")
        upper.set_title("Training")
        save(figure, path)


def weights(path: Path, network: Network) -> None:
    """Draw how often each integer level occurs, one small histogram per layer with weights."""
    layers = [layer for layer in network.layers if isinstance(layer, (Synapse, Readout))]
    columns = min(4, len(layers))
    rows = -(-len(layers) // columns)
    with styled():
        from matplotlib.patches import Patch

        figure = sheet(1.9 * columns + 0.4, 1.45 * rows + 0.5)
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes in grid[len(layers) :]:
            axes.set_visible(False)
        for axes, layer in zip(grid, layers, strict=False):
            levels = layer.scheme.levels
            share = [100 * float(np.mean(layer.weight == level)) for level in levels]
            color = ORANGE if layer.scheme.power_of_two else BLUE
            axes.bar(range(len(levels)), share, width=0.8 if len(levels) < 64 else 1, color=color)
            middle = len(levels) // 2
            apart = range(middle + 1) if middle <= 3 else (0, -(-middle // 2), middle)
            shown = sorted({middle + sign * step for sign in (-1, 1) for step in apart})
            axes.set_xticks(shown, [str(levels[index]) for index in shown], size=7)
            axes.tick_params(axis="y", labelsize=7)
            axes.set_ylim(0, 1.08 * max(share))
            axes.set_title(f"{layer.name} ({layer.scheme.name})", size=7.5)
        schemes = [Patch(color=BLUE, label="uniform"), Patch(color=ORANGE, label="power of two")]
        figure.legend(handles=schemes, loc="outside lower right", ncols=2)
        figure.supylabel("share of weights [%]", size=8)
        save(figure, path)


def timeline(path: Path, layers: Sequence[Mapping[str, Any]]) -> None:
    """Draw when each layer's output flows: predicted bars, measured ends, back-to-back samples.

    Parameters
    ----------
    layers : sequence of mappings
        ``name``, and ``first`` and ``last`` with ``predicted`` and ``measured`` cycles per sample.
    """
    colors = (SKY, ORANGE, GREEN, PINK)
    with styled():
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        figure = sheet(7.6, 0.19 * len(layers) + 1.2)
        axes = figure.subplots()
        bars: list[list[tuple[int, int, int]]] = [[] for _ in range(SAMPLES)]
        ticks: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
        for y, layer in enumerate(layers):
            first, last = (layer[end] or {"predicted": [], "measured": []} for end in _ENDS)
            spans = zip(first["predicted"], last["predicted"], strict=False)
            for bar, (begin, end) in zip(bars, spans, strict=False):
                bar.append((y, begin, end - begin + 1))
            for past, ends in enumerate((first, last)):
                for index, cycle in enumerate(ends["measured"][:SAMPLES]):
                    right = ends["predicted"][index : index + 1] in ([], [cycle])
                    ticks[right].append((y, cycle + past))
        bars = [bar for bar in bars if bar]
        for bar, color in zip(bars, colors, strict=False):
            ys, begins, lengths = zip(*bar, strict=True)
            axes.barh(ys, lengths, left=begins, height=0.72, color=color)
        for right, color in ((True, INK), (False, RED)):
            rows, edges = np.array(ticks[right], dtype=float).reshape(-1, 2).T
            axes.vlines(edges, rows - 0.42, rows + 0.42, color=color, linewidth=1 if right else 2)
        _rows(axes, [layer["name"] for layer in layers])
        axes.set_xlim(left=0)
        axes.grid(axis="x")
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel("cycle since the first input transfer")
        axes.set_title("First to last output transfer of each layer")
        handles: list[Any] = [
            Patch(color=colors[i], label=f"sample {i}, predicted") for i in range(len(bars))
        ]
        ends_of: dict[str, Any] = {"color": "none", "marker": "|", "markersize": 9}
        handles.append(Line2D([], [], **ends_of, mec=INK, label="measured"))
        if ticks[False]:
            handles.append(
                Line2D([], [], **ends_of, mec=RED, mew=2, label="measured, not as predicted")
            )
        figure.legend(handles=handles, loc="outside lower center", ncols=3)
        save(figure, path)


def resources(path: Path, modules: Mapping[str, Mapping[str, Any]], title: str) -> None:
    """Draw the cells of each module, one column of bars per kind of cell that occurs.

    Parameters
    ----------
    modules : mapping of module name to mapping of kind to count
    """
    kinds = [
        (key, noun)
        for key, noun in CELLS.items()
        if any(cells.get(key) for cells in modules.values())
    ] or [("lut", CELLS["lut"])]
    rows = {name: [cells.get(key) or 0 for key, _ in kinds] for name, cells in modules.items()}
    rows = {name: counts for name, counts in rows.items() if any(counts)}
    if len(rows) > MODULES:
        rank = sorted(rows, key=lambda name: -sum(rows[name]))
        rest = [rows[name] for name in rank[MODULES - 1 :]]
        kept = set(rank[: MODULES - 1])
        rows = {name: counts for name, counts in rows.items() if name in kept}
        rows[f"{len(rest)} smaller modules"] = [sum(column) for column in zip(*rest, strict=True)]
    with styled():
        from matplotlib.ticker import EngFormatter, MaxNLocator

        figure = sheet(2.2 + 1.25 * len(kinds), 0.16 * max(4, len(rows)) + 1.0)
        grid = figure.subplots(1, len(kinds), sharey=True, squeeze=False).ravel()
        colors = (BLUE, ORANGE, GREEN, PINK, SKY, RED)
        for column, (axes, (_, noun)) in enumerate(zip(grid, kinds, strict=True)):
            counts = [row[column] for row in rows.values()]
            axes.barh(range(len(rows)), counts, height=0.72, color=colors[column])
            axes.set_xlim(0, 1.05 * max([1, *counts]))
            axes.set_title(noun, size=8)
            axes.grid(axis="x")
            axes.tick_params(axis="x", labelsize=7)
            axes.tick_params(axis="y", length=0)
            axes.xaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
            axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        _rows(grid[0], list(rows))
        figure.suptitle(title, x=0.01, ha="left", size=9, weight="bold")
        save(figure, path)


def firing(path: Path, rates: Mapping[str, float]) -> None:
    """Draw the share of spikes among all (neuron, time step) of each layer."""
    with styled():
        figure = sheet(6.0, 0.21 * len(rates) + 1.0)
        axes = figure.subplots()
        for y, rate in enumerate(rates.values()):
            remark = flag(rate)
            axes.barh(y, 100 * rate, height=0.72, color=RED if remark else BLUE)
            note = f"{100 * rate:.{1 if rate >= 0.01 else 2}f} % {remark}"
            axes.annotate(note, (100 * rate, y), (4, 0), "data", "offset points", va="center")
        _rows(axes, list(rates))
        axes.set_xlim(0, min(122, 125 * max([0.01, *rates.values()])))
        top = min(100, axes.get_xlim()[1])
        axes.set_xticks([tick for tick in axes.get_xticks() if tick <= top])
        axes.set_xlabel("spikes per neuron and time step [%]")
        axes.set_title("Firing rates")
        save(figure, path)


def _rows(axes: Axes, names: Sequence[str]) -> None:
    """Label one horizontal bar per name, first on top."""
    axes.set_yticks(range(len(names)), names, size=7)
    axes.set_ylim(max(4, len(names)) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def _number(entry: Mapping[str, Any], nouns: Sequence[str]) -> float | None:
    for noun in nouns:
        value = entry.get(noun)
        if isinstance(value, (int, float)):
            return float(value)
    return None
