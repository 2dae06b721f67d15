"""Silent channels: 256 outputs fold by powers of two only, 260 by 5 and 13 as well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ir.errors import SpikewrightError
from ir.layers import LIF, Add, Attention, Input, Layer, MaxPool, Readout, ShiftAdd, Synapse
from ir.network import Network

LARGEST = 8192
"""Most channels of a widened layer."""


def widen(network: Network, channels: Mapping[str, int]) -> Network:
    """Return the network with silent channels behind those of the named layers.

    Layers whose channels are the same ones (neurons behind their currents, both sides of a sum)
    are widened together; it is enough to name one. A silent channel has weights 0 from and to
    every other and never fires, so that logits, and what the other channels carry, stay as they
    are. Where the format has no 0, they are -1: what is not negative then adds up to no spike, and
    a silent input to nothing.

    Parameters
    ----------
    network : Network
    channels : mapping of layer name to int
        Channels that the layer shall have.

    Raises
    ------
    SpikewrightError
        If a layer is unknown, loses channels, has two widths, or cannot be widened: the input, the
        classes, and whatever heads of attention divide.
    """
    group = _groups(network)
    wide: dict[str, int] = {}
    for name, count in channels.items():
        if name not in group:
            raise SpikewrightError(
                f"Widening names layer {name!r:.80}; the network has {', '.join(group)}."
            )
        if group[name] == "":
            raise SpikewrightError(
                f"Widening names layer {name}, whose channels are those of the input, of the "
                f"classes or of heads of attention; allowed are other layers."
            )
        least = network.edges[name].channels
        if not isinstance(count, int) or isinstance(count, bool) or not least <= count <= LARGEST:
            raise SpikewrightError(
                f"Widening gives layer {name} {count!r:.40} channels; allowed are "
                f"{least}..{LARGEST}."
            )
        if wide.setdefault(group[name], count) != count:
            raise SpikewrightError(
                f"Widening gives layer {name} {count} channels, and {wide[group[name]]} to "
                f"another with the same channels; allowed is one width."
            )
    more = {
        name: wide.get(group[name], edge.channels) - edge.channels
        for name, edge in network.edges.items()
    }
    for layer in network.layers:
        if (
            isinstance(layer, Synapse)
            and not layer.scheme.has_zero
            and more[layer.name]
            and network.edges[layer.inputs[0]].type.signed
        ):
            raise SpikewrightError(
                f"Widening adds channels to layer {layer.name}, whose format {layer.scheme.name} "
                f"has no 0 for its signed input; allowed are other formats."
            )
    layers = tuple(_widened(layer, more) for layer in network.layers)
    return Network(network.steps, layers, network.preprocessing)


def _groups(network: Network) -> dict[str, str]:
    """Return, by layer, the first layer that has the same channels; ``""`` if they are fixed."""
    group: dict[str, str] = {}
    for layer in network.layers:
        sources = {group[name] for name in layer.inputs}
        if isinstance(layer, (Input, Attention, Readout)):
            group[layer.name] = ""
        elif isinstance(layer, Synapse):
            group[layer.name] = layer.name
        else:
            group[layer.name] = min(sources)  # a fixed one, "", comes first
        if isinstance(layer, (Add, ShiftAdd, Attention)):
            joined = {name for name, first in group.items() if first and first in sources}
            group |= dict.fromkeys(joined, group[layer.name])
    return group


def _widened(layer: Layer, more: Mapping[str, int]) -> Layer:
    added = more[layer.name]
    if isinstance(layer, Synapse):
        grown = ((0, added), (0, more[layer.inputs[0]]), (0, 0), (0, 0))
        return replace(layer, weight=_padded(layer, grown))
    if isinstance(layer, Readout):
        return replace(layer, weight=_padded(layer, ((0, 0), (0, more[layer.inputs[0]]))))
    if isinstance(layer, LIF):
        beyond = max(1, layer.neuron.initial + 1, int(layer.threshold.max()))
        threshold = np.pad(layer.threshold, (0, added), constant_values=beyond)
        return replace(layer, threshold=threshold, bias=np.pad(layer.bias, (0, added)))
    if isinstance(layer, ShiftAdd):
        return replace(layer, shifts=np.pad(layer.shifts, ((0, 0), (0, added))))
    assert isinstance(layer, (Input, MaxPool, Add, Attention))
    return layer


def _padded(layer: Synapse | Readout, grown: tuple[tuple[int, int], ...]) -> np.ndarray:
    return np.pad(layer.weight, grown, constant_values=0 if layer.scheme.has_zero else -1)
