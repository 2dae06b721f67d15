"""Event-camera recordings: readers of three file formats, and frames of event counts."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ir.errors import SpikewrightError

MAX_BYTES = 1 << 30
COUNT_HIGH = 15
"""Largest event count of a pixel; more events saturate."""

_OVERFLOW_ROW, _OVERFLOW = 240, 1 << 13
_PACKET = struct.Struct("<hhiiiiii")
_POLARITY_EVENT = 1


@dataclass(frozen=True)
class Events:
    """Events of one recording, in order of time.

    Parameters
    ----------
    x, y : int64 (count,)
        Column and row [pixel].
    p : int64 (count,)
        1 where it became brighter, 0 where darker.
    t : int64 (count,)
        Time [us].
    """

    x: np.ndarray
    y: np.ndarray
    p: np.ndarray
    t: np.ndarray

    def __len__(self) -> int:
        return len(self.t)

    def between(self, begin: int, end: int) -> Events:
        """Return the events of ``begin <= t < end`` [us]."""
        first, last = np.searchsorted(self.t, [begin, end])
        return self._taken(slice(first, last))

    def _taken(self, which: slice | np.ndarray) -> Events:
        return Events(self.x[which], self.y[which], self.p[which], self.t[which])

    def in_order(self) -> Events:
        """Return the same events sorted by time; equal times keep their order."""
        return self._taken(np.argsort(self.t, kind="stable"))


def read_bin40(path: Path) -> Events:
    """Return the events of a file of 40-bit records, as N-MNIST and N-Caltech101 have them.

    Raises
    ------
    SpikewrightError
        If the file cannot be read or ends within a record.

    Source
    ------
    Orchard et al., "Converting static image datasets to spiking neuromorphic datasets using
    saccades", 2015: x, y, then polarity above 23 bits of time [us], big endian; a record in row 240
    is no event but moves all times behind it by 2^13 us.
    """
    content = _content(path)
    if len(content) % 5:
        raise SpikewrightError(
            f"File {path} holds {len(content)} bytes; allowed are multiples of 5, one per event."
        )
    raw = np.frombuffer(content, np.uint8).reshape(-1, 5).astype(np.int64)
    x, y, p = raw[:, 0], raw[:, 1], raw[:, 2] >> 7
    t = (raw[:, 2] & 127) << 16 | raw[:, 3] << 8 | raw[:, 4]
    overflow = y == _OVERFLOW_ROW
    t = t + np.cumsum(overflow) * _OVERFLOW
    return Events(x, y, p, t)._taken(~overflow).in_order()


def read_aedat2(path: Path) -> Events:
    """Return the events of an AEDAT 2 file of a 128 x 128 sensor, turned as CIFAR10-DVS is.

    Raises
    ------
    SpikewrightError
        If the file cannot be read, has no header, or ends within a record.

    Source
    ------
    iniVation, "AEDAT 2.0": lines that begin with #, then big-endian pairs of address and time [us].
    DVS128 address: polarity (1: darker) in bit 0, x in bits 1..7, y in bits 8..14. CIFAR10-DVS (Li
    et al. 2017) is read transposed and mirrored, as SpikingJelly does.
    """
    content = _content(path)
    begin = _header_end(content, path, b"#!AER-DAT2.0")
    if (len(content) - begin) % 8:
        raise SpikewrightError(
            f"File {path} holds {len(content) - begin} bytes behind its header; allowed are "
            f"multiples of 8, one per event."
        )
    address, t = np.frombuffer(content, ">u4", offset=begin).reshape(-1, 2).T.astype(np.int64)
    x, y = 127 - (address >> 8 & 127), 127 - (address >> 1 & 127)
    return Events(x, y, 1 - (address & 1), t).in_order()


def read_aedat3(path: Path) -> Events:
    """Return the polarity events of an AEDAT 3.1 file, as DVS128 Gesture has them.

    Raises
    ------
    SpikewrightError
        If the file cannot be read, has no header, or a packet is damaged.

    Source
    ------
    iniVation, "AEDAT 3.1": lines that begin with #, then packets: 28 bytes (type, source, size,
    time offset, time overflow, capacity, number, valid), little endian, and ``capacity`` events. A
    polarity event: bit 0 valid, bit 1 polarity, bits 2..16 y, bits 17..31 x, then time [us].
    """
    content = _content(path)
    place = _header_end(content, path, b"#!AER-DAT3.1")
    words, times = [], []
    while place < len(content):
        if len(content) - place < _PACKET.size:
            raise SpikewrightError(f"File {path} ends within the header of a packet.")
        kind, _, size, _, overflow, capacity, number, _ = _PACKET.unpack_from(content, place)
        place += _PACKET.size
        if size < 8 or size % 4 or not 0 <= number <= capacity or overflow < 0:
            raise SpikewrightError(
                f"File {path} has a packet of {number} of {capacity} events of {size} bytes."
            )
        end = place + size * capacity
        if end > len(content):
            raise SpikewrightError(f"File {path} ends within a packet.")
        if kind == _POLARITY_EVENT:
            packet = np.frombuffer(content, "<u4", number * size // 4, place)
            packet = packet.reshape(number, size // 4)
            words.append(packet[:, 0].astype(np.int64))
            times.append(packet[:, 1].astype(np.int64) | overflow << 31)
        place = end
    empty = np.zeros(0, np.int64)
    word, t = np.concatenate([empty, *words]), np.concatenate([empty, *times])
    found = Events(word >> 17 & 0x7FFF, word >> 2 & 0x7FFF, word >> 1 & 1, t)
    return found._taken((word & 1).astype(bool)).in_order()


def frames(events: Events, steps: int, by: str, height: int, width: int) -> np.ndarray:
    """Return how often each pixel became darker and brighter in each of ``steps`` frames.

    Parameters
    ----------
    by : str
        ``count``: as many events in every frame; ``time``: frames of equal length. The last frame
        takes what is left over.

    Returns
    -------
    uint8 (steps, 2, height, width)
        Counts up to :data:`COUNT_HIGH`; darker first.

    Raises
    ------
    SpikewrightError
        If an event lies outside the sensor.

    Source
    ------
    Edges as of SpikingJelly's ``integrate_events_by_fixed_frames_number``, which refuses recordings
    with an empty frame and does not saturate.
    """
    if by not in ("count", "time"):
        raise SpikewrightError(f"Frames are made by {by!r:.40}; allowed are count and time.")
    if len(events) and not (
        0 <= events.x.min() <= events.x.max() < width
        and 0 <= events.y.min() <= events.y.max() < height
    ):
        raise SpikewrightError(
            f"Events reach column {events.x.max()} and row {events.y.max()}; the sensor has "
            f"{width} x {height} pixels."
        )
    inner = np.arange(1, steps)
    if by == "count":
        edges = inner * (len(events) // steps)
    else:
        begin, end = (events.t[0], events.t[-1]) if len(events) else (0, 0)
        edges = np.searchsorted(events.t, begin + inner * ((end - begin) // steps))
    frame = np.searchsorted(edges, np.arange(len(events)), side="right")
    pixel = ((frame * 2 + events.p) * height + events.y) * width + events.x
    counts = np.bincount(pixel, minlength=steps * 2 * height * width)
    return counts.clip(max=COUNT_HIGH).astype(np.uint8).reshape(steps, 2, height, width)


def _content(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SpikewrightError(f"File {path} cannot be read: {error.strerror}.") from error
    if len(content) > MAX_BYTES:
        raise SpikewrightError(f"File {path} is longer than the allowed {MAX_BYTES} bytes.")
    return content


def _header_end(content: bytes, path: Path, first: bytes) -> int:
    """Return where the lines that begin with # end."""
    if not content.startswith(first):
        raise SpikewrightError(f"File {path} does not begin with {first.decode()}.")
    place = 0
    while content[place : place + 1] == b"#":
        end = content.find(b"\n", place)
        if end < 0:
            raise SpikewrightError(f"File {path} ends within its header.")
        line, place = content[place:end].strip(), end + 1
        if line == b"#!END-HEADER":
            break
    return place
