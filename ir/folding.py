"""Legal folds, and the rule that derives them from one number of lanes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ir.errors import SpikewrightError
from ir.fold import Fold, Hardware
from ir.layers import Attention, Layer, MaxPool, Readout, Synapse
from ir.network import Network
from ir.types import IntType


def divisors(number: int) -> list[int]:
    """Return all divisors, ascending."""
    return [d for d in range(1, number + 1) if number % d == 0]


def dimensions(layer: Layer, network: Network) -> tuple[int, int] | None:
    """Return (outputs that pe divides, inputs that simd divides), or None where nothing folds."""
    if isinstance(layer, (Synapse, Readout)):
        return int(layer.weight.shape[0]), int(layer.weight.shape[1])
    if isinstance(layer, Attention):
        return network.edges[layer.name].channels, 0
    if isinstance(layer, MaxPool):
        return network.edges[layer.name].channels, 0
    return None


def cycles(layer: Layer, fold: Fold, network: Network) -> int:
    """Return the cycles per sample that the layer's busiest station needs when never stalled."""
    source, out = network.edges[layer.inputs[0]], network.edges[layer.name]
    if isinstance(layer, Synapse):
        per_position = (out.channels // fold.pe) * (layer.fan_in // fold.simd)
        return max(
            out.positions * per_position, source.positions * source.channels // fold.simd
        )
    if isinstance(layer, Attention):
        rows = out.positions if fold.first == "qk" else out.channels // layer.heads
        return out.positions * (out.channels // fold.pe) * (rows // fold.simd)
    if isinstance(layer, MaxPool):
        return max(out.positions * layer.kernel**2, source.positions) * out.channels // fold.pe
    assert isinstance(layer, Readout)
    groups = source.channels // fold.simd
    return max(source.positions * groups, out.channels // fold.pe * groups, out.channels)


def lanes(layer: Layer, fold: Fold, network: Network) -> int:
    """Return the lanes that the layer's engine is built of."""
    steps = network.edges[layer.inputs[0]].steps
    if isinstance(layer, Synapse):
        return fold.pe * fold.simd * steps
    if isinstance(layer, Readout):
        return fold.pe * fold.simd
    if isinstance(layer, Attention):
        return 2 * fold.pe * fold.simd * steps
    return 0


def choices(layer: Layer, network: Network) -> Iterator[Fold]:
    """Yield every legal fold of a layer.

    Attention may compute several heads at once, with all their columns: pe is then a multiple of
    the head width.
    """
    dims = dimensions(layer, network)
    assert dims is not None
    outputs, inputs = dims
    if isinstance(layer, Attention):
        width, tokens = outputs // layer.heads, network.edges[layer.name].positions
        columns = divisors(width) + [width * heads for heads in divisors(layer.heads)[1:]]
        for first, rows in (("kv", width), ("qk", tokens)):
            yield from (Fold(pe, simd, first) for pe in columns for simd in divisors(rows))
        return
    for pe in divisors(outputs):
        yield from (Fold(pe, simd) for simd in (divisors(inputs) if inputs else [1]))


def solve(network: Network, hardware: Hardware) -> dict[str, Fold]:
    """Return a fold for every layer that folds.

    Folds that ``hardware`` names are kept. The others give the slowest layer the fewest cycles that
    the budget of lanes allows; no layer then has more lanes than it needs to keep up with it. Of
    the two orders of attention that keep up with the same lanes, the one with less memory is taken.

    Raises
    ------
    SpikewrightError
        If a named fold is illegal, or the budget is below the smallest folds.
    """
    foldable = {
        layer.name: layer for layer in network.layers if dimensions(layer, network) is not None
    }
    for name in hardware.folds:
        if name not in foldable:
            raise SpikewrightError(
                f"Fold names layer {name!r}; foldable are {', '.join(foldable)}."
            )
    options = {name: _options(layer, network) for name, layer in foldable.items()}
    for name, fold in hardware.folds.items():
        options[name] = [
            option
            for option in options[name]
            if (option.fold.pe, option.fold.simd) == (fold.pe, fold.simd)
            and fold.first in ("", option.fold.first)
        ][:1]
        if not options[name]:
            legal = ", ".join(map(str, choices(foldable[name], network)))
            raise SpikewrightError(
                f"Fold of layer {name} is pe {fold.pe}, simd {fold.simd}"
                f"{', first ' + fold.first if fold.first else ''}; allowed are {legal}."
            )
    limits = sorted({option.cycles for found in options.values() for option in found})
    for limit in limits:
        chosen = {
            name: min((o for o in found if o.cycles <= limit), key=_size, default=None)
            for name, found in options.items()
        }
        fitting = [option for option in chosen.values() if option is not None]
        if len(fitting) == len(chosen) and sum(o.lanes for o in fitting) <= hardware.lanes:
            return {name: option.fold for name, option in zip(chosen, fitting, strict=True)}
    least = sum(found[0].lanes for found in options.values())
    raise SpikewrightError(
        f"Hardware has lanes {hardware.lanes}; this network needs at least {least}."
    )


@dataclass(frozen=True)
class _Option:
    """A fold with what it costs and takes."""

    fold: Fold
    lanes: int
    cycles: int
    memory: int


def _size(option: _Option) -> tuple[int, int]:
    return option.fold.pe * option.fold.simd, option.memory


def _options(layer: Layer, network: Network) -> list[_Option]:
    """Return all folds of a layer, smallest first; of equals the fastest, then the squarest."""
    found = [
        _Option(
            fold,
            lanes(layer, fold, network),
            cycles(layer, fold, network),
            _memory(layer, fold, network),
        )
        for fold in choices(layer, network)
    ]
    return sorted(
        found,
        key=lambda o: (
            o.fold.pe * o.fold.simd,
            o.cycles,
            abs(o.fold.pe - o.fold.simd),
            o.fold.pe,
            o.fold.first,
        ),
    )


def _memory(layer: Layer, fold: Fold, network: Network) -> int:
    """Return the bits of state that the order of attention costs; 0 for other layers."""
    if not isinstance(layer, Attention):
        return 0
    edge = network.edges[layer.name]
    if fold.first == "qk":
        return 4 * edge.positions * edge.channels * edge.steps  # two banks of k and of v
    width = edge.channels // layer.heads
    return 2 * edge.channels * width * edge.steps * IntType(0, edge.positions).width
