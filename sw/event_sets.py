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
        From a folder to recordings with label and whether they are learned, in a fixed order.
    """

    height: int
    width: int
    first_label: int
    samples: Callable[[Path], Iterator[tuple[Events, int, bool]]]


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
    kind = SETS[name]
    listed = (folder / LABELS).is_file()
    found = _listed(folder, kind.first_label) if listed else kind.samples(folder)
    sides: dict[bool, tuple[list[np.ndarray], list[int]]] = {True: ([], []), False: ([], [])}
    for recording, label, learned in found:
        if not 0 <= label < DATASETS[name]:
            raise SpikewrightError(
                f"Dataset {name} has label {label}; allowed are 0..{DATASETS[name] - 1}."
            )
        images, labels = sides[learned]
        images.append(events.frames(recording, steps, by, kind.height, kind.width))
        labels.append(label)
    arrays = []
    for side, noun in ((True, "training"), (False, "test")):
        images, labels = sides[side]
        if not images:
            raise SpikewrightError(f"Dataset {name} has no {noun} samples in {folder}.")
        arrays += [np.stack(images), np.array(labels, dtype=np.int64)]
    return Frames(*arrays)


def _listed(folder: Path, first_label: int) -> Iterator[tuple[Events, int, bool]]:
    """Yield the 40-bit files that ``labels.tsv`` lists."""
    table = list(csv.DictReader(io.StringIO(read_text(folder / LABELS)), delimiter="\t"))
    rows = []
    for row in table:
        try:
            label, file = int(row["label"]) - first_label, row["file"]
        except (KeyError, TypeError, ValueError):
            raise SpikewrightError(
                f"File {folder / LABELS} lacks a column label of numbers or a column file."
            ) from None
        if file is None or Path(file).name != file:
            raise SpikewrightError(f"File {folder / LABELS} names {file!r:.60}, no file beside it.")
        rows.append((folder / file, label, row.get("n_mnist_split")))
    split = [part == "train" for _, _, part in rows]
    if any(part is None for _, _, part in rows):
        split = _tenths([label for _, label, _ in rows])
    for (path, label, _), learned in zip(rows, split, strict=True):
        yield events.read_bin40(path), label, learned


def _nmnist(folder: Path) -> Iterator[tuple[Events, int, bool]]:
    """Yield ``Train/<digit>/<id>.bin`` and ``Test/<digit>/<id>.bin``."""
    for side, learned in (("Train", True), ("Test", False)):
        for label in range(10):
            for path in _files(folder / side / str(label), "*.bin"):
                yield events.read_bin40(path), label, learned


def _gesture(folder: Path) -> Iterator[tuple[Events, int, bool]]:
    """Yield the trials that ``trials_to_train.txt`` and ``trials_to_test.txt`` name.

    Beside ``userNN_light.aedat`` lies ``userNN_light_labels.csv``: class, begin and end [us].
    """
    for side, learned in (("train", True), ("test", False)):
        for name in read_text(folder / f"trials_to_{side}.txt").split():
            if Path(name).name != name:
                raise SpikewrightError(f"File trials_to_{side}.txt names {name!r:.60}, no file.")
            path = folder / name
            recording = events.read_aedat3(path)
            table = path.with_name(f"{path.stem}_labels.csv")
            for row in csv.reader(io.StringIO(read_text(table))):
                if row[:1] == ["class"]:
                    continue
                try:
                    label, begin, end = map(int, row)
                except ValueError:
                    raise SpikewrightError(
                        f"File {table} holds {','.join(row)!r:.60}; allowed are class, begin, end."
                    ) from None
                yield recording.between(begin, end), label - 1, learned


def _cifar10_dvs(folder: Path) -> Iterator[tuple[Events, int, bool]]:
    """Yield ``<class>/cifar10_<class>_<n>.aedat``."""
    yield from _by_class(folder, "*.aedat", events.read_aedat2)


def _ncaltech101(folder: Path) -> Iterator[tuple[Events, int, bool]]:
    """Yield ``Caltech101/<class>/image_<n>.bin``, with or without the outer folder."""
    inner = folder / "Caltech101"
    yield from _by_class(inner if inner.is_dir() else folder, "*.bin", events.read_bin40)


def _by_class(
    folder: Path, pattern: str, read: Callable[[Path], Events]
) -> Iterator[tuple[Events, int, bool]]:
    """Yield the files of folders that are named like classes, classes in order of their names."""
    for label, place in enumerate(sorted(p for p in folder.glob("*") if p.is_dir())):
        paths = _files(place, pattern)
        for path, learned in zip(paths, _tenths([0] * len(paths)), strict=True):
            yield read(path), label, learned


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
