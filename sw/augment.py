"""Augmentation of training images."""

from __future__ import annotations

import torch
from torch.nn import functional


def sway(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return the images, a third of them moved sideways by one pixel; zeros move in.

    Nothing moves up or down, where small digits touch the border.

    Parameters
    ----------
    images : uint8 (count, channels, height, width)
    generator : torch.Generator
        Source of the moves.
    """
    count, channels, height, width = images.shape
    choices = torch.tensor([-1, 0, 0, 0, 0, 1])
    move = choices[torch.randint(0, len(choices), (count,), generator=generator)]
    padded = functional.pad(images, (1, 1, 0, 0))
    columns = torch.arange(width) + 1 + move[:, None]
    index = columns[:, None, None].expand(count, channels, height, width)
    return padded.gather(3, index)
