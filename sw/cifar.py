"""Reader of CIFAR-10 in its binary version."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ir.errors import SpikewrightError

FOLDER = "cifar-10-batches-bin"
TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST = ("test_batch.bin",)
_SHAPE = (3, 32, 32)
_RECORD = 1 + 3 * 32 * 32
_MAX_RECORDS = 10_000


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return (images uint8 (count, 3, 32, 32), labels int64 (count,)) of one batch file.

    Raises
    ------
    SpikewrightError
        If the file cannot be read, ends within a record, or holds a label beyond 9.

    Source
    ------
    Krizhevsky, "The CIFAR-10 dataset", binary version: a byte of label, then 1,024 bytes each of
    red, green and blue, row by row.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(_RECORD * _MAX_RECORDS + 1)
    except OSError as error:
        raise SpikewrightError(f"File {path} cannot be read: {error.strerror}.") from error
    if not content or len(content) % _RECORD:
        raise SpikewrightError(
            f"File {path} holds {len(content)} bytes or more; allowed are 1..{_MAX_RECORDS} "
            f"records of {_RECORD} bytes."
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, _RECORD)
    labels = records[:, 0].astype(np.int64)
    if labels.max() > 9:
        raise SpikewrightError(f"File {path} holds label {labels.max()}; allowed are 0..9.")
    return records[:, 1:].reshape(-1, *_SHAPE).copy(), labels


def read_all(folder: Path, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return images and labels of several batch files in ``folder``, one after the other."""
    parts = [read(folder / name) for name in names]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
