"""Fabrics: how Yosys maps each of them, and what its cells count as.

A fabric's units are its own: a LUT has four inputs on ECP5, iCE40 and Gowin, six on 7-series; the
sentence :attr:`Fabric.accounting` says what is counted and goes into every result.

Everything is mapped for a clock: that of the board where there is one, and of the fabric's boards
where there is none. Without a clock ABC makes every engine as fast as it can be, at up to twice the
LUTs, and counts of one design differ by what nobody asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from boards.board import Board
from ir.errors import SpikewrightError
from ir.usage import Usage


@dataclass(frozen=True)
class Fabric:
    """A family of parts.

    Parameters
    ----------
    name : str
        ``ecp5``, ``ice40``, ``gowin`` or ``xc7``.
    command : str
        Of Yosys; maps and flattens a design as fast as can be, without its top.
    clock_hz : float
        What is mapped for [Hz], half of the period left for wires.
    cells : mapping of field of Usage to (cell type to weight)
        A type may be a pattern.
    free : tuple of str
        Patterns of cells that lie beside counted ones and cost nothing.
    counts : str
        ``cells`` and ``free`` in words.
    """

    name: str
    command: str
    clock_hz: float
    cells: Mapping[str, Mapping[str, int]]
    free: tuple[str, ...]
    counts: str

    @property
    def synth(self) -> str:
        """Yosys commands that map for the clock and flatten, without the top."""
        return f"scratchpad -set abc9.D {round(0.5e12 / self.clock_hz)}; {self.command}"

    @property
    def accounting(self) -> str:
        """What is counted, and for which clock it is mapped, in words."""
        return f"{self.counts}; mapped for {self.clock_hz / 1e6:g} MHz"

    def usage(self, cells: Mapping[str, int]) -> Usage:
        """Return the resources of mapped cells, counted by type.

        Raises
        ------
        SpikewrightError
            If a cell is neither counted nor known to cost nothing.
        """
        for cell in cells:
            if not any(fnmatchcase(cell, known) for known in (*self._known, *self.free)):
                raise SpikewrightError(
                    f"Cell {cell} is unknown on fabric {self.name}; allowed are "
                    f"{', '.join(self._known)}."
                )
        return Usage(
            **{
                field: sum(
                    count * weight
                    for cell, count in cells.items()
                    for pattern, weight in weights.items()
                    if fnmatchcase(cell, pattern)
                )
                for field, weights in self.cells.items()
            }
        )

    @property
    def _known(self) -> list[str]:
        return sorted({pattern for weights in self.cells.values() for pattern in weights})


_XC7_RAM = {
    "RAM32X1S": 1,
    "RAM64X1S": 1,
    "RAM128X1S": 2,
    "RAM256X1S": 4,
    "RAM32X1D": 2,
    "RAM64X1D": 2,
    "RAM128X1D": 4,
    "RAM32M": 4,
    "RAM64M": 4,
    "SRL16E": 1,
    "SRLC32E": 1,
}

FABRICS = {
    fabric.name: fabric
    for fabric in (
        Fabric(
            "ecp5",
            "synth_ecp5",
            25e6,
            {
                "lut": {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6},
                "ff": {"TRELLIS_FF": 1},
                "carry": {"CCU2C": 1},
                "block_ram": {"DP16KD": 1, "PDPW16KD": 1},
                "lut_ram": {"TRELLIS_DPR16X4": 1},
                "dsp": {"MULT18X18D": 1, "ALU54B": 1},
            },
            ("PFUMX", "L6MUX21", "$scopeinfo"),
            "lut = LUT4 + 2 x CCU2C + 6 x TRELLIS_DPR16X4 (three slices each); PFUMX and L6MUX21 "
            "lie in the slices of their LUTs and cost none; carry = CCU2C; block_ram = DP16KD; "
            "lut_ram = TRELLIS_DPR16X4; dsp = MULT18X18D + ALU54B",
        ),
        Fabric(
            "ice40",
            "synth_ice40 -device hx",
            12e6,
            {
                "lut": {"SB_LUT4": 1},
                "ff": {"SB_DFF*": 1},
                "carry": {"SB_CARRY": 1},
                "block_ram": {"SB_RAM40_4K*": 1},
                "lut_ram": {},
                "dsp": {"SB_MAC16": 1},
            },
            ("$scopeinfo",),
            "lut = SB_LUT4; a SB_CARRY lies in the logic cell of its LUT and costs none; a "
            "flip-flop without a LUT takes a logic cell that is not counted here; carry = "
            "SB_CARRY; block_ram = SB_RAM40_4K; there is no LUT RAM; SB_SPRAM256KA has no initial "
            "contents and is not inferred; dsp = SB_MAC16 (UltraPlus only)",
        ),
        Fabric(
            "gowin",
            "synth_gowin -family gw1n -noiopads",
            27e6,
            {
                "lut": {"LUT[1-4]": 1, "ALU": 1, "INV": 1, "RAM16S*": 8},
                "ff": {"DFF*": 1},
                "carry": {"ALU": 1},
                "block_ram": {"SP": 1, "SPX9": 1, "SDP*": 1, "DP*": 1, "pROM*": 1},
                "lut_ram": {"RAM16S*": 1},
                "dsp": {"MULT9X9": 1, "MULT18X18": 2, "MULT36X36": 8},
            },
            ("MUX2_LUT[5-8]", "GND", "VCC", "GSR", "IBUF", "OBUF", "$scopeinfo"),
            "lut = LUT1..LUT4 + ALU + 8 x RAM16SDP4 (one of these makes all eight LUTs of its "
            "unit unusable for logic); MUX2_LUT5..8 lie beside their LUTs and cost none; carry = "
            "ALU; block_ram = SP, SDP, DP (18 kbit each); lut_ram = RAM16SDP4; dsp in multipliers "
            "of 9 x 9 bit: MULT9X9 + 2 x MULT18X18 + 8 x MULT36X36",
        ),
        Fabric(
            "xc7",
            "synth_xilinx -family xc7 -flatten -noiopad -noclkbuf",
            100e6,
            {
                "lut": {"LUT[1-6]": 1, "LUT6_2": 1, "INV": 1, **_XC7_RAM},
                "ff": {"FD[CPRS]E*": 1},
                "carry": {"CARRY4": 1},
                "block_ram": {"RAMB18E1": 1, "RAMB36E1": 2},
                "lut_ram": _XC7_RAM,
                "dsp": {"DSP48E1": 1},
            },
            ("MUXF[78]", "GND", "VCC", "$scopeinfo"),
            "lut = LUT1..LUT6 + INV + LUTs used as memory; two small LUTs that share a LUT6 are "
            "counted as two; CARRY4 and MUXF7/8 lie beside their LUTs and cost none; carry = "
            "CARRY4; block_ram in halves: RAMB18E1 + 2 x RAMB36E1; lut_ram in LUTs: RAM32M and "
            "RAM64M 4, RAM32X1D and RAM64X1D 2, RAM128X1D 4, SRL16E and SRLC32E 1; dsp = DSP48E1",
        ),
    )
}


def fabric(name: str) -> Fabric:
    """Return a fabric by name.

    Raises
    ------
    SpikewrightError
        If it is unknown.
    """
    if name not in FABRICS:
        raise SpikewrightError(f"Fabric {name!r} is unknown; allowed are {', '.join(FABRICS)}.")
    return FABRICS[name]


def of_board(board: Board) -> Fabric:
    """Return the fabric of a board, with the options of its very part and for its clock."""
    found = at_clock(fabric(board.counted_as), board.clock_hz)
    if board.fabric != found.name:
        return replace(found, counts=f"{board.fabric} mapped as {found.name}: {found.counts}")
    if found.name == "ice40" and "UP" in board.part.upper():
        return replace(found, command="synth_ice40 -device u -dsp")
    if found.name == "gowin" and board.part.upper().startswith("GW2A"):
        return replace(found, command="synth_gowin -family gw2a -noiopads")
    return found


def at_clock(found: Fabric, clock_hz: float) -> Fabric:
    """Return a fabric that is mapped for another clock [Hz].

    Raises
    ------
    SpikewrightError
        If the clock is not above 0 and up to 1 GHz.
    """
    if not 0 < clock_hz <= 1e9:
        raise SpikewrightError(
            f"Clock is {clock_hz / 1e6:g} MHz; allowed is above 0, up to 1000 MHz."
        )
    return replace(found, clock_hz=clock_hz)
