"""Data sets of event cameras: from the folders in which they are published to frames."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ir.errors import SpikewrightError
from ir.strict import read_text
from sw import events
from sw.events import Events
from sw.sections import DATASETS

LABELS = "labels.tsv"
"""Table of a folder of samples: columns ``label``, ``file`` and maybe ``n_mnist_split``."""


@dataclass(frozen=True)
class EventSet:
    """A data set of recordings.

    Parameters
    ----------
    height, width : int
        Of the sensor [pixel].
    first_label : int
        Label of the first class in ``labels.tsv``.
    samples : callable
        From a folder, and whether learned samples are asked for or those held back, to recordings
        with label, in a fixed order.
    """

    height: int
    width: int
    first_label: int
    samples: Callable[[Path, bool], Iterator[tuple[Events, int]]]


@dataclass(frozen=True)
class Frames:
    """Frames and labels, learned and held back.

    Parameters
    ----------
    train_frames, test_frames : uint8 (count, steps, 2, height, width)
        Event counts, 0..:data:`sw.events.COUNT_HIGH`; darker first.
    train_labels, test_labels : int64 (count,)
    """

    train_frames: np.ndarray
    train_labels: np.ndarray
    test_frames: np.ndarray
    test_labels: np.ndarray


def load(name: str, folder: Path, steps: int, by: str) -> Frames:
    """Return a data set of event cameras as frames.

    Parameters
    ----------
    name : str
        One of :data:`SETS`.
    folder : Path
        As published, or with 40-bit files and ``labels.tsv``. Where no split is published, the last
        tenth of each class is held back.
    steps : int
        Frames of each recording.
    by : str
        ``count`` or ``time``, as for :func:`sw.events.frames`.

    Raises
    ------
    SpikewrightError
        If a file is missing or damaged, or one side of the split is empty.
    """
    return Frames(
        *part(name, folder, steps, by, learned=True), *part(name, folder, steps, by, learned=False)
    )


def part(
    name: str, folder: Path, steps: int, by: str, *, learned: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return frames and labels of one side of the split, as :func:`load` has them.

    Raises
    ------
    SpikewrightError
        If a file is missing or damaged, or the side is empty.
    """
    kind = SETS[name]
    if (folder / LABELS).is_file():
        found = _listed(folder, kind.first_label, learned)
    else:
        found = kind.samples(folder, learned)
    images, labels = [], []
    for recording, label in found:
        if not 0 <= label < DATASETS[name]:
            raise SpikewrightError(
                f"Dataset {name} has label {label}; allowed are 0..{DATASETS[name] - 1}."
            )
        images.append(events.frames(recording, steps, by, kind.height, kind.width))
        labels.append(label)
    if not images:
        noun = "training" if learned else "test"
        raise SpikewrightError(f"Dataset {name} has no {noun} samples in {folder}.")
    return np.stack(images), np.array(labels, dtype=np.int64)


def _listed(folder: Path, first_label: int, learned: bool) -> Iterator[tuple[Events, int]]:
    """Yield the 40-bit files that ``labels.tsv`` lists for one side."""
    table = _table(folder / LABELS, "\t")
    head = table[0] if table else []
    rows = []
    for row in table[1:]:
        entry = dict(zip(head, row, strict=False))
        try:
            label, file = int(entry["label"]) - first_label, entry["file"]
        except (KeyError, ValueError):
            raise SpikewrightError(
                f"File {folder / LABELS} lacks a column label of numbers or a column file."
            ) from None
        rows.append((_beside(folder / LABELS, file), label, entry.get("n_mnist_split")))
    split = [part == "train" for _, _, part in rows]
    if any(part is None for _, _, part in rows):
        split = _tenths([label for _, label, _ in rows])
    for (path, label, _), side in zip(rows, split, strict=True):
        if side == learned:
            yield events.read_bin40(path), label


def _nmnist(folder: Path, learned: bool) -> Iterator[tuple[Events, int]]:
    """Yield ``Train/<digit>/<id>.bin`` or ``Test/<digit>/<id>.bin``."""
    for label in range(10):
        for path in _files(folder / ("Train" if learned else "Test") / str(label), "*.bin"):
            yield events.read_bin40(path), label


def _gesture(folder: Path, learned: bool) -> Iterator[tuple[Events, int]]:
    """Yield the trials that ``trials_to_train.txt`` or ``trials_to_test.txt`` names.

    Beside ``userNN_light.aedat`` lies ``userNN_light_labels.csv``: class, begin and end [us].
    """
    side = "train" if learned else "test"
    trials = folder / f"trials_to_{side}.txt"
    for name in read_text(trials).split():
        path = _beside(trials, name)
        recording = events.read_aedat3(path)
        table = path.with_name(f"{path.stem}_labels.csv")
        for row in _table(table, ","):
            if row[:1] == ["class"]:
                continue
            try:
                label, begin, end = map(int, row)
            except ValueError:
                raise SpikewrightError(
                    f"File {table} holds {','.join(row)!r:.60}; allowed are class, begin, end."
                ) from None
            yield recording.between(begin, end), label - 1


def _table(path: Path, delimiter: str) -> list[list[str]]:
    """Return the rows of a table that are not empty."""
    try:
        rows = list(csv.reader(io.StringIO(read_text(path)), delimiter=delimiter))
    except csv.Error as error:
        raise SpikewrightError(f"File {path} is no table: {error}.") from None
    return [row for row in rows if row]


def _beside(listing: Path, name: str) -> Path:
    """Return the path of a file that a listing names, in the same folder."""
    if not name.isprintable() or name in ("", "..") or Path(name).name != name:
        raise SpikewrightError(f"File {listing} names {name!r:.60}, no file beside it.")
    return listing.with_name(name)


def _cifar10_dvs(folder: Path, learned: bool) -> Iterator[tuple[Events, int]]:
    """Yield ``<class>/cifar10_<class>_<n>.aedat``."""
    yield from _by_class(folder, "*.aedat", events.read_aedat2, learned)


def _ncaltech101(folder: Path, learned: bool) -> Iterator[tuple[Events, int]]:
    """Yield ``Caltech101/<class>/image_<n>.bin``, with or without the outer folder."""
    inner = folder / "Caltech101"
    yield from _by_class(inner if inner.is_dir() else folder, "*.bin", events.read_bin40, learned)


def _by_class(
    folder: Path, pattern: str, read: Callable[[Path], Events], learned: bool
) -> Iterator[tuple[Events, int]]:
    """Yield the files of folders that are named like classes, classes in order of their names."""
    for label, place in enumerate(sorted(p for p in folder.glob("*") if p.is_dir())):
        paths = _files(place, pattern)
        for path, side in zip(paths, _tenths([0] * len(paths)), strict=True):
            if side == learned:
                yield read(path), label


def _files(folder: Path, pattern: str) -> list[Path]:
    """Return the files of a folder, by number where their names hold one."""
    found = sorted(folder.glob(pattern), key=lambda path: (_numbers(path.stem), path.name))
    if not found:
        raise SpikewrightError(f"Folder {folder} holds no {pattern}.")
    return found


def _numbers(name: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", name)]


def _tenths(labels: list[int]) -> list[bool]:
    """Return which samples are learned: of each label all but the last tenth, rounded up."""
    left = {label: -(-labels.count(label) // 10) for label in set(labels)}
    learned = []
    for label in reversed(labels):
        learned.append(left[label] == 0)
        left[label] = max(0, left[label] - 1)
    return learned[::-1]


SETS = {
    "nmnist": EventSet(34, 34, 0, _nmnist),
    "dvs128_gesture": EventSet(128, 128, 1, _gesture),
    "cifar10_dvs": EventSet(128, 128, 0, _cifar10_dvs),
    "ncaltech101": EventSet(180, 240, 0, _ncaltech101),
}
"""Data sets of event cameras by name."""
