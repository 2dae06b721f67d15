"""Augmentation of training images."""

from __future__ import annotations

import torch
from torch.nn import functional


def shift(images: torch.Tensor, generator: torch.Generator, pixels: int = 1) -> torch.Tensor:
    """Return each image moved by up to ``pixels`` in both directions; zeros move in.

    Parameters
    ----------
    images : uint8 (count, channels, height, width)
    generator : torch.Generator
        Source of the moves.
    """
    count, channels, height, width = images.shape
    padded = functional.pad(images, (pixels,) * 4)
    moves = torch.randint(0, 2 * pixels + 1, (2, count, 1), generator=generator)
    rows = (torch.arange(height) + moves[0])[:, None, :, None]
    columns = (torch.arange(width) + moves[1])[:, None, None, :]
    samples = torch.arange(count)[:, None, None, None]
    return padded[samples, torch.arange(channels)[None, :, None, None], rows, columns]
