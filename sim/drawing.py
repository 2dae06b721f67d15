"""What all pictures share: colours, style, and how a figure becomes a file.

Matplotlib is imported when the first picture is drawn, with its Agg renderer, so no display is
needed; the same input gives the same bytes.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ir.energy import FLOAT
from ir.scheme import Scheme

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 150

# Okabe and Ito's palette, told apart by colour-blind readers.
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PINK, GREY, PALE, INK = "#56B4E9", "#CC79A7", "#8C8C8C", "#E9EDF0", "#222222"

_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "grid.color": "#DDDDDD",
    "text.parse_math": False,
    **dict.fromkeys(("axes.labelcolor", "xtick.color", "ytick.color", "text.color"), INK),
    **dict.fromkeys(("axes.linewidth", "xtick.major.width", "ytick.major.width"), 0.6),
    "grid.linewidth": 0.6,
}


def styled() -> Any:
    """Return a context in which Matplotlib draws in the house style."""
    from matplotlib import style

    return style.context(["default", _STYLE])


def sheet(width: float, height: float, layout: str | None = "constrained") -> Figure:
    """Return an empty figure of so many inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI, layout=layout, facecolor="white")  # type: ignore[arg-type]


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure).print_png(path, metadata={"Software": None})


def color(name: str) -> str:
    """Return the colour of a format: blue if uniform, orange if power of two, green if binary or
    ternary; dark if many bits.

    Examples
    --------
    >>> color("u8"), color("fp32")
    ('#0072b2', '#e9edf0')
    """
    from matplotlib.colors import to_hex, to_rgb

    if name == FLOAT:
        return to_hex(PALE)
    scheme = Scheme.parse(name)
    shade, most = {"u": (BLUE, 8), "pot": (ORANGE, 4)}.get(scheme.kind, (GREEN, 2))
    full = to_rgb(shade)
    strength = 0.3 + 0.7 * math.log(scheme.bits, most)
    red, green, blue = (1 - strength * (1 - part) for part in full)
    return to_hex((red, green, blue))
