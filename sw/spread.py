"""How the weights of a network are spread before and after it was quantized, as plain counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from sw.model import Model
from sw.quant import to_int

BINS = 61
_LEVEL, _DEVIATIONS = 1.1, 3.0  # reach of the bins: the largest level, standard deviations


def spread(before: Mapping[str, torch.Tensor], model: Model) -> dict[str, dict[str, Any]]:
    """Return the weights of each layer in units of the integers that they become.

    Parameters
    ----------
    before : mapping of str to tensor
        State of the float network, whose weights are as ``model``'s were before fine-tuning.
    model : Model
        The network after it.

    Returns
    -------
    dict
        By layer, in order of data: ``scheme``; ``edges`` of :data:`BINS` bins and how many weights
        fell into each ``before``, those beyond into the outermost; ``levels`` and how many weights
        take each ``after``; ``sparsity``: share of zeros ``before`` and ``after``, 0..1.
    """
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    parts = [(name, cell.conv.weight, cell.scheme, True) for name, cell in model.synapses()]
    parts.append(("head", model.head.linear.weight, model.head.scheme, False))
    found = {}
    with torch.no_grad():
        for name, weight, scheme, per_channel in parts:
            old = before[names[id(weight)]]
            _, scale = to_int(old, scheme, per_channel=per_channel)
            integers, _ = to_int(weight, scheme, per_channel=per_channel)
            levels = scheme.levels
            units = (old / scale).numpy()
            reach = max(_LEVEL * float(levels[-1]), _DEVIATIONS * float(units.std()))
            units = np.clip(units, -reach, reach)
            counts, edges = np.histogram(units, BINS, (-reach, reach))
            after = [int((integers == level).sum()) for level in levels.tolist()]
            found[name] = {
                "scheme": scheme.name,
                "edges": edges.round(6).tolist(),
                "before": counts.tolist(),
                "levels": levels.tolist(),
                "after": after,
                "sparsity": {
                    "before": float((old == 0).float().mean()),
                    "after": float((integers == 0).float().mean()),
                },
            }
    return found
