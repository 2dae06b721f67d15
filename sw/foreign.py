"""Samples for an exported network, from any files of the loaders' formats."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ir.errors import SpikewrightError
from ir.network import Network
from sw import cifar, data, event_sets
from sw.sections import DATASETS, EVENT_SETS


def samples(
    network: Network, path: Path, split: str, format: str | None = None
) -> tuple[np.ndarray, np.ndarray, str]:
    """Return samples as they enter a network, prepared as its export says.

    Parameters
    ----------
    network : Network
        Its ``preprocessing`` says how raw pixels enter; where it says nothing, they enter as they
        are.
    path : Path
        Folder of the files, or ``digits``.
    split : str
        ``train`` or ``test``; the files of the other one may be missing.
    format : str, optional
        Data set whose file format is read. Without it, the one that the export names if its files
        lie in ``path``, else the first whose files do.

    Returns
    -------
    images : unsigned integers (count, channels, height, width), or (count, T, ...) where they move
    labels : int64 (count,)
    format : str

    Raises
    ------
    SpikewrightError
        If no known files lie there or they are damaged, or samples do not fit the network.
    """
    known, entry = network.preprocessing, network.input
    recorded = str(known.get("dataset", ""))
    folder = path / recorded if recorded and (path / recorded).is_dir() else path
    chosen = format or _format(folder, recorded)
    if chosen not in DATASETS:
        raise SpikewrightError(f"Format is {chosen!r:.40}; allowed are {', '.join(DATASETS)}.")
    if entry.moving and chosen not in EVENT_SETS:
        raise SpikewrightError(
            f"Data in {path} are still images in the format of {chosen}; the export takes a frame "
            f"per time step, of {', '.join(EVENT_SETS)}."
        )
    frames = str(known.get("frames", "count")) if entry.moving else None
    place = None if chosen == data.EMBEDDED else folder
    images, labels = data.read(chosen, place, split, network.steps, frames)
    wanted, shift = _preparation(network)
    if images.shape[-3:] != wanted:
        raise SpikewrightError(
            f"Data in {path} are {_times(images.shape[-3:])}; the export takes {_times(wanted)}."
        )
    classes = network.readout.weight.shape[0]
    if labels.max() >= classes:
        raise SpikewrightError(
            f"Data in {path} have label {labels.max()}; the export knows 0..{classes - 1}."
        )
    images = images >> shift
    if images.max() > entry.high:
        raise SpikewrightError(
            f"Data in {path} have values up to {images.max()} after a shift by {shift}; the export "
            f"takes 0..{entry.high}."
        )
    return images.reshape(*images.shape[:-3], *entry.shape), labels, chosen


def _format(folder: Path, recorded: str) -> str:
    """Return the data set whose files lie in a folder; the recorded one where several do."""
    if str(folder) == data.EMBEDDED and not folder.exists():
        return data.EMBEDDED
    if not folder.is_dir():
        raise SpikewrightError(f"Data {folder} is no folder; allowed are folders and digits.")
    found = [name for name, there in _FILES.items() if there(folder)]
    if not found:
        raise SpikewrightError(
            f"Folder {folder} holds no files of the known formats, {', '.join(_FILES)}."
        )
    return recorded if recorded in found else found[0]


def _any(*patterns: str) -> Callable[[Path], bool]:
    return lambda folder: any(next(folder.glob(pattern), None) for pattern in patterns)


_IDX_FILES = _any("*-images-idx3-ubyte", "*-images-idx3-ubyte.gz")
_LISTED = event_sets.LABELS
_FILES: Mapping[str, Callable[[Path], bool]] = {
    **dict.fromkeys(data.IDX, _IDX_FILES),
    "cifar10": _any(*cifar.TEST, *cifar.TRAIN, f"{cifar.FOLDER}/*.bin"),
    "nmnist": _any("Test/0", "Train/0", _LISTED),
    "dvs128_gesture": _any("trials_to_*.txt", _LISTED),
    "cifar10_dvs": _any("*/*.aedat", _LISTED),
    "ncaltech101": _any("Caltech101", "*/*.bin", _LISTED),
}
"""Whether files in the format of a data set lie in a folder."""


def _preparation(network: Network) -> tuple[tuple[int, ...], int]:
    """Return (shape of a raw sample, bits that pixels are shifted right by) of an export."""
    entry, known = network.input, network.preprocessing
    text, shift = known.get("raw_shape", _times(entry.shape, "x")), known.get("shift_right", 0)
    sizes = str(text).split("x")
    shape = tuple(int(size) for size in sizes if size.isdecimal() and len(size) < 6)
    if len(sizes) != 3 or len(shape) != 3 or math.prod(shape) != math.prod(entry.shape):
        raise SpikewrightError(
            f"Export has raw_shape {text!r:.40}; allowed are three sizes of as many pixels as its "
            f"input has, {_times(entry.shape)}."
        )
    if not isinstance(shift, int) or not 0 <= shift < 16:
        raise SpikewrightError(f"Export has shift_right {shift!r:.40}; allowed are 0..15.")
    return shape, shift


def _times(shape: Sequence[int], sign: str = " x ") -> str:
    return sign.join(map(str, shape))
