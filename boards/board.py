"""Board descriptions: YAML read through a strict door."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from boards import entry, pins
from boards.pins import Pins
from ir.capacity import Memory, on_chip
from ir.errors import SpikewrightError
from ir.strict import load_yaml
from ir.usage import Usage

SPEED_GRADES: dict[str, tuple[int | str, ...]] = {
    "ecp5": (6, 7, 8),
    "ice40": ("hx", "lp", "up"),
    "gowin": ("C5/I4", "C6/I5", "C7/I6", "C8/I7"),
    "xc7": (1, 2, 3),
    "xcup": (1, 2, 3),
}
"""Fabrics, and the speed grades of their parts as nextpnr or the vendor calls them."""

FABRICS = tuple(SPEED_GRADES)
COUNTED_AS = {"xcup": "xc7"}
"""Fabrics that were not characterised, and the one in whose units their parts are counted.

A LUT of UltraScale+ has six inputs as one of 7-series has; two CARRY4 count for a CARRY8, a DSP48E1
for a DSP48E2, and UltraRAM is left out.
"""
LOGIC = ("lut", "ff", "carry")
FILL, MEMORY_FILL = 0.85, 0.95
"""Shares of logic, and of memories and DSPs, to plan for: room for what was not predicted."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_ARGUMENT = re.compile(
    r"[A-Za-z0-9{][A-Za-z0-9_.:/={}-]{0,63}|--?[A-Za-z0-9][A-Za-z0-9_.:/=-]{0,61}"
)


@dataclass(frozen=True)
class Resources:
    """What the part offers, in the units in which ``sim.fabrics`` counts what a design takes.

    Parameters
    ----------
    lut, ff, carry, block_ram, lut_ram, dsp : int
        ECP5: LUT4, flip-flops, CCU2C, DP16KD, TRELLIS_DPR16X4, MULT18X18D. iCE40: SB_LUT4,
        flip-flops, SB_CARRY, SB_RAM40_4K, none, SB_MAC16. Gowin: LUT4, flip-flops, ALU, 18 kbit
        block RAMs, RAM16SDP4, multipliers of 9 x 9 bit. 7-series: LUT6, flip-flops, CARRY4,
        RAMB18E1 (half a block RAM), LUTs that can be memory, DSP48E1.
    """

    lut: int
    ff: int
    carry: int
    block_ram: int
    lut_ram: int
    dsp: int


@dataclass(frozen=True)
class Board:
    """A board.

    Parameters
    ----------
    name : str
    fabric : str
        Family of the part, one of :data:`FABRICS`.
    part, package : str
    speed_grade : int or str
        One of :data:`SPEED_GRADES`.
    clock_hz : int
        Oscillator, or what the processor on the part gives where there are no ``pins`` [Hz].
    resources : Resources
    pins : Pins, optional
        Without them the board can be planned for, but the open tools build nothing for it.
    programmer : tuple of str
        Command that loads ``{bitstream}``; empty where none is known.
    memories : tuple of Memory
        Beside the part's own block RAM.
    vivado_part : str
        Name of the part in Vivado, where it does not follow from the others.
    """

    name: str
    fabric: str
    part: str
    package: str
    speed_grade: int | str
    clock_hz: int
    resources: Resources
    pins: Pins | None = None
    programmer: tuple[str, ...] = ()
    memories: tuple[Memory, ...] = ()
    vivado_part: str = ""

    @property
    def counted_as(self) -> str:
        """Fabric whose measured costs and cells are taken for this board's.

        Examples
        --------
        >>> load("kv260").fabric, load("kv260").counted_as
        ('xcup', 'xc7')
        """
        return COUNTED_AS.get(self.fabric, self.fabric)

    @property
    def bus(self) -> str:
        """The bus that is built around an accelerator: UART, or AXI where a processor is its host.

        Examples
        --------
        >>> load("ulx3s-85f").bus, load("kv260").bus
        ('uart', 'axi')
        """
        return "uart" if self.pins is not None else "axi"

    @property
    def block_ram(self) -> Memory:
        """All block RAM of the part, as one memory at the board's clock."""
        return on_chip(self.counted_as, self.resources.block_ram, self.clock_hz)

    def wired(self) -> Pins:
        """Return the pins.

        Raises
        ------
        SpikewrightError
            If there are none.
        """
        if self.pins is None:
            raise SpikewrightError(
                f"Board {self.name} names no pins, for the processor on its part gives the clock; "
                "constraints and bitstreams are allowed for boards with pins."
            )
        return self.pins

    def program(self, bitstream: str) -> list[str]:
        """Return the command that loads a bitstream.

        Raises
        ------
        SpikewrightError
            If the board names none.

        Examples
        --------
        >>> load("ulx3s-85f").program("top.bit")
        ['openFPGALoader', '--board', 'ulx3s', 'top.bit']
        """
        if not self.programmer:
            raise SpikewrightError(
                f"Board {self.name} has no programmer; its YAML allows one, such as "
                "[openFPGALoader, '{bitstream}']."
            )
        return [word.replace("{bitstream}", bitstream) for word in self.programmer]

    def budget(self, fill: float = FILL) -> Usage:
        """Return what a design may be planned for.

        Parameters
        ----------
        fill : float
            Share of LUTs, flip-flops and carry cells; a full part cannot be routed.

        Raises
        ------
        SpikewrightError
            If ``fill`` is not above 0 and up to 1.

        Examples
        --------
        >>> load("ulx3s-25f").budget(0.5).lut
        12144
        """
        if not 0 < fill <= 1:
            raise SpikewrightError(f"Fill is {fill}; allowed is above 0, up to 1.")
        return Usage(
            **{
                name: int(count * (fill if name in LOGIC else MEMORY_FILL))
                for name, count in asdict(self.resources).items()
            }
        )


def names() -> list[str]:
    """Return the names of the boards that come with Spikewright."""
    return sorted(
        item.name.removesuffix(".yaml").replace("_", "-")
        for item in resources.files("boards").iterdir()
        if item.name.endswith(".yaml")
    )


def load(board: str | Path) -> Board:
    """Return a board by its name or by the path of its YAML file.

    Raises
    ------
    SpikewrightError
        If there is no such board, or the file has unknown, missing or illegal keys.

    Examples
    --------
    >>> load("ulx3s-85f").part
    'LFE5U-85F'
    """
    text = str(board)
    if _NAME.fullmatch(text) and text in names():
        file = resources.files("boards") / f"{text.replace('-', '_')}.yaml"
        with resources.as_file(file) as path:
            return _read(path)
    if isinstance(board, Path) or text.endswith((".yaml", ".yml")):
        return _read(Path(board))
    raise SpikewrightError(
        f"Board {text!r} is unknown; allowed are {', '.join(names())}, or the path of a YAML file."
    )


def _read(path: Path) -> Board:
    what = f"Board {path}"
    optional = ("pins", "programmer", "memories", "vivado_part")
    fields = [name for name in Board.__dataclass_fields__ if name not in optional]
    found = entry.mapping(what, load_yaml(path), fields, optional)
    parts = found["resources"]
    if not isinstance(parts, dict):
        raise SpikewrightError(f"{what} has resources {parts!r}; allowed is a mapping.")
    entry.mapping(f"{what}, resources,", parts, Resources.__dataclass_fields__)
    for key in Resources.__dataclass_fields__:
        entry.integer(what, f"resources.{key}", parts[key], 0, 10_000_000)
    entry.text(what, "name", found["name"], _NAME)
    for key in ("part", "package"):
        entry.text(what, key, found[key])
    if found["fabric"] not in FABRICS:
        raise SpikewrightError(
            f"{what} has fabric {found['fabric']!r}; allowed are {', '.join(FABRICS)}."
        )
    grade, grades = found["speed_grade"], SPEED_GRADES[found["fabric"]]
    if isinstance(grade, bool) or grade not in grades:
        raise SpikewrightError(
            f"{what} has speed_grade {grade!r}; allowed on {found['fabric']} are "
            f"{', '.join(map(str, grades))}."
        )
    entry.integer(what, "clock_hz", found["clock_hz"], 1, 1_000_000_000)
    given: dict[str, Any] = found | {"resources": Resources(**parts)}
    if "pins" in found:
        given["pins"] = pins.read(what, found["pins"])
    if "programmer" in found:
        given["programmer"] = _command(what, found["programmer"])
    if "vivado_part" in found:
        entry.text(what, "vivado_part", found["vivado_part"])
    if "memories" in found:
        listed = entry.sequence(what, "memories", found["memories"])
        given["memories"] = tuple(_memory(what, each) for each in listed)
    return Board(**given)


def _command(what: str, value: Any) -> tuple[str, ...]:
    words = entry.sequence(what, "programmer", value)
    for word in words:
        if not isinstance(word, str) or not _ARGUMENT.fullmatch(word):
            raise SpikewrightError(
                f"{what} has programmer word {word!r:.80}; allowed are letters, digits and .:/=-_, "
                "up to 64."
            )
    if sum(word.count("{bitstream}") for word in words) != 1:
        raise SpikewrightError(
            f"{what} has programmer {' '.join(words)}; allowed is a command with one {{bitstream}}."
        )
    return tuple(words)


def _memory(what: str, value: Any) -> Memory:
    what = f"{what}, memories,"
    found = entry.mapping(what, value, Memory.__dataclass_fields__)
    entry.text(what, "name", found["name"])
    for key in ("bytes", "bytes_per_second"):
        entry.integer(what, key, found[key], 1, 1 << 50)
    return Memory(**found)
