"""Augmentation of training images: what may move without another label."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch.nn import functional

Move = Callable[[torch.Tensor, torch.Generator], torch.Tensor]


def moves(dataset: str) -> Move:
    """Return the augmentation of a dataset: a function from (raw images, generator) to images."""
    return {
        "digits": sway,
        "mnist": warp,
        "fashion_mnist": mirror,
        "cifar10": mirror,
        "cifar10_dvs": mirror,
    }.get(dataset, stay)


def stay(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return the images as they are."""
    return images


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


def warp(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return the images, each turned, sheared, scaled and moved a little; zeros move in.

    Angle and shear go up to 8 degrees, sizes change by up to 8 %, and the centre moves by up to one
    pixel, each drawn evenly and independently.

    Parameters
    ----------
    images : uint8 (count, channels, height, width)
    generator : torch.Generator
        Source of the moves.
    """
    count, _, height, width = images.shape
    draws = torch.rand(6, count, generator=generator) * 2 - 1
    angle, shear = draws[0] * math.radians(8), draws[1] * math.radians(8)
    wide, tall = 1 + 0.08 * draws[2], 1 + 0.08 * draws[3]
    cos, sin = angle.cos(), angle.sin()
    rows = (
        torch.stack([cos * wide, (shear.tan() * cos - sin) * tall, draws[4] * 2 / width], 1),
        torch.stack([sin * wide, (shear.tan() * sin + cos) * tall, draws[5] * 2 / height], 1),
    )
    grid = functional.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    moved = functional.grid_sample(images.float(), grid, align_corners=False)
    return moved.round().to(images.dtype)


def mirror(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return the images, half of them mirrored left to right.

    Parameters
    ----------
    images : uint8 (count, channels, height, width), or (count, T, ...) where they move
    generator : torch.Generator
        Source of the choice.
    """
    each = (len(images), *[1] * (images.ndim - 1))
    turned = torch.randint(0, 2, each, generator=generator, dtype=torch.bool)
    return torch.where(turned, images.flip(-1), images)
