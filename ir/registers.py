"""The register map that a host reads: one source for hardware, documents and headers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ir.errors import SpikewrightError
from ir.plan import Link, Neurons, Plan

MAGIC = int.from_bytes(b"SPKW", "big")
VERSION = 1
ADDRESS_BITS = 16
RELOAD, WINDOW, SPIKES = 0x40, 0x80, 0x100
"""Byte addresses of the registers of a reload, of the data window, and of the first counter of
spikes."""


@dataclass(frozen=True)
class Field:
    """Some bits of a register.

    Parameters
    ----------
    name : str
    low, bits : int
        Lowest bit, and how many.
    description : str
    """

    name: str
    low: int
    bits: int
    description: str

    @property
    def mask(self) -> int:
        """The field's bits in the register."""
        return ((1 << self.bits) - 1) << self.low


@dataclass(frozen=True)
class Register:
    """One 32-bit register.

    Parameters
    ----------
    name : str
        In capitals, as in headers.
    address : int
        Byte address, a multiple of 4.
    access : str
        ``r``, ``w`` or ``rw``; a register that cannot be read reads as an error.
    description : str
    reset : int
        Value after reset.
    constant : bool
        Whether it always has that value.
    fields : tuple of Field
    unit : str
        Of the value; empty for pure numbers.
    """

    name: str
    address: int
    access: str
    description: str
    reset: int = 0
    constant: bool = False
    fields: tuple[Field, ...] = ()
    unit: str = ""


def spiking(plan: Plan) -> dict[str, Link]:
    """Return the probed links of all layers of neurons, by layer name, in the order of data."""
    neurons = {station.layer for station in plan.stations if isinstance(station, Neurons)}
    return {layer: link for layer, link in plan.probes.items() if layer in neurons}


def registers(
    plan: Plan, digest: str, *, spikes: bool = True, window: bool = False
) -> tuple[Register, ...]:
    """Return the register map of an accelerator, in ascending order of addresses.

    Parameters
    ----------
    plan : ir.plan.Plan
    digest : str
        SHA-256 of the network, in hexadecimal digits.
    spikes : bool
        Whether the spikes of every layer of neurons are counted.
    window : bool
        Whether samples and results move through registers, too.

    Raises
    ------
    SpikewrightError
        If there are more layers than addresses.
    """
    layers = spiking(plan) if spikes else {}
    if SPIKES + 4 * len(layers) > 1 << ADDRESS_BITS:
        raise SpikewrightError(
            f"Plan has {len(layers)} layers of neurons; allowed are "
            f"{((1 << ADDRESS_BITS) - SPIKES) // 4} with registers."
        )
    facts = (
        ("MAGIC", MAGIC, "letters SPKW", ""),
        ("VERSION", VERSION, "version of this map", ""),
        ("NETWORK", int(digest[:8], 16), "first 32 bits of the network's SHA-256", ""),
        ("INPUT_WORDS", plan.source.words, "words of a sample", "word"),
        ("INPUT_BITS", plan.source.width, "width of an input word", "bit"),
        ("CLASSES", plan.sink.words, "logits of an answer", ""),
        ("LAYERS", len(layers), "counters of spikes", ""),
    )
    found = [
        Register(name, 4 * index, "r", text, value, True, unit=unit)
        for index, (name, value, text, unit) in enumerate(facts)
    ]
    if plan.reload:
        found = [
            replace(each, access="rw", constant=False, description=f"{each.description}{_NAMED}")
            if each.name == "NETWORK"
            else each
            for each in found
        ]
    found += [
        Register(name, 4 * (len(facts) + index), access, text, fields=fields, unit=unit)
        for index, (name, access, text, fields, unit) in enumerate(_LIVE)
    ]
    if plan.reload:
        found += [
            Register(name, RELOAD + 4 * index, access, text)
            for index, (name, access, text) in enumerate(_RELOAD)
        ]
    if window:
        found += [
            Register(name, WINDOW + 4 * index, access, text, fields=fields)
            for index, (name, access, text, fields) in enumerate(_WINDOW)
        ]
    found += [
        Register(
            f"SPIKES_{index}",
            SPIKES + 4 * index,
            "r",
            f"non-zero elements that left layer {layer}; wraps",
            unit="spike",
        )
        for index, layer in enumerate(layers)
    ]
    return tuple(found)


_LIVE: tuple[tuple[str, str, str, tuple[Field, ...], str], ...] = (
    (
        "CONTROL",
        "rw",
        "reads as 0",
        (
            Field(
                "RESET",
                0,
                1,
                "1 resets the core and all counters; samples under way have no answer, but for one "
                "that is being sent, which ends with code RESET",
            ),
        ),
        "",
    ),
    (
        "STATUS",
        "r",
        "what is going on",
        (
            Field("BUSY", 0, 1, "samples are under way"),
            Field("FAULT", 1, 1, "the core found itself broken; stays until reset"),
            Field("CODE", 8, 8, "code of the last refusal since reset"),
        ),
        "",
    ),
    ("ERRORS", "r", "refused packets, frames and accesses since reset; wraps", (), ""),
    ("CYCLES", "r", "cycles since the first input transfer after reset; wraps", (), "cycle"),
    ("SAMPLES", "r", "samples that have left the core", (), ""),
    ("LATENCY", "r", "first input to last output transfer, first sample", (), "cycle"),
    ("INTERVAL", "r", "between the last outputs of the last two samples", (), "cycle"),
    ("INPUT_STALLS", "r", "cycles in which the core waited for its source", (), "cycle"),
    ("OUTPUT_STALLS", "r", "cycles in which the core waited for its sink", (), "cycle"),
)

_NAMED = "; 0 from a write to RELOAD_MEMORY until it is written, which resets as CONTROL does"

_RELOAD: tuple[tuple[str, str, str], ...] = (
    (
        "RELOAD_MEMORY",
        "rw",
        "number of the memory to write; no sample has an answer until NETWORK is written",
    ),
    ("RELOAD_DATA", "rw", "next 32 bits of a word, lowest first, unused bits 0; reads as 0"),
    ("RELOAD_ADDRESS", "r", "words of that memory written so far"),
    (
        "RELOAD_CHECKSUM",
        "rw",
        "a write starts to read the memory back; then the CRC-32 of all its words in whole 32 bits",
    ),
)

_WINDOW: tuple[tuple[str, str, str, tuple[Field, ...]], ...] = (
    ("INPUT", "w", "next 32 bits of an input word, lowest first", ()),
    ("INPUT_LAST", "w", "the same, and the word is its sample's last", ()),
    ("OUTPUT", "r", "takes the next word of an answer", ()),
    (
        "FILL",
        "r",
        "what the window holds",
        (
            Field("ROOM", 0, 1, "INPUT takes a word"),
            Field("READY", 1, 1, "OUTPUT holds a word"),
            Field("LAST", 2, 1, "that word is its answer's last"),
        ),
    ),
)
