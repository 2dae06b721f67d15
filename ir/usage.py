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

    def within(self, budget: Usage) -> bool:
        """Return whether a budget has all of this."""
        return all(own <= getattr(budget, name) for name, own in asdict(self).items())

    def beside(self, other: Usage) -> Usage:
        """Return what of this budget ``other`` leaves.

        Examples
        --------
        >>> Usage(lut=5, ff=1).beside(Usage(lut=2, ff=3))
        Usage(lut=3, ff=0, carry=0, block_ram=0, lut_ram=0, dsp=0)
        """
        left = {name: max(0, own - getattr(other, name)) for name, own in asdict(self).items()}
        return Usage(**left)
