"""Resources of engines, in the units of their fabric."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Usage:
    """Resources of one engine or of all.

    Parameters
    ----------
    lut, ff, carry, block_ram, lut_ram, dsp : int
        What is counted is stated per fabric, in ``sim.fabrics`` and in the characterisation file.
        ``lut`` includes the LUTs that carry chains and LUT RAM take.
    """

    lut: int = 0
    ff: int = 0
    carry: int = 0
    block_ram: int = 0
    lut_ram: int = 0
    dsp: int = 0

    def __add__(self, other: Usage) -> Usage:
        sums = {name: value + getattr(other, name) for name, value in asdict(self).items()}
        return Usage(**sums)
