"""What may be wrong with a trained network although it is bit-exact."""

from __future__ import annotations

import numpy as np

from ir.golden import Trace
from ir.layers import LIF, Readout, Synapse
from ir.network import Network

SILENT, SATURATED = 0.001, 0.99
"""Firing rates beyond which a layer carries nothing."""


def flag(rate: float) -> str:
    """Return ``silent``, ``saturated``, or nothing for a firing rate in between.

    Examples
    --------
    >>> flag(0.0), flag(0.2), flag(1.0)
    ('silent', '', 'saturated')
    """
    return "silent" if rate < SILENT else "saturated" if rate > SATURATED else ""


def remarks(network: Network, trace: Trace) -> list[str]:
    """Return one sentence for each layer that is silent or saturated, whose membranes are clipped,
    or whose weight format has levels that no weight takes.

    Parameters
    ----------
    network : Network
    trace : ir.golden.Trace
        Of samples that stand for the others.
    """
    found = []
    for layer in network.layers:
        if isinstance(layer, LIF):
            rate = float(trace.outputs[layer.name].mean())
            if noun := flag(rate):
                found.append(
                    f"Layer {layer.name} is {noun}: {rate:.2%} of its neurons fire in a time step."
                )
            bounds, h = layer.neuron.membrane, trace.membranes[layer.name]
            clipped = float(np.mean((h <= bounds.low) | (h >= bounds.high)))
            if clipped:
                found.append(
                    f"Layer {layer.name} clips {clipped:.2%} of its membranes to "
                    f"{layer.neuron.membrane_bits} bits."
                )
        elif isinstance(layer, (Synapse, Readout)):
            levels = len(layer.scheme.levels)
            used = len(np.intersect1d(layer.scheme.levels, layer.weight))
            if used < levels:
                found.append(
                    f"Layer {layer.name} uses {used} of the {levels} levels of {layer.scheme.name}."
                )
    return found
