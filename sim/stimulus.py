"""Input words from images."""

from __future__ import annotations

import numpy as np

from ir.plan import Link


def pack(images: np.ndarray, link: Link) -> np.ndarray:
    """Return the input words of ``images``, position by position, channel group by channel group.

    Parameters
    ----------
    images : integers (count, channels, height, width), or (count, T, ...) where they move
    link : Link
        The plan's source.

    Returns
    -------
    uint32 (count * words, ceil(width / 32))
        One word per row, least significant part first, as the simulator's ``main.cpp`` takes it.

    Examples
    --------
    >>> from ir.types import IntType
    >>> link = Link("input", 2, 2, 1, IntType(0, 15))
    >>> pack(np.array([[[[1, 2]], [[3, 4]]]]), link).tolist()
    [[49], [66]]
    """
    width = link.type.width
    frames = images[:, None] if images.ndim == 4 else images
    pixels = frames.transpose(0, 3, 4, 2, 1).reshape(-1, link.lanes * link.steps).astype("<i8")
    planes = np.unpackbits(pixels[..., None].view(np.uint8), axis=-1, bitorder="little")
    bits = planes[..., :width].reshape(len(pixels), -1)
    packed = np.packbits(bits, axis=1, bitorder="little")
    padded = np.zeros((len(packed), -(-packed.shape[1] // 4) * 4), np.uint8)
    padded[:, : packed.shape[1]] = packed
    return padded.view("<u4")
