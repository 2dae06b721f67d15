"""Memory images: weights, thresholds and biases as the words that ``$readmemh`` loads.

Each image is one memory; a word is packed from equal *lanes*, and each lane from *fields*, lowest
bits first. Packing refuses what does not fit, unpacking refuses what packing cannot have written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ir.errors import SpikewrightError
from ir.layers import LIF, Readout, ShiftAdd, Synapse
from ir.network import Network
from ir.plan import Align, Neurons, Plan, Station
from ir.plan import Synapse as SynapseStation
from ir.readout import Classify
from ir.tile import Tile
from ir.types import IntType


@dataclass(frozen=True)
class Image:
    """Content of one memory.

    Parameters
    ----------
    station : str
        Name of the station that reads it.
    width : int
        Word width [bit].
    words : tuple of int
        One unsigned integer per address.
    """

    station: str
    width: int
    words: tuple[int, ...]

    @property
    def name(self) -> str:
        """File name beside the Verilog."""
        return f"{self.station.replace('.', '_')}.mem"

    @property
    def digits(self) -> int:
        """Hexadecimal digits per word."""
        return -(-self.width // 4)

    def guarded(self) -> Image:
        """Return the image with parity: a bit above each word makes its ones even.

        Examples
        --------
        >>> Image("q", 3, (0b100, 0b110)).guarded().words
        (12, 6)
        """
        words = tuple(parity(word, self.width) for word in self.words)
        return replace(self, width=self.width + 1, words=words)

    def text(self) -> str:
        """Return the ``$readmemh`` text: one word a line, address 0 first.

        Examples
        --------
        >>> Image("q", 12, (0x2F1, 5)).text()
        '2f1\\n005\\n'
        """
        return "".join(f"{word:0{self.digits}x}\n" for word in self.words)

    @classmethod
    def parse(cls, station: str, width: int, depth: int, text: str) -> Image:
        """Return the image in a ``$readmemh`` text written by :meth:`text`.

        Raises
        ------
        SpikewrightError
            If the text is not exactly what :meth:`text` writes for some content.
        """
        lines = text.split("\n")
        digits = -(-width // 4)
        hexadecimal = set("0123456789abcdef")
        if len(lines) != depth + 1 or lines[-1] != "":
            raise SpikewrightError(
                f"Image of {station} has {len(lines) - 1} words; allowed are {depth}."
            )
        words = []
        for address, line in enumerate(lines[:-1]):
            if len(line) != digits or not set(line) <= hexadecimal or int(line, 16) >> width:
                raise SpikewrightError(
                    f"Image of {station} has {line[:40]!r} at address {address}; allowed are "
                    f"{digits} hexadecimal digits below 2^{width}."
                )
            words.append(int(line, 16))
        return cls(station, width, tuple(words))


def parity(word: int, width: int) -> int:
    """Return a word of ``width`` bits with a bit above it that makes the number of ones even."""
    return word | (word.bit_count() & 1) << width


def pack(values: Sequence[int], fields: Sequence[IntType]) -> int:
    """Pack integers into one word; the first takes the lowest bits.

    Raises
    ------
    SpikewrightError
        If a value is outside its field.

    Examples
    --------
    >>> nibble = IntType.of_width(4, signed=True)
    >>> hex(pack([1, -1, 2], [nibble] * 3))
    '0x2f1'
    """
    word = shift = 0
    for lane, (value, field) in enumerate(zip(values, fields, strict=True)):
        if not field.low <= value <= field.high:
            raise SpikewrightError(
                f"Lane {lane} holds {value}; allowed are {field.low}..{field.high}."
            )
        word |= (int(value) & ((1 << field.width) - 1)) << shift
        shift += field.width
    return word


def unpack(word: int, fields: Sequence[IntType]) -> list[int]:
    """Return the integers of one word; inverse of :func:`pack`.

    Examples
    --------
    >>> unpack(0x2F1, [IntType.of_width(4, signed=True)] * 3)
    [1, -1, 2]
    """
    values = []
    for field in fields:
        value = word & ((1 << field.width) - 1)
        if field.signed and value >> (field.width - 1):
            value -= 1 << field.width
        values.append(value)
        word >>= field.width
    return values


def layout(station: Station) -> tuple[int, list[IntType]] | None:
    """Return (depth, fields of a word) of the station's memory image, or None if it has none."""
    if isinstance(station, SynapseStation):
        code = IntType.of_width(station.scheme.bits, signed=False)
        return station.neuron_fold * station.synapse_fold, [code] * (station.pe * station.simd)
    if isinstance(station, Tile):
        lanes = station.tables.word_width // station.scheme.bits
        code = IntType.of_width(station.scheme.bits, signed=False)
        return station.passes * station.tables.words, [code] * lanes
    if isinstance(station, Neurons):
        return station.groups, [station.threshold, station.bias] * station.o.lanes
    if isinstance(station, Align):
        return station.groups, [station.shift] * (2 * station.o.lanes)
    if isinstance(station, Classify):
        return station.classes, [station.bias]
    return None


def images(network: Network, plan: Plan) -> dict[str, Image]:
    """Return the memory image of every station that has one, by station name.

    Raises
    ------
    SpikewrightError
        If a value does not fit the field that the plan was built with.
    """
    found = {}
    for station in plan.stations:
        shape = layout(station)
        if shape is not None:
            depth, fields = shape
            rows = _rows(network, station).reshape(depth, len(fields))
            width = sum(field.width for field in fields)
            words = tuple(pack(row, fields) for row in rows.tolist())
            found[station.name] = Image(station.name, width, words)
    return found


def stored(image: Image, plan: Plan) -> Image:
    """Return an image as the memory holds it: with parity where the plan has it."""
    return image.guarded() if plan.parity else image


def network_image(digest: str) -> Image:
    """Return the memory of one word that says which network the others hold.

    Parameters
    ----------
    digest : str
        SHA-256 of the network, in hexadecimal digits; the first eight are kept.
    """
    return Image("registers.network", 32, (int(digest[:8], 16),))


def shapes(plan: Plan) -> dict[str, tuple[int, int]]:
    """Return (width [bit], depth) of every memory with an image as it is stored, by station name.

    The order is that of the plan; a memory's place in it is its number when it is reloaded.
    """
    found = {}
    for station in plan.stations:
        shape = layout(station)
        if shape is not None:
            depth, fields = shape
            found[station.name] = sum(field.width for field in fields) + plan.parity, depth
    return found


def restore(network: Network, plan: Plan, loaded: dict[str, Image]) -> Network:
    """Return ``network`` with the arrays that ``loaded`` images hold, as the hardware decodes them.

    Parameters
    ----------
    loaded : dict
        Image by station name, for every station that has one; codes may be damaged.
    """
    arrays: dict[str, dict[str, Any]] = {}
    for station in plan.stations:
        shape = layout(station)
        if shape is None:
            continue
        rows = np.array(
            [unpack(word, shape[1]) for word in loaded[station.name].words], dtype=np.int64
        )
        found = arrays.setdefault(station.layer, {})
        if isinstance(station, (SynapseStation, Tile)):
            layer = network[station.layer]
            assert isinstance(layer, (Synapse, Readout))
            codes = _unfold(rows, station, layer.weight.shape)
            found["weight"] = station.scheme.decode(codes).astype(layer.weight.dtype)
        elif isinstance(station, Neurons):
            found["threshold"], found["bias"] = rows.reshape(-1, 2).T.copy()
        elif isinstance(station, Align):
            found["shifts"] = np.ascontiguousarray(rows.reshape(-1, 2).T)
        else:
            found["bias"] = rows.reshape(-1)
    layers = tuple(replace(layer, **arrays.get(layer.name, {})) for layer in network.layers)
    return replace(network, layers=layers)


def _rows(network: Network, station: Station) -> np.ndarray:
    layer = network[station.layer]
    if isinstance(layer, LIF):
        return np.stack([layer.threshold, layer.bias], axis=1)
    if isinstance(layer, ShiftAdd):
        return layer.shifts.T
    if isinstance(station, Classify):
        assert isinstance(layer, Readout)
        return layer.bias
    assert isinstance(layer, (Synapse, Readout))
    assert isinstance(station, (SynapseStation, Tile))
    codes = layer.scheme.encode(layer.weight)
    taps = codes.reshape(*codes.shape[:2], -1)  # (out, in, ky kx)
    out, channels, count = taps.shape
    pe, simd = station.pe, station.simd
    folded = taps.reshape(out // pe, pe, channels // simd, simd, count)
    folded = folded.transpose(0, 4, 2, 1, 3)  # (nf, tap, group, p, s)
    if isinstance(station, Tile):
        passes = folded.reshape(station.passes, -1)
        return np.pad(passes, ((0, 0), (0, 1)))[:, station.tables.order()]  # index -1: padding
    return folded


def _unfold(rows: np.ndarray, station: SynapseStation | Tile, shape: tuple[int, ...]) -> np.ndarray:
    pe, simd = station.pe, station.simd
    if isinstance(station, Tile):
        order = station.tables.order().reshape(-1)
        passes = rows.reshape(station.passes, -1)
        rows = np.empty((station.passes, pe * simd), dtype=rows.dtype)
        rows[:, order[order >= 0]] = passes[:, order >= 0]
    out, channels = shape[:2]
    count = int(np.prod(shape[2:], dtype=int))
    folded = rows.reshape(out // pe, count, channels // simd, pe, simd)
    return folded.transpose(0, 3, 2, 4, 1).reshape(shape)
