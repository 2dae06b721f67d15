"""What every layer of a model puts out, and how two such traces differ."""

from __future__ import annotations

import numpy as np
import torch

from sw.model import Model


def traces(
    model: Model, mode: str, images: np.ndarray, batch_size: int = 128
) -> dict[str, np.ndarray]:
    """Return the output of every layer in evaluation mode, (count, T or 1, positions, channels).

    Parameters
    ----------
    mode : str
        ``float``, ``quantized`` (running statistics, not rounded) or ``folded``.
    images : uint8 (count, channels, height, width)
    """
    before, training = model.mode, model.training
    model.mode = mode
    model.eval()
    found: list[dict[str, torch.Tensor]] = []
    with torch.no_grad():
        for part in torch.from_numpy(images).split(batch_size):
            found.append({})
            model(part, found[-1])
    model.mode = before
    model.train(training)
    return {name: torch.cat([trace[name] for trace in found]).numpy() for name in found[0]}


def compare(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> dict[str, int]:
    """Return how many spikes of how many differ between two traces."""
    names = [name for name in left if name.endswith("lif")]
    differing = sum(int(np.count_nonzero(left[name] != right[name])) for name in names)
    return {"differing": differing, "total": sum(left[name].size for name in names)}
