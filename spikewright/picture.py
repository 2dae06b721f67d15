"""Pictures as samples: what a file shows, as the pixels that a network takes."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ir.errors import SpikewrightError

if TYPE_CHECKING:
    from ir.layers import Input

FORMATS = ("PNG", "JPEG", "BMP", "PPM")
MODES = {1: "L", 3: "RGB"}
"""How a picture is read for so many channels."""


def read(path: Path, layer: Input) -> np.ndarray:
    """Return the pixels of a picture, or of a NumPy file.

    A picture becomes grey or RGB, as the network has channels, and its 0..255 become 0..high,
    rounded. A NumPy file holds integers as they go in.

    Parameters
    ----------
    path : Path
        PNG, JPEG, BMP, PGM or PPM; or ``.npy``.
    layer : ir.layers.Input
        Shape and range of a sample.

    Returns
    -------
    uint16 (channels, height, width)

    Raises
    ------
    SpikewrightError
        If the file is missing or of no known format, has another size or pixels out of range, or
        the network takes frames that move.
    """
    if layer.moving:
        raise SpikewrightError(
            f"Network takes a frame per time step; {path} is one image, allowed for others."
        )
    try:
        with warnings.catch_warnings(action="ignore"):  # what is odd is refused, not remarked on
            found = _array(path, layer) if path.suffix == ".npy" else _picture(path, layer)
    except SpikewrightError:
        raise
    except Exception as error:  # decoders of a dozen formats raise anything
        said = "".join(c for c in f"{error!s:.80}" if c.isprintable())
        raise SpikewrightError(
            f"File {path} cannot be read as an image ({said or type(error).__name__}); allowed are "
            f"{', '.join(FORMATS)} and .npy."
        ) from None
    return found.astype(np.uint16)


def _array(path: Path, layer: Input) -> np.ndarray:
    # Mapped, as a header may promise any size; np.load would open archives as well.
    found: np.ndarray = np.lib.format.open_memmap(path, mode="r")
    if found.shape == layer.shape[1:] and layer.shape[0] == 1:
        found = found[None]
    if found.shape != layer.shape or found.dtype.kind not in "iu":
        raise _size(path, f"{found.dtype} {found.shape}", layer)
    if found.min() < 0 or found.max() > layer.high:
        raise SpikewrightError(
            f"File {path} has values {found.min()}..{found.max()}; allowed are 0..{layer.high}."
        )
    return np.asarray(found)


def _picture(path: Path, layer: Input) -> np.ndarray:
    from PIL import Image

    channels, height, width = layer.shape
    with Image.open(path, formats=FORMATS) as picture:
        if picture.size != (width, height) or channels not in MODES:
            raise _size(path, f"a picture of {picture.height} x {picture.width} pixels", layer)
        pixels = np.asarray(picture.convert(MODES[channels]), dtype=np.int64)
    planes = pixels.reshape(height, width, channels).transpose(2, 0, 1)
    return (planes * layer.high + 127) // 255


def _size(path: Path, given: str, layer: Input) -> SpikewrightError:
    channels, height, width = layer.shape
    return SpikewrightError(
        f"File {path} holds {given}; allowed are {channels} x {height} x {width} integers"
        + (f", or a picture of {height} x {width} pixels." if channels in MODES else ".")
    )
