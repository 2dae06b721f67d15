"""Legal folds, and the rule that derives them from one number of lanes."""

from __future__ import annotations

from collections.abc import Iterator

from ir.errors import SpikewrightError
from ir.fold import Fold, Hardware
from ir.layers import Attention, Layer, MaxPool, Readout, Synapse
from ir.network import Network
from ir.tables import ARITY, Tables


def divisors(number: int) -> list[int]:
    """Return all divisors, ascending."""
    return [d for d in range(1, number + 1) if number % d == 0]


def dimensions(layer: Layer, network: Network) -> tuple[int, int] | None:
    """Return (outputs that pe divides, inputs that simd divides), or None where nothing folds."""
    if isinstance(layer, (Synapse, Readout)):
        return int(layer.weight.shape[0]), int(layer.weight.shape[1])
    if isinstance(layer, Attention):
        return network.edges[layer.name].channels // layer.heads, 0
    if isinstance(layer, MaxPool):
        return network.edges[layer.name].channels, 0
    return None


def cycles(layer: Layer, fold: Fold, network: Network) -> int:
    """Return the cycles per sample that the layer's busiest station needs when never stalled."""
    source, out = network.edges[layer.inputs[0]], network.edges[layer.name]
    if fold.kind == "table":
        assert isinstance(layer, Synapse)
        return tile_cycles(layer, fold, network)
    if isinstance(layer, Synapse):
        per_position = (out.channels // fold.pe) * (layer.fan_in // fold.simd)
        return max(out.positions * per_position, source.positions * source.channels // fold.simd)
    if isinstance(layer, Attention):
        return out.positions * out.channels // fold.pe
    if isinstance(layer, MaxPool):
        return max(out.positions * layer.kernel**2, source.positions) * out.channels // fold.pe
    assert isinstance(layer, Readout)
    groups = source.channels // fold.simd
    return max(source.positions * groups, out.channels // fold.pe * groups, out.channels)


def tile_cycles(layer: Synapse, fold: Fold, network: Network) -> int:
    """Return the cycles per sample of a layer built of tables: passes, or what loading them takes.

    With two banks a pass hides the loading of the next one; a layer of at most two passes is
    loaded but once.
    """
    source, out = network.edges[layer.inputs[0]], network.edges[layer.name]
    passes = (out.channels // fold.pe) * (layer.fan_in // fold.simd)
    length = out.positions * source.steps * source.type.width
    load = Tables(layer.scheme, fold.pe, fold.simd, loaders=fold.loaders, banks=2).load_cycles
    return passes * (max(length, load + 1) if passes > 2 else length)


def lanes(layer: Layer, fold: Fold, network: Network) -> int:
    """Return the lanes that the layer's engine is built of."""
    steps = network.edges[layer.inputs[0]].steps
    if isinstance(layer, Synapse):
        return fold.pe * fold.simd * (1 if fold.kind == "table" else steps)
    if isinstance(layer, Readout):
        return fold.pe * fold.simd
    if isinstance(layer, Attention):
        return 2 * fold.pe * fold.simd * steps
    return 0


def choices(layer: Layer, network: Network) -> Iterator[Fold]:
    """Yield every legal fold of a layer."""
    dims = dimensions(layer, network)
    assert dims is not None
    outputs, inputs = dims
    for pe in divisors(outputs):
        if inputs:
            yield from (Fold(pe, simd) for simd in divisors(inputs))
        else:
            yield Fold(pe, outputs if isinstance(layer, Attention) else 1)


def solve(network: Network, hardware: Hardware) -> dict[str, Fold]:
    """Return a fold for every layer that folds.

    Folds that ``hardware`` names are kept. The others start at the smallest; as long as the budget
    of lanes allows, the slowest layer gets the cheapest fold that makes it faster.

    Raises
    ------
    SpikewrightError
        If a named fold is illegal, or the budget is below the smallest folds.
    """
    foldable = {
        layer.name: layer for layer in network.layers if dimensions(layer, network) is not None
    }
    folds: dict[str, Fold] = {}
    for name, fold in hardware.folds.items():
        if name not in foldable:
            raise SpikewrightError(
                f"Fold names layer {name!r}; foldable are {', '.join(foldable)}."
            )
        if fold.kind == "table" and not isinstance(foldable[name], Synapse):
            raise SpikewrightError(
                f"Fold of layer {name} has kind table; allowed for {foldable[name].kind} is stream."
            )
        if fold.kind == "table" and hardware.fabric not in ARITY:
            raise SpikewrightError(
                f"Fold of layer {name} has kind table; fabric {hardware.fabric} has no LUT RAM."
            )
        if Fold(fold.pe, fold.simd) not in set(choices(foldable[name], network)):
            legal = ", ".join(f"({f.pe}, {f.simd})" for f in choices(foldable[name], network))
            raise SpikewrightError(
                f"Fold of layer {name} is pe {fold.pe}, simd {fold.simd}; allowed are {legal}."
            )
        folds[name] = fold
    for name, layer in foldable.items():
        folds.setdefault(name, min(choices(layer, network), key=lambda f: (f.pe * f.simd, f.pe)))

    def spent() -> int:
        return sum(lanes(foldable[n], f, network) for n, f in folds.items())

    if spent() > hardware.lanes:
        raise SpikewrightError(
            f"Hardware has lanes {hardware.lanes}; this network needs at least {spent()}."
        )
    while True:
        pace = {n: cycles(foldable[n], f, network) for n, f in folds.items()}
        slowest = max(pace, key=lambda n: pace[n])
        if slowest in hardware.folds:
            return folds
        layer = foldable[slowest]
        faster = [
            (lanes(layer, f, network), cycles(layer, f, network), abs(f.pe - f.simd), f.pe, f)
            for f in choices(layer, network)
            if cycles(layer, f, network) < pace[slowest]
        ]
        if not faster:
            return folds
        best = min(faster, key=lambda row: row[:4])[4]
        extra = lanes(layer, best, network) - lanes(layer, folds[slowest], network)
        if spent() + extra > hardware.lanes:
            return folds
        folds[slowest] = best
