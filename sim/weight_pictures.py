"""PNG pictures of what a search did to a network: its weights, its parts, its attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ir.energy import PARTS, bits
from sim.drawing import BLUE, GREEN, GREY, INK, ORANGE, PINK, SKY, color, save, sheet, styled

PROJECTIONS = ("q", "k", "v", "proj")
_SHADES = dict(zip(PARTS, (BLUE, ORANGE, GREEN, PINK, SKY), strict=True))


def histograms(path: Path, layers: Mapping[str, Mapping[str, Any]], network: str) -> None:
    """Draw the weights of each layer before and after, and how many are 0.

    Parameters
    ----------
    layers : mapping of layer name to mapping
        Content of ``weights.json``, as :func:`sw.spread.spread` returns it.
    """
    columns = min(4, max(1, len(layers)))
    rows = max(1, -(-len(layers) // columns))
    with styled():
        from matplotlib.patches import Patch

        figure = sheet(1.9 * columns + 0.4, 1.45 * rows + 0.7)
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes in grid[len(layers) :]:
            axes.set_visible(False)
        for axes, (name, layer) in zip(grid, layers.items(), strict=False):
            levels, edges = np.array(layer["levels"]), np.array(layer["edges"])
            before, after = np.array(layer["before"]), np.array(layer["after"])
            axes.stairs(before / before.max(), edges, color=GREY, fill=True, alpha=0.45)
            # Levels of a power of two lie too close to each other for bars of one width.
            shade = color(layer["scheme"])
            axes.vlines(levels, 0, after / after.max(), color=shade, linewidth=2.5)
            axes.plot(levels, after / after.max(), "o", color=shade, markersize=2.5)
            axes.set_xlim(edges[0], edges[-1])
            axes.set_ylim(0, 1.25)
            axes.set_yticks([])
            axes.spines["left"].set_visible(False)
            axes.tick_params(axis="x", labelsize=7)
            axes.set_title(f"{name} ({layer['scheme']})", size=7.5)
            zeros = layer["sparsity"]
            note = f"0: {100 * zeros['before']:.0f} % → {100 * zeros['after']:.0f} %"
            axes.text(0.98, 0.97, note, transform=axes.transAxes, ha="right", va="top", size=7)
        handles = [
            Patch(color=GREY, alpha=0.45, label="searched, float"),
            Patch(color=INK, label="integers after fine-tuning"),
        ]
        figure.legend(handles=handles, loc="outside lower right", ncols=2)
        figure.supxlabel("weight in units of the integers", size=8, x=0.16)
        title = f"Weights before and after, {network}: each scaled to its largest count"
        figure.suptitle(title, x=0.01, ha="left", size=9, weight="bold")
        save(figure, path)


def parts(path: Path, rows: Sequence[Mapping[str, Any]], units: Mapping[str, str]) -> None:
    """Draw which part of a network takes which share of its energy and storage.

    Parameters
    ----------
    rows : sequence of mappings
        Rows of ``sweep.json``; ``parts``: by cost and part, in ``units``.
    """
    costs = list(rows[0]["parts"])
    with styled():
        from matplotlib.patches import Patch
        from matplotlib.ticker import PercentFormatter

        figure = sheet(3.6 * len(costs) + 0.8, 0.24 * len(rows) + 1.2)
        grid = figure.subplots(1, len(costs), sharey=True, squeeze=False).ravel()
        shown: dict[str, None] = {}
        for axes, cost in zip(grid, costs, strict=True):
            for y, row in enumerate(rows):
                found = row["parts"][cost]
                total, left = sum(found.values()) or 1.0, 0.0
                for noun in (noun for noun in PARTS if noun in found):
                    share = found[noun] / total
                    axes.barh(y, share, left=left, height=0.78, color=_SHADES[noun])
                    if share > 0.07:
                        axes.text(
                            left + share / 2, y, f"{100 * share:.0f}", ha="center", va="center"
                        )
                    left += share
                    shown[noun] = None
                note = f"{total:,.3g} {units[cost]}"
                if units[cost] == "pJ":
                    note = f"{total / 1e6:,.3g} µJ"
                elif units[cost] == "bit":
                    note = f"{total / 8192:,.3g} KiB"
                axes.text(1.02, y, note, va="center", size=7)
            axes.set_xlim(0, 1)
            axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
            axes.set_title(f"Share of {cost}")
            axes.tick_params(axis="y", length=0)
        grid[0].set_yticks(range(len(rows)), [label(row) for row in rows])
        grid[0].set_ylim(len(rows) - 0.4, -0.6)
        handles = [Patch(color=_SHADES[noun], label=noun) for noun in PARTS if noun in shown]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
        save(figure, path)


def projections(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw the bits that q, k, v and proj of every block take, one field per searched network.

    Parameters
    ----------
    rows : sequence of mappings
        Rows of ``sweep.json``; homogeneous networks are left out.
    """
    found = [row for row in rows if row["lambda"] is not None]
    blocks = sorted(
        {name.rpartition(".")[0] for name in found[0]["schemes"] if name.endswith(".proj")},
        key=lambda name: int(name.rpartition(".")[2]),
    )
    with styled():
        figure = sheet(1.2 + 1.5 * len(found), 0.5 * len(blocks) + 1.6)
        grid = figure.subplots(1, len(found), sharey=True, squeeze=False).ravel()
        width = 0.8 / len(blocks)
        for axes, row in zip(grid, found, strict=True):
            for b, block in enumerate(blocks):
                for x, noun in enumerate(PROJECTIONS):
                    scheme = row["schemes"][f"{block}.{noun}"]
                    middle = x + (b - (len(blocks) - 1) / 2) * width
                    axes.bar(middle, bits(scheme), width=0.92 * width, color=color(scheme))
                    axes.text(middle, bits(scheme), scheme, ha="center", va="bottom", size=6.5)
            axes.set_xticks(range(len(PROJECTIONS)), PROJECTIONS)
            axes.tick_params(axis="x", length=0)
            axes.set_title(label(row))
            axes.grid(axis="y")
        most = max(bits(s) for row in found for s in row["schemes"].values() if bits(s) <= 8)
        grid[0].set_ylim(0, most + 1)
        grid[0].set_yticks(range(0, most + 1))
        grid[0].set_ylabel("bits per weight")
        save(figure, path)


def label(row: Mapping[str, Any]) -> str:
    """Return what a network is called: by its lambda, or by its format.

    Examples
    --------
    >>> label({"lambda": 0.5, "network": "lambda-0.5"}), label({"lambda": None, "network": "u4"})
    ('λ 0.5', 'all u4')
    """
    return f"all {row['network']}" if row["lambda"] is None else f"λ {row['lambda']:g}"
