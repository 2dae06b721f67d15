"""Reader of IDX files, the format of MNIST and its relatives."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from ir.errors import SpikewrightError

MAX_BYTES = 1 << 28


def read(path: Path) -> np.ndarray:
    """Return the unsigned bytes of an IDX file, uint8 of the shape that its header declares.

    Parameters
    ----------
    path : Path
        Plain, or compressed when its name ends in ``.gz``.

    Raises
    ------
    SpikewrightError
        If the file is missing, damaged, truncated or holds another type.

    Source
    ------
    THE MNIST DATABASE (LeCun, Cortes, Burges), "file formats": two zero bytes, type 8 for unsigned
    bytes, number of axes, then big-endian sizes and the values.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise SpikewrightError(f"File {path} cannot be read: {error}.") from None
    if len(content) > MAX_BYTES:
        raise SpikewrightError(f"File {path} is longer than the allowed {MAX_BYTES} bytes.")
    if len(content) < 4 or content[:3] != b"\0\0\x08" or not 1 <= content[3] <= 4:
        raise SpikewrightError(f"File {path} is no IDX file of unsigned bytes with 1..4 axes.")
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise SpikewrightError(f"File {path} ends within its header.")
    shape = struct.unpack(f">{content[3]}I", content[4:start])
    wanted = math.prod(shape)
    if len(content) - start != wanted:
        raise SpikewrightError(
            f"File {path} holds {len(content) - start} values; its header declares {wanted}."
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape).copy()
