"""Block RAM in placed designs: which bit of a memory lies where, found by its random contents.

The bitstream tools ecpbram and icebram do the same for memories whose words are as wide as the
blocks; ours are of any width, so the columns of a memory are looked for one by one. A column of
random bits that is found once, and only once, is where it is: the contents must be random and long
enough, and whoever uses this has to make them so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ir.errors import SpikewrightError

LEAST = 64
"""Words of the shortest memory whose columns can be told apart."""


@dataclass(frozen=True)
class Blocks:
    """Contents of all block RAMs of a placed design.

    Parameters
    ----------
    fabric : str
        ``ecp5`` or ``ice40``.
    names : tuple of str
        What the tool calls each.
    bits : uint8 (blocks, bits)
        0 and 1, in the order of the tool's file.
    """

    fabric: str
    names: tuple[str, ...]
    bits: np.ndarray

    @classmethod
    def read(cls, text: str, fabric: str) -> Blocks:
        """Return what the text of ecppack (``.config``) or of icepack (``.asc``) holds."""
        found = dict(_FORMATS[fabric].sections(text))
        if not found:
            return cls(fabric, (), np.zeros((0, _FORMATS[fabric].size), np.uint8))
        return cls(fabric, tuple(found), np.stack(list(found.values())))

    def write(self, text: str) -> str:
        """Return a text with these contents in place of its own."""
        return _FORMATS[self.fabric].replaced(text, dict(zip(self.names, self.bits, strict=True)))

    def find(self, name: str, words: np.ndarray) -> np.ndarray:
        """Return where every bit of a memory lies.

        Parameters
        ----------
        name : str
            Of the memory, for refusals.
        words : uint8 (depth, width)
            Its bits, the lowest of a word first; random.

        Returns
        -------
        int64 (depth, width)
            Index into ``bits``, flattened.

        Raises
        ------
        SpikewrightError
            If a column is found nowhere, or more than once.
        """
        best = None
        for cut, view in _FORMATS[self.fabric].shapes:
            places = self._columns(words, cut, view)
            if all(len(each) == 1 for each in places.values()):
                found = np.empty(words.shape, np.int64)
                for (start, column), each in places.items():
                    rows = np.arange(min(cut, len(words) - start))
                    found[start : start + len(rows), column] = each[0][0] + each[0][1][rows]
                return found
            wrong = sum(len(each) != 1 for each in places.values())
            best = wrong if best is None else min(best, wrong)
        raise SpikewrightError(
            f"Memory {name} has {best} columns that are not found once in the block RAM of the "
            f"placed design; allowed are memories that lie there as they were made."
        )

    def _columns(
        self, words: np.ndarray, cut: int, view: np.ndarray
    ) -> dict[tuple[int, int], list[tuple[int, np.ndarray]]]:
        """Return (block's first bit, offsets of words) of each column of each ``cut`` words."""
        known: dict[tuple[int, bytes], list[tuple[int, np.ndarray]]] = {}
        size = self.bits.shape[1]
        lengths = {min(cut, len(words) - start) for start in range(0, len(words), cut)}
        for block, own in enumerate(self.bits):
            table = own[view]  # (words, columns)
            for length in lengths:
                for column in range(view.shape[1]):
                    key = (length, table[:length, column].tobytes())
                    known.setdefault(key, []).append((block * size, view[:, column]))
        found = {}
        for start in range(0, len(words), cut):
            part = words[start : start + cut]
            for column in range(words.shape[1]):
                key = (len(part), np.ascontiguousarray(part[:, column]).tobytes())
                found[start, column] = known.get(key, [])
        return found


@dataclass(frozen=True)
class _Format:
    """How a tool writes block RAM.

    ``shapes`` are (words, view): as many words lie together in a block, those of one column at the
    bits that a column of the view lists.
    """

    size: int
    pattern: re.Pattern[str]
    decode: Callable[[str], np.ndarray]
    encode: Callable[[np.ndarray], str]
    shapes: tuple[tuple[int, np.ndarray], ...]

    def sections(self, text: str) -> Iterator[tuple[str, np.ndarray]]:
        for found in self.pattern.finditer(text):
            yield found[1], self.decode(found[2])

    def replaced(self, text: str, contents: Mapping[str, np.ndarray]) -> str:
        return self.pattern.sub(
            lambda found: found[0].replace(found[2], self.encode(contents[found[1]])), text
        )


def _lattice_decode(body: str) -> np.ndarray:
    """Return 2048 words of 9 bits, three hexadecimal digits each."""
    words = np.array([int(word, 16) for word in body.split()], np.uint16)
    return (words[:, None] >> np.arange(9) & 1).astype(np.uint8).reshape(-1)


def _lattice_encode(bits: np.ndarray) -> str:
    words = bits.reshape(-1, 9).astype(int) @ (1 << np.arange(9))
    lines = words.reshape(-1, 8)
    return "".join(" ".join(f"{word:03x}" for word in line) + "\n" for line in lines)


def _icestorm_decode(body: str) -> np.ndarray:
    """Return 16 rows of 256 bits, hexadecimal, the highest first."""
    rows = [int(row, 16).to_bytes(32, "little") for row in body.split()]
    return np.unpackbits(np.frombuffer(b"".join(rows), np.uint8), bitorder="little")


def _icestorm_encode(bits: np.ndarray) -> str:
    rows = np.packbits(bits.reshape(16, 256), axis=1, bitorder="little")
    return "".join(f"{int.from_bytes(row.tobytes(), 'little'):064x}\n" for row in rows)


def _lattice_shapes() -> Iterator[tuple[int, np.ndarray]]:
    """Words of 36, 18 and 9 bits; narrower ones leave out the ninth bit of nine."""
    every = np.arange(18432)
    eight = every.reshape(2048, 9)[:, :8].reshape(-1)
    for width, bits in ((36, every), (18, every), (9, every), (4, eight), (2, eight), (1, eight)):
        yield len(bits) // width, bits.reshape(-1, width)


def _icestorm_shapes() -> Iterator[tuple[int, np.ndarray]]:
    """256 rows of 16 bits; of narrower words the lowest bits of an address, turned, choose."""
    rows = 16 * np.arange(256)
    for low in range(4):
        across = 1 << low
        turned = [int(f"{k:0{low}b}"[::-1], 2) if low else 0 for k in range(across)]
        columns = across * np.arange(16 // across) + np.array(turned)[:, None]
        view = rows[:, None, None] + columns
        yield 256 * across, view.reshape(256 * across, -1)


_FORMATS = {
    "ecp5": _Format(
        18432,
        re.compile(r"^\.bram_init (\d+)\n((?:(?:[0-9a-f]{3} ?)+\n){256})", re.MULTILINE),
        _lattice_decode,
        _lattice_encode,
        tuple(_lattice_shapes()),
    ),
    "ice40": _Format(
        4096,
        re.compile(r"^\.ram_data (\d+ \d+)\n((?:[0-9a-f]{64}\n){16})", re.MULTILINE),
        _icestorm_decode,
        _icestorm_encode,
        tuple(_icestorm_shapes()),
    ),
}
