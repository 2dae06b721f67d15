"""Folding: how many outputs and inputs of a layer are computed per cycle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ir.errors import SpikewrightError

WIDTHS = ("actual", "format")
FABRICS = ("plain", "ecp5", "gowin", "xc7", "ice40")
KINDS = ("stream", "table")
FIRSTS = ("", "kv", "qk")
LARGEST = 4096
"""Most outputs, inputs or loaders of a fold."""
MOST_STEPS = 64
"""Most time steps of a network."""


@dataclass(frozen=True)
class Fold:
    """Parallelism of one layer, and how it is built.

    Parameters
    ----------
    pe : int
        Outputs per cycle; divides the layer's outputs.
    simd : int
        Inputs per output and cycle; divides the layer's input channels.
    first : str
        Of attention: ``kv`` computes k^T v first, ``qk`` q k^T, and nothing whichever takes fewer
        cycles. ``pe`` then counts columns, a multiple of the head width for heads side by side, and
        ``simd`` rows of k^T v (``kv``) or keys (``qk``).
    kind : str
        ``stream``: weights stream past each position, time steps side by side. ``table``:
        weights stand still in LUT RAM while all positions and steps stream past, one step a cycle.
    loaders : int
        Tables written side by side; 1 for ``stream``.
    steps : int
        Of a layer of weights, kind ``stream``: time steps side by side in a word, a divisor of T;
        a position then takes T / steps times the cycles. 0 for what the hardware says.
    """

    pe: int
    simd: int
    first: str = ""
    kind: str = "stream"
    loaders: int = 1
    steps: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SpikewrightError(f"Fold has kind {self.kind!r}; allowed are {', '.join(KINDS)}.")
        if self.kind == "stream" and self.loaders != 1:
            raise SpikewrightError(f"Fold has loaders {self.loaders!r}; kind stream allows 1.")
        for noun in ("pe", "simd", "loaders"):
            value = getattr(self, noun)
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LARGEST:
                raise SpikewrightError(f"Fold has {noun} {value!r}; allowed are 1..{LARGEST}.")
        if type(self.steps) is not int or not 0 <= self.steps <= MOST_STEPS:
            raise SpikewrightError(
                f"Fold has steps {self.steps!r:.40}; allowed are 0..{MOST_STEPS}."
            )
        if self.kind == "table" and self.steps:
            raise SpikewrightError(f"Fold has steps {self.steps}; kind table allows 0.")
        if self.first not in FIRSTS:
            raise SpikewrightError(
                f"Fold has first {self.first!r:.40}; allowed are kv, qk and nothing."
            )

    def __str__(self) -> str:
        return f"({self.pe}, {self.simd}{', ' + self.first if self.first else ''})"


@dataclass(frozen=True)
class Hardware:
    """What is asked of the hardware; recorded in the export directory.

    Parameters
    ----------
    lanes : int
        Budget from which folds are derived for layers that ``folds`` does not name; a lane is one
        (input, weight, time step) accumulated per cycle.
    folds : mapping of layer name to Fold
    steps_per_pass : int
        Time steps Tc, a divisor of T, that a word carries through the streams of weights whose fold
        says nothing else.
    widths : str
        ``actual``: accumulators proven for the very weights; ``format``: for any image of the
        declared formats, so that images can be replaced.
    fabric : str
        Fabric for whose LUTs and carry chains adders are built; ``plain`` for any.
    kind : str
        Kind of the folds that are derived, see :class:`Fold`; layers without weights for every
        position are always streams.
    parity : bool
        Whether every word of every memory carries a parity bit, and the top an output ``fault``.
        Predicted LUTs and memories are those without.
    reload : bool
        Whether a host may write the memories that have an image while the accelerator runs.
        Predicted LUTs are those without.

    Raises
    ------
    SpikewrightError
        If a value is outside its range.
    """

    lanes: int
    steps_per_pass: int
    folds: Mapping[str, Fold] = field(default_factory=dict)
    widths: str = "actual"
    fabric: str = "plain"
    kind: str = "stream"
    parity: bool = False
    reload: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.lanes, int) or not 1 <= self.lanes <= 1 << 20:
            raise SpikewrightError(f"Hardware has lanes {self.lanes!r}; allowed are 1..1048576.")
        if not isinstance(self.steps_per_pass, int) or not 1 <= self.steps_per_pass <= MOST_STEPS:
            raise SpikewrightError(
                f"Hardware has steps_per_pass {self.steps_per_pass!r}; allowed are 1..{MOST_STEPS}."
            )
        if self.fabric not in FABRICS:
            raise SpikewrightError(
                f"Hardware has fabric {self.fabric!r}; allowed are {', '.join(FABRICS)}."
            )
        if self.kind not in KINDS:
            raise SpikewrightError(
                f"Hardware has kind {self.kind!r}; allowed are {', '.join(KINDS)}."
            )
        if self.widths not in WIDTHS:
            raise SpikewrightError(
                f"Hardware has widths {self.widths!r}; allowed are {', '.join(WIDTHS)}."
            )
