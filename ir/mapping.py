"""Where Yosys puts a memory: block RAM, LUT RAM or logic, and how much of it that takes.

Yosys weighs costs that its libraries state; the same comparison is made here, so that fold solver
and cost model know without synthesis what a memory takes.

Source
------
Yosys ``memory_libmap`` and the libraries ``brams*.txt`` and ``lutrams*.txt`` of each fabric.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

_WIDE = {1: 16384, 2: 8192, 4: 4096, 9: 2048, 18: 1024, 36: 512}
_BLOCKS: Mapping[str, Mapping[int, int]] = {
    "ecp5": _WIDE,
    "ice40": {2: 2048, 4: 1024, 8: 512, 16: 256},
    "gowin": _WIDE,
    "xc7": _WIDE,
}
_BLOCK_COST = {"ecp5": 128, "ice40": 64, "gowin": 128, "xc7": 129}
_SMALL = {"ecp5": ((4, 16, 1),), "gowin": ((4, 16, 1),), "xc7": ((6, 32, 4), (3, 64, 4))}
"""LUT RAM shapes: width, depth, and how much ``lut_ram`` one takes."""
_SMALL_COST = {"ecp5": 4, "gowin": 4, "xc7": 8}
_EMULATION = {"ice40": 16}
"""What a memory that is written costs more in block RAM, for it cannot hold its output."""
_ROM_BIT = 1 / 16
ROM_BLOCK_BITS = 1024
"""Size [bit] from which on a read-only memory asks for block RAM."""
_MULTIPLEXER = 0.5


@dataclass(frozen=True)
class Mapped:
    """What a memory takes; the rest of its cost is logic.

    Parameters
    ----------
    block_ram, lut_ram : int
        In the units in which the fabric counts them.
    logic_bits : int
        Bits that become LUTs (of a ROM) or flip-flops (of a memory that is written).
    selected_bits : int
        Inputs of the multiplexers that choose between memories of which each is too shallow.
    muxed_bits : int
        Flip-flops of a memory that is written beyond its first word, which alone needs no
        multiplexer.
    """

    block_ram: int = 0
    lut_ram: int = 0
    logic_bits: int = 0
    selected_bits: int = 0
    muxed_bits: int = 0


NOWHERE = Mapped()
"""No memory."""


def block(fabric: str) -> tuple[int, int]:
    """Return width [bit] and depth [word] of one block RAM at its widest.

    Examples
    --------
    >>> block("ecp5"), block("ice40")
    ((36, 512), (16, 256))
    """
    return max(_BLOCKS[fabric].items())


@cache
def place(fabric: str, depth: int, width: int, *, rom: bool, synchronous: bool) -> Mapped:
    """Return where a memory with one port to read (and one to write, unless ``rom``) goes.

    Examples
    --------
    >>> place("ecp5", 512, 36, rom=True, synchronous=True)
    Mapped(block_ram=1, lut_ram=0, logic_bits=0, selected_bits=0, muxed_bits=0)
    >>> place("ecp5", 128, 8, rom=True, synchronous=True).block_ram
    1
    >>> place("xc7", 20, 5, rom=False, synchronous=False)
    Mapped(block_ram=0, lut_ram=4, logic_bits=0, selected_bits=0, muxed_bits=0)
    """
    if not depth or not width:
        return NOWHERE
    bits = depth * width
    found: list[tuple[float, Mapped]] = []
    if not (rom and synchronous and bits >= ROM_BLOCK_BITS):
        muxed = 0 if rom else bits - width
        found.append((bits * (_ROM_BIT if rom else 1), Mapped(0, 0, bits, 0, muxed)))
    if synchronous:
        emulated = 0 if rom else _EMULATION.get(fabric, 0)
        for w, d in _BLOCKS[fabric].items():
            rows, blocks = -(-depth // d), -(-depth // d) * -(-width // w)
            cost = blocks * _BLOCK_COST[fabric] + emulated + _selection(width, rows, rom)
            found.append((cost, Mapped(blocks, selected_bits=width * (rows - 1))))
    if not rom:
        for w, d, size in _SMALL.get(fabric, ()):
            rows, columns = -(-depth // d), -(-width // w)
            cost = rows * _SMALL_COST[fabric] * max(width, 1) / w
            cost += _selection(width, rows, rom)
            selected = width * (rows - 1)
            found.append((cost, Mapped(0, rows * columns * size, 0, selected)))
    return min(found, key=lambda each: each[0])[1]


def _selection(width: int, rows: int, rom: bool) -> float:
    """Return what choosing one of ``rows`` memories costs, at reading and at writing."""
    return _MULTIPLEXER * (width * (rows - 1) + (0 if rom else rows))
