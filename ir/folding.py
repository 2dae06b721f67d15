"""Legal folds, and the rule that derives them from one number of lanes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ir.agree import agreed
from ir.errors import SpikewrightError
from ir.fold import LARGEST, Fold, Hardware
from ir.layers import Attention, Layer, MaxPool, Readout, Synapse
from ir.network import Network
from ir.tables import ARITY, Tables
from ir.types import IntType

NEURON = 16
"""What accumulator and neuron of an output of a table take, in lanes of a table."""


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


def steps_of(layer: Layer, fold: Fold, network: Network) -> int:
    """Return the time steps of a word that the layer takes; of ``fold.steps`` 0 says all."""
    given = network.edges[layer.inputs[0]].steps
    return 1 if fold.kind == "table" else min(fold.steps or given, given)


def cycles(layer: Layer, fold: Fold, network: Network) -> int:
    """Return the cycles per sample that the layer's busiest station needs when never stalled."""
    source, out = network.edges[layer.inputs[0]], network.edges[layer.name]
    if fold.kind == "table":
        assert isinstance(layer, Synapse)
        return tile_cycles(layer, fold, network)
    if isinstance(layer, Synapse):
        per_position = (out.channels // fold.pe) * (layer.fan_in // fold.simd)
        slices = source.steps // steps_of(layer, fold, network)
        arriving = source.positions * source.channels // fold.simd
        return slices * max(out.positions * per_position, arriving)
    if isinstance(layer, Attention):
        rows = out.positions if fold.first == "qk" else out.channels // layer.heads
        return out.positions * (out.channels // fold.pe) * (rows // fold.simd)
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
    steps = steps_of(layer, fold, network)
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
    the budget of lanes allows; no layer then has more lanes than it needs to keep up with it, but
    for tables whose words shall fit together (:mod:`ir.agree`). Of the two orders of attention that
    keep up with the same lanes, the one with less memory is taken. Streams of weights carry
    ``hardware.steps_per_pass`` steps a word, unless their fold is named and says otherwise.

    Raises
    ------
    SpikewrightError
        If a named fold is illegal, ``steps_per_pass`` does not divide T, or the budget is below the
        smallest folds.
    """
    if network.steps % hardware.steps_per_pass:
        raise SpikewrightError(
            f"Hardware has steps_per_pass {hardware.steps_per_pass}; allowed are divisors of the "
            f"network's {network.steps} time steps."
        )
    foldable = {
        layer.name: layer for layer in network.layers if dimensions(layer, network) is not None
    }
    for name in hardware.folds:
        if name not in foldable:
            raise SpikewrightError(
                f"Fold names layer {name!r}; foldable are {', '.join(foldable)}."
            )
    if hardware.kind == "table" and hardware.fabric not in ARITY:
        raise SpikewrightError(
            f"Hardware has kind table; fabric {hardware.fabric} has no LUT RAM, allowed are "
            f"{', '.join(ARITY)}."
        )
    common = hardware.steps_per_pass if hardware.steps_per_pass < network.steps else 0
    options = {
        name: _options(layer, network, kind, common)
        for name, layer in foldable.items()
        for kind in ["stream" if name in hardware.folds else hardware.kind]
    }
    for name, fold in hardware.folds.items():
        layer = foldable[name]
        if fold.steps and not isinstance(layer, Synapse):
            raise SpikewrightError(
                f"Fold of layer {name} has steps {fold.steps}; allowed for {layer.kind} is 0."
            )
        if fold.steps and network.steps % fold.steps:
            raise SpikewrightError(
                f"Fold of layer {name} has steps {fold.steps}; allowed are divisors of the "
                f"network's {network.steps} time steps."
            )
        if fold.kind == "table" and not isinstance(layer, Synapse):
            raise SpikewrightError(
                f"Fold of layer {name} has kind table; allowed for {layer.kind} is stream."
            )
        if fold.kind == "table" and hardware.fabric not in ARITY:
            raise SpikewrightError(
                f"Fold of layer {name} has kind table; fabric {hardware.fabric} has no LUT RAM."
            )
        options[name] = [
            option
            for option in options[name]
            if (option.fold.pe, option.fold.simd) == (fold.pe, fold.simd)
            and fold.first in ("", option.fold.first)
        ][:1]
        if isinstance(layer, Synapse) and options[name]:
            if fold.kind == "stream" and not fold.steps:
                fold = replace(fold, steps=common)
            options[name] = [_Option.of(layer, fold, network)]
        if not options[name]:
            legal = ", ".join(map(str, choices(foldable[name], network)))
            raise SpikewrightError(
                f"Fold of layer {name} is pe {fold.pe}, simd {fold.simd}"
                f"{', first ' + fold.first if fold.first else ''}; allowed are {legal}."
            )
    limits = sorted({option.cycles for found in options.values() for option in found})
    for limit in limits:
        quick = {
            name: [option for option in found if option.cycles <= limit]
            for name, found in options.items()
        }
        if not all(quick.values()):
            continue
        small = {name: min(found, key=lambda o: o.size) for name, found in quick.items()}
        for chosen in (agreed(quick, network), small):
            if sum(option.lanes for option in chosen.values()) <= hardware.lanes:
                return {name: option.fold for name, option in chosen.items()}
    least = sum(found[0].lanes for found in options.values())
    raise SpikewrightError(
        f"Hardware has lanes {hardware.lanes}; this network needs at least {least}."
    )


def _loaded(layer: Synapse, fold: Fold, network: Network) -> Fold:
    """Return the fold as a table, with as many loaders as hide behind a pass."""
    found = replace(fold, kind="table")
    most = min(LARGEST, fold.pe * -(-fold.simd // 4))
    while 2 * found.loaders <= most:
        more = replace(found, loaders=2 * found.loaders)
        if cycles(layer, more, network) >= cycles(layer, found, network):
            break
        found = more
    return found


@dataclass(frozen=True)
class _Option:
    """A fold with what it costs and takes."""

    fold: Fold
    lanes: int
    cycles: int
    memory: int

    @classmethod
    def of(cls, layer: Layer, fold: Fold, network: Network) -> _Option:
        """Return a fold of a layer as an option."""
        cost = lanes(layer, fold, network), cycles(layer, fold, network)
        return cls(fold, *cost, _memory(layer, fold, network))

    @property
    def size(self) -> tuple[int, int]:
        """What to keep small: lanes, then state; of tables groups of four, and neurons."""
        if self.fold.kind == "table":
            return self.fold.pe * (4 * -(-self.fold.simd // 4) + NEURON), self.fold.pe
        return self.fold.pe * self.fold.simd, self.memory


def _options(layer: Layer, network: Network, kind: str, steps: int) -> list[_Option]:
    """Return all folds of a layer, smallest first; of equals the fastest, then the squarest."""
    found = list(choices(layer, network))
    if isinstance(layer, Synapse):
        found = [
            _loaded(layer, fold, network) if kind == "table" else replace(fold, steps=steps)
            for fold in found
        ]
    return sorted(
        (_Option.of(layer, fold, network) for fold in found),
        key=lambda o: (
            o.size[0],
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
