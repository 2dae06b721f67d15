"""The golden model: bit-exact, batched execution of the integer network with PyTorch.

Twin of :mod:`ir.golden`; users and the co-simulation see this one.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch.nn import functional

from ir.golden import Trace
from ir.layers import (
    LIF,
    Add,
    Attention,
    Edge,
    Input,
    Layer,
    MaxPool,
    Readout,
    ShiftAdd,
    Synapse,
)
from ir.network import Network
from sw import exact
from sw.neuron import TORCH


def run(network: Network, images: np.ndarray, batch_size: int = 128) -> Trace:
    """Execute ``network`` on ``images`` and keep what every layer computed.

    Parameters
    ----------
    network : Network
    images : integers (count, channels, height, width), or (count, T, ...) where they move
    batch_size : int
        Images computed at once; changes no result.

    Returns
    -------
    ir.golden.Trace
        int64 outputs and membranes by layer name, (count, steps, positions, channels).

    Raises
    ------
    SpikewrightError
        If the images do not fit the input layer.
    """
    traces = list(batches(network, images, batch_size))
    outputs, membranes = (
        {name: np.concatenate([getattr(t, noun)[name] for t in traces]) for name in names}
        for noun, names in (("outputs", traces[0].outputs), ("membranes", traces[0].membranes))
    )
    return Trace(outputs, membranes, np.concatenate([trace.labels for trace in traces]))


def batches(network: Network, images: np.ndarray, batch_size: int = 128) -> Iterator[Trace]:
    """Yield the traces of ``images``, ``batch_size`` at a time; one empty trace for no images."""
    images = network.check_images(images)
    for start in range(0, max(len(images), 1), batch_size):
        with torch.no_grad():
            outputs, membranes = _run(network, torch.from_numpy(images[start : start + batch_size]))
        logits = outputs[network.readout.name][:, 0, :, 0, 0]
        yield Trace(
            {name: _trace(x) for name, x in outputs.items()},
            {name: _trace(x) for name, x in membranes.items()},
            logits.numpy().argmax(1),
        )


def predict(
    network: Network, images: np.ndarray, batch_size: int = 128
) -> tuple[np.ndarray, np.ndarray]:
    """Return (labels int64 (count,), logits int64 (count, classes)); for large sets.

    Raises
    ------
    SpikewrightError
        If the images do not fit the input layer.
    """
    found = [(t.labels, t.logits(network)) for t in batches(network, images, batch_size)]
    labels, logits = zip(*found, strict=True)
    return np.concatenate(labels), np.concatenate(logits)


def lif(layer: LIF, sums: torch.Tensor, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (spikes, membranes before reset), int64 (count, T, channels, height, width).

    Parameters
    ----------
    sums : int64 (count, T or 1, channels, height, width)
    """
    neuron = layer.neuron
    threshold, bias = (
        torch.from_numpy(constants.astype(np.int64)).view(-1, 1, 1)
        for constants in (layer.threshold, layer.bias)
    )
    currents = ((sums << neuron.frac_bits) + bias).expand(-1, steps, -1, -1, -1)
    v = torch.full_like(currents[:, 0], neuron.initial)
    membranes, spikes = [], []
    for t in range(steps):
        h, spike, v = neuron.step(v, currents[:, t], threshold, TORCH)
        membranes.append(h)
        spikes.append(spike)
    return torch.stack(spikes, 1), torch.stack(membranes, 1)


def _run(
    network: Network, images: torch.Tensor
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Return (outputs, membranes) by layer name, int64 (count, steps, channels, height, width)."""
    outputs: dict[str, torch.Tensor] = {}
    membranes: dict[str, torch.Tensor] = {}
    for layer in network.layers:
        inputs = [outputs[name] for name in layer.inputs]
        if isinstance(layer, Input):
            outputs[layer.name] = images if layer.moving else images[:, None]
        elif isinstance(layer, LIF):
            outputs[layer.name], membranes[layer.name] = lif(layer, inputs[0], network.steps)
        else:
            source = network.edges[layer.inputs[0]]
            outputs[layer.name] = _layer(layer, inputs, source, network.edges[layer.name])
    return outputs, membranes


def _layer(layer: Layer, inputs: list[torch.Tensor], source: Edge, result: Edge) -> torch.Tensor:
    x = inputs[0]
    if isinstance(layer, Synapse):
        high = max(abs(source.type.low), source.type.high)
        weight = torch.from_numpy(layer.weight.astype(np.float64))
        flat = exact.conv2d(x.flatten(0, 1), weight, high, layer.stride, layer.padding)
        return flat.to(torch.int64).unflatten(0, x.shape[:2])
    if isinstance(layer, MaxPool):
        flat = x.flatten(0, 1).to(exact.dtype_for(max(abs(source.type.low), source.type.high)))
        flat = functional.max_pool2d(flat, layer.kernel, layer.stride, layer.padding)
        return flat.to(torch.int64).unflatten(0, x.shape[:2])
    if isinstance(layer, Add):
        return x + inputs[1]
    if isinstance(layer, ShiftAdd):
        left, right = torch.from_numpy(layer.shifts.astype(np.int64))[:, :, None, None]
        return (x << left) + (inputs[1] << right)
    if isinstance(layer, Attention):
        dtype = exact.dtype_for(result.type.high)
        q, k, v = (y.flatten(3).unflatten(2, (layer.heads, -1)).to(dtype) for y in inputs)
        return ((v @ k.mT) @ q).to(torch.int64).reshape(x.shape)
    assert isinstance(layer, Readout)
    weight, bias = (torch.from_numpy(y.astype(np.int64)) for y in (layer.weight, layer.bias))
    return (x.sum((1, 3, 4)) @ weight.T + bias)[:, None, :, None, None]


def _trace(x: torch.Tensor) -> np.ndarray:
    """Return int64 (count, steps, positions, channels)."""
    return np.ascontiguousarray(x.flatten(3).transpose(2, 3).numpy())
