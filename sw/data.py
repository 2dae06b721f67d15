"""Samples: raw unsigned images with labels, in a fixed split."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ir.errors import SpikewrightError
from sw.events import COUNT_HIGH
from sw.sections import DATASETS, EVENT_SETS, Image, MlpModel, SpikformerModel

if TYPE_CHECKING:
    import torch

    from sw.config import Config

Pixels = TypeVar("Pixels", "np.ndarray", "torch.Tensor")

FOLDER_VARIABLE = "SPIKEWRIGHT_DATA"
SPLITS = ("train", "test")
EMBEDDED = "digits"
IDX = ("mnist", "fashion_mnist")
HIGHS = {
    "digits": 16,
    **dict.fromkeys((*IDX, "cifar10"), 255),
    **dict.fromkeys(EVENT_SETS, COUNT_HIGH),
}
"""Largest raw pixel of each data set."""
_HELD_BACK_DIGITS = 360
# Test files: the whole set, or its first half where only that is at hand.
_TEST_PARTS = ("t10k", "t10k-first5000")


@dataclass(frozen=True)
class Dataset:
    """Images and labels, learned and held back.

    Parameters
    ----------
    name : str
    train_images, test_images : uint8 (count, channels, height, width), or (count, T, ...)
        Raw pixels 0..high; nothing is subtracted, so that zero padding means "no ink".
    train_labels, test_labels : int64 (count,)
    high : int
        Largest pixel value of the format.
    frames : str, optional
        How recordings were cut into T frames that move; without it, images stand still.
    """

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    high: int
    frames: str | None = None

    @property
    def classes(self) -> int:
        """Number of labels."""
        return int(self.train_labels.max()) + 1

    def first(self, images: int | None) -> Dataset:
        """Return the dataset with only the first training images; with all for None.

        Raises
        ------
        SpikewrightError
            If there are fewer.
        """
        if images is not None and images > len(self.train_images):
            raise SpikewrightError(
                f"Run file key data.images is {images}; dataset {self.name} has "
                f"{len(self.train_images)} training images."
            )
        return replace(
            self, train_images=self.train_images[:images], train_labels=self.train_labels[:images]
        )

    def fold(self, index: int, of: int) -> Dataset:
        """Return the dataset with another split: part ``index`` of ``of`` of all samples held back.

        Every part has as much of each label as the others; the parts are always the same.

        Raises
        ------
        SpikewrightError
            If a label has fewer samples than there are parts.
        """
        from sklearn.model_selection import StratifiedKFold

        images = np.concatenate([self.train_images, self.test_images])
        labels = np.concatenate([self.train_labels, self.test_labels])
        least = int(np.unique(labels, return_counts=True)[1].min())
        if least < of:
            raise SpikewrightError(
                f"Run file key data.fold.of is {of}; a label of dataset {self.name} has only "
                f"{least} samples."
            )
        parts = StratifiedKFold(of, shuffle=True, random_state=0).split(images, labels)
        learned, held = list(parts)[index]
        return replace(
            self,
            train_images=images[learned],
            train_labels=labels[learned],
            test_images=images[held],
            test_labels=labels[held],
        )

    def preparation(self, model: SpikformerModel | MlpModel) -> Preparation:
        """Return how samples enter the integer network of ``model``.

        Raises
        ------
        SpikewrightError
            If the run file's image does not describe these samples.
        """
        image = model.image
        shape = (image.channels, image.height, image.width)
        shift = next((k for k in range(16) if self.high >> k == image.high), None)
        if self.train_images.shape[-3:] != shape or shift is None:
            channels, height, width = self.train_images.shape[-3:]
            raise SpikewrightError(
                f"Run file section model.image asks for {shape[0]} x {shape[1]} x {shape[2]} "
                f"values 0..{image.high}; dataset {self.name} has {channels} x {height} x "
                f"{width} values 0..{self.high}, which may be shifted right."
            )
        return Preparation(self.name, image, shift, model.input_shape, self.frames)


@dataclass(frozen=True)
class Preparation:
    """How a raw sample enters the integer network; recorded in the export directory.

    Parameters
    ----------
    dataset : str
    image : Image
        Shape of a raw sample, and largest pixel after the shift.
    shift : int
        Bits that every raw pixel is shifted right by.
    shape : tuple of int
        Channels, height and width of the network's input; pixels keep their order.
    frames : str, optional
        How recordings were cut into a frame per time step.
    """

    dataset: str
    image: Image
    shift: int
    shape: tuple[int, int, int]
    frames: str | None = None

    def apply(self, images: Pixels) -> Pixels:
        """Return raw uint8 images (count, [T,] channels, height, width) as they enter."""
        return (images >> self.shift).reshape(*images.shape[:-3], *self.shape)

    @property
    def record(self) -> dict[str, str | int]:
        """Plain values for ``network.json``."""
        raw = "x".join(map(str, (self.image.channels, self.image.height, self.image.width)))
        moving: dict[str, str | int] = {"frames": self.frames} if self.frames else {}
        return moving | {
            "dataset": self.dataset,
            "raw_shape": raw,
            "shift_right": self.shift,
            "low": 0,
            "high": self.image.high,
            "mean_subtraction": "none",
            "input_shape": "x".join(map(str, self.shape)),
        }


def of(settings: Config, folder: Path | None = None) -> Dataset:
    """Return the dataset that a run file learns: its part, its frames.

    Raises
    ------
    SpikewrightError
        As :func:`load`, or if the run file does not describe these samples.
    """
    name, frames = settings.data.name, settings.data.frames
    if frames is None:
        found = load(name, folder)
    else:
        found = _both(name, _folder(name, folder), settings.model.steps, frames)
    if (part := settings.data.fold) is not None:
        found = found.fold(part.index, part.of)
    found = found.first(settings.data.images)
    found.preparation(settings.model)
    return found


def load(name: str, folder: Path | None = None) -> Dataset:
    """Return the dataset called ``name``, images that stand still.

    Parameters
    ----------
    name : str
        ``digits`` (embedded in scikit-learn), or one of :data:`sw.sections.DATASETS`. Recordings of
        event cameras are summed into one image of counts, darker and brighter.
    folder : Path, optional
        Where the files lie, directly or in a folder called ``name``; by default the folder that the
        environment variable SPIKEWRIGHT_DATA names.

    Raises
    ------
    SpikewrightError
        If the name is unknown or a file is missing or damaged.
    """
    if name not in DATASETS:
        raise SpikewrightError(f"Dataset {name!r} is unknown; allowed are {', '.join(DATASETS)}.")
    return _both(name, None if name == EMBEDDED else _folder(name, folder), 1, None)


def read(
    name: str, folder: Path | None, split: str, steps: int = 1, frames: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return raw images and labels of one side of a data set's split, whose files alone are read.

    Parameters
    ----------
    name : str
        One of :data:`sw.sections.DATASETS`, whose file format is read.
    folder : Path, optional
        Where the files lie; None for ``digits``, which has none.
    split : str
        ``train`` or ``test``.
    steps : int
        Frames of each recording, where they move.
    frames : str, optional
        ``count`` or ``time``, as for :func:`sw.events.frames`; without it images stand still.

    Returns
    -------
    images : uint8 (count, channels, height, width), or (count, steps, ...) with ``frames``
    labels : int64 (count,)

    Raises
    ------
    SpikewrightError
        If a file is missing or damaged, or the split is unknown.
    """
    if split not in SPLITS:
        raise SpikewrightError(f"Split is {split!r:.40}; allowed are {' and '.join(SPLITS)}.")
    if folder is None:
        return _digits(split)
    if name in IDX:
        return _idx(name, folder, split)
    if name == "cifar10":
        from sw import cifar

        place = folder / cifar.FOLDER if (folder / cifar.FOLDER).is_dir() else folder
        return cifar.read_all(place, cifar.TRAIN if split == "train" else cifar.TEST)
    from sw import event_sets

    images, labels = event_sets.part(
        name, folder, steps if frames else 1, frames or "count", learned=split == "train"
    )
    return (images if frames else images[:, 0]), labels


def _both(name: str, folder: Path | None, steps: int, frames: str | None) -> Dataset:
    """Return both sides of a data set."""
    train, test = (read(name, folder, split, steps, frames) for split in SPLITS)
    if name in IDX and (train[0].shape[1:] != test[0].shape[1:] or test[1].max() > train[1].max()):
        raise SpikewrightError(f"Dataset {name} has test files that do not match its train files.")
    return Dataset(name, *train, *test, HIGHS[name], frames)


def _folder(name: str, folder: Path | None) -> Path:
    """Return the folder that holds the data set, or its folder."""
    if folder is None:
        if not os.environ.get(FOLDER_VARIABLE):
            raise SpikewrightError(
                f"Dataset {name} needs a folder; set {FOLDER_VARIABLE} to the one with its "
                f"{'IDX ' if name in IDX else ''}files."
            )
        folder = Path(os.environ[FOLDER_VARIABLE])
    return folder if name in IDX or not (folder / name).is_dir() else folder / name


def _digits(split: str) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    raw = load_digits()
    images = raw.images.astype(np.uint8)[:, None]
    labels = raw.target.astype(np.int64)
    parts = train_test_split(
        np.arange(len(labels)), test_size=_HELD_BACK_DIGITS, random_state=0, stratify=labels
    )
    part = parts[SPLITS.index(split)]
    return images[part], labels[part]


def _idx(name: str, folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    from sw import idx

    parts = ("train",) if split == "train" else _TEST_PARTS
    images = idx.read(_find(folder, name, parts, "images-idx3-ubyte"))
    labels = idx.read(_find(folder, name, parts, "labels-idx1-ubyte"))
    if images.ndim != 3 or labels.shape != images.shape[:1] or not images.size:
        raise SpikewrightError(
            f"Dataset {name} has {parts[0]} images of shape {images.shape} and labels of shape "
            f"{labels.shape}; allowed are (count, height, width) and (count,)."
        )
    return images[:, None], labels.astype(np.int64)


def _find(folder: Path, name: str, parts: tuple[str, ...], file: str) -> Path:
    for part in parts:
        for parent in (folder / name, folder):
            for suffix in ("", ".gz"):
                path = parent / f"{part}-{file}{suffix}"
                if path.is_file():
                    return path
    raise SpikewrightError(f"Dataset {name} lacks the file {parts[0]}-{file}(.gz) in {folder}.")
