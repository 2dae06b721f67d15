"""Augmentation of training images: small moves and slants, as handwriting has them."""

from __future__ import annotations

import torch
from torch.nn import functional


def slant(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return each image moved sideways and slanted by up to one pixel; zeros move in.

    Half of the images are moved, and half are slanted: their top and bottom rows shift by one pixel
    in opposite directions. Nothing moves up or down, where digits touch the border.

    Parameters
    ----------
    images : uint8 (count, channels, height, width)
    generator : torch.Generator
        Source of the moves.
    """
    count, channels, height, width = images.shape
    choices = torch.tensor([-1, 0, 0, 1])
    move, lean = choices[torch.randint(0, 4, (2, count, 1), generator=generator)]
    slope = torch.linspace(-1, 1, height)
    offset = move + torch.round(lean * slope).to(torch.int64)
    padded = functional.pad(images, (2, 2, 0, 0))
    columns = torch.arange(width) + 2 + offset[..., None]
    index = columns[:, None].expand(count, channels, height, width)
    return padded.gather(3, index)
