"""What every layer of a model puts out, and how two such traces differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch

from sw.model import Model


def batches(
    model: Model, mode: str, images: np.ndarray, batch_size: int = 128
) -> Iterator[dict[str, np.ndarray]]:
    """Yield the output of every layer in evaluation mode, ``batch_size`` images at a time.

    Parameters
    ----------
    mode : str
        ``float``, ``quantized`` (running statistics, not rounded) or ``folded``.
    images : uint8 (count, channels, height, width), or (count, T, ...) where they move

    Yields
    ------
    dict of float (batch, T or 1, positions, channels)
        By layer name. The model is as before between two of them.
    """
    for part in torch.from_numpy(images).split(batch_size):
        found: dict[str, torch.Tensor] = {}
        before, training = model.mode, model.training
        model.mode = mode
        model.eval()
        with torch.no_grad():
            model(part, found)
        model.mode = before
        model.train(training)
        yield {name: trace.numpy() for name, trace in found.items()}


def traces(
    model: Model, mode: str, images: np.ndarray, batch_size: int = 128
) -> dict[str, np.ndarray]:
    """Return the output of every layer for all images at once, as :func:`batches` yields it."""
    found = list(batches(model, mode, images, batch_size))
    return {name: np.concatenate([trace[name] for trace in found]) for name in found[0]}


def accuracy(found: Iterable[dict[str, np.ndarray]], labels: np.ndarray) -> float:
    """Return the share of images whose largest logit is that of their label.

    Parameters
    ----------
    found : iterable of dict
        Batches, as :func:`batches` yields them.
    labels : int64 (count,)
    """
    guesses = np.concatenate([trace["head"][:, 0, 0].argmax(1) for trace in found])
    return float(np.mean(guesses == labels))


def compare(
    left: Iterable[dict[str, np.ndarray]], right: Iterable[dict[str, np.ndarray]]
) -> dict[str, int]:
    """Return how many spikes of how many differ between two traces, batch by batch."""
    differing = total = 0
    for one, other in zip(left, right, strict=True):
        for name in (name for name in one if name.endswith("lif")):
            differing += int(np.count_nonzero(one[name] != other[name]))
            total += one[name].size
    return {"differing": differing, "total": total}
