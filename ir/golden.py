"""Bit-exact execution of the integer network with NumPy.

Small and free of torch, for hardware tests. ``sw.golden`` is its batched PyTorch twin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ir.layers import LIF, Add, Attention, Input, Layer, MaxPool, Readout, ShiftAdd, Synapse
from ir.network import Network
from ir.neuron import INTEGER


@dataclass(frozen=True)
class Trace:
    """Everything that one run computed, by layer name.

    Parameters
    ----------
    outputs : dict of int64 (count, steps, positions, channels)
        Output of every layer: pixels, currents, spikes, sums, logits.
    membranes : dict of int64 (count, steps, positions, channels)
        Membrane h before reset, for every LIF layer.
    labels : int64 (count,)
        Index of the largest logit, the lowest one of equals.
    """

    outputs: dict[str, np.ndarray]
    membranes: dict[str, np.ndarray]
    labels: np.ndarray

    def logits(self, network: Network) -> np.ndarray:
        """Return the logits, int64 (count, classes)."""
        return self.outputs[network.readout.name][:, 0, 0]


def run(network: Network, images: np.ndarray) -> Trace:
    """Execute ``network`` on ``images``.

    Parameters
    ----------
    network : Network
    images : integers (count, channels, height, width), or (count, T, ...) where they move

    Raises
    ------
    SpikewrightError
        If the images do not fit the input layer.
    """
    images = network.check_images(images)
    outputs: dict[str, np.ndarray] = {}
    membranes: dict[str, np.ndarray] = {}
    for layer in network.layers:
        inputs = [outputs[name] for name in layer.inputs]
        if isinstance(layer, Input):
            frames = images if layer.moving else images[:, None]
            outputs[layer.name] = frames.reshape(*frames.shape[:3], -1).swapaxes(2, 3)
        elif isinstance(layer, LIF):
            outputs[layer.name], membranes[layer.name] = lif(layer, inputs[0], network.steps)
        else:
            outputs[layer.name] = _layer(layer, inputs, network)
    logits = outputs[network.readout.name][:, 0, 0]
    return Trace(outputs, membranes, logits.argmax(1))


def lif(layer: LIF, sums: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (spikes, membranes before reset), int64 (count, T, positions, channels)."""
    neuron = layer.neuron
    currents = (sums << neuron.frac_bits) + layer.bias
    currents = np.broadcast_to(currents, (sums.shape[0], steps, *sums.shape[2:]))
    v = np.full(currents[:, 0].shape, neuron.initial, dtype=np.int64)
    spikes, membranes = np.empty_like(currents), np.empty_like(currents)
    for t in range(steps):
        membranes[:, t], spikes[:, t], v = neuron.step(v, currents[:, t], layer.threshold, INTEGER)
    return spikes, membranes


def windows(
    x: np.ndarray, shape: tuple[int, int], kernel: int, stride: int, padding: int, fill: int = 0
) -> np.ndarray:
    """Return sliding windows, (count, steps, positions, channels, kernel, kernel).

    Parameters
    ----------
    x : (count, steps, positions, channels)
    shape : (int, int)
        Height and width of the map.
    fill : int
        Value of the padding.
    """
    count, steps, _, channels = x.shape
    grid = x.reshape(count, steps, *shape, channels)
    border = (padding, padding)
    grid = np.pad(grid, ((0, 0), (0, 0), border, border, (0, 0)), constant_values=fill)
    view = np.lib.stride_tricks.sliding_window_view(grid, (kernel, kernel), axis=(2, 3))
    view = view[:, :, ::stride, ::stride]
    return view.reshape(count, steps, -1, channels, kernel, kernel)


def _layer(layer: Layer, inputs: list[np.ndarray], network: Network) -> np.ndarray:
    source = network.edges[layer.inputs[0]]
    shape = (source.height, source.width)
    x = inputs[0]
    if isinstance(layer, Synapse):
        taps = windows(x, shape, layer.kernel, layer.stride, layer.padding)
        flat = taps.reshape(*taps.shape[:3], -1)
        weight = layer.weight.reshape(layer.weight.shape[0], -1).astype(np.int64)
        return flat @ weight.T
    if isinstance(layer, MaxPool):
        lowest = int(np.iinfo(np.int64).min)
        return windows(x, shape, layer.kernel, layer.stride, layer.padding, lowest).max((4, 5))
    if isinstance(layer, Add):
        return x + inputs[1]
    if isinstance(layer, ShiftAdd):
        return (x << layer.shifts[0]) + (inputs[1] << layer.shifts[1])
    if isinstance(layer, Attention):
        q, k, v = (_heads(value, layer.heads) for value in inputs)
        out = q @ (k.swapaxes(-1, -2) @ v)
        return out.swapaxes(2, 3).reshape(x.shape)
    assert isinstance(layer, Readout)
    total = x.sum((1, 2), keepdims=True)
    return total @ layer.weight.astype(np.int64).T + layer.bias


def _heads(x: np.ndarray, heads: int) -> np.ndarray:
    count, steps, positions, channels = x.shape
    return x.reshape(count, steps, positions, heads, channels // heads).swapaxes(2, 3)
