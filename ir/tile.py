"""Stations of weight-stationary layers: order-changing buffer, tile, and time-serial neurons.

A *tile* holds the weights of ``pe`` outputs for ``simd`` inputs in tables, while every position and
time step of a sample streams past, one step a cycle. Its sums leave output by output (order
``CPT``); a :class:`Reorder` in front of the next layer turns them into whole positions again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ir import tables
from ir.plan import Neurons, Station
from ir.scheme import Scheme
from ir.types import IntType

PARTIAL_DISTANCE = 3
"""Cycles from reading a partial sum to the first one in which it can be read again."""


@dataclass(frozen=True)
class Reorder(Station):
    """Two banks of one sample each, written in one order and read in another.

    The read order is that of the output link for ``kernel`` 1 and one repeat. Otherwise words leave
    as a tile takes them: repeat, ky, kx, channel group, position, step; taps outside the map read
    as zero.

    Parameters
    ----------
    height, width : int
        Input map.
    kernel, stride, padding, repeats : int
    parts : int
        Words, one behind the other, into which a :class:`ir.plan.Split` cut each word of the link.
    tiled : bool
        Whether words leave as a tile takes them.
    """

    kind: ClassVar[str] = "reorder"

    height: int
    width: int
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    repeats: int = 1
    parts: int = 1
    tiled: bool = True

    @property
    def positions(self) -> int:
        """Pixels of the input map."""
        return self.height * self.width

    @property
    def out_height(self) -> int:
        """Output rows."""
        return (self.height + 2 * self.padding - self.kernel) // self.stride + 1

    @property
    def out_width(self) -> int:
        """Output columns."""
        return (self.width + 2 * self.padding - self.kernel) // self.stride + 1

    @property
    def ratio(self) -> int:
        """Words written per word read."""
        return self.o.lanes // self.i.lanes

    @property
    def groups(self) -> int:
        """Words read per position and step."""
        return self.i.words // (self.positions * self.i.time * self.ratio)

    @property
    def depth(self) -> int:
        """Words of both banks, as they are read."""
        return 2 * self.groups * self.positions * self.i.time

    @property
    def memory_bits(self) -> int:
        """Size of both banks [bit]: 2 x positions x T x channels x element width."""
        return self.depth * self.o.width


@dataclass(frozen=True)
class Tile(Station):
    """Sums of ``simd`` inputs for ``pe`` outputs, one time step a cycle, by tables.

    Runs ``neuron_fold`` x ``synapse_fold`` passes over the positions and steps of a sample; each
    pass has tables of its own. Passes of one ``neuron_fold`` add up: their partial sums lie in a
    memory, one word per position and step. Activations of several bits take one cycle per bit.

    Parameters
    ----------
    scheme : Scheme
    kernel : int
    neuron_fold, synapse_fold : int
        Outputs / pe and fan-in / simd; ``synapse_fold`` runs over (ky, kx, group).
    loaders : int
        Tables written side by side.
    fabric : str
        Fabric for which tables and adders are built.

    Source
    ------
    Tables of partial sums addressed by activations are distributed arithmetic (Peled and Liu,
    1974).
    """

    kind: ClassVar[str] = "tile"

    scheme: Scheme
    kernel: int
    neuron_fold: int
    synapse_fold: int
    loaders: int = 1
    fabric: str = "plain"

    @property
    def pe(self) -> int:
        """Outputs per cycle."""
        return self.o.lanes

    @property
    def simd(self) -> int:
        """Inputs per cycle."""
        return self.i.lanes

    @property
    def passes(self) -> int:
        """Passes per sample."""
        return self.neuron_fold * self.synapse_fold

    @property
    def visits(self) -> int:
        """Words per pass: positions x steps."""
        return self.i.words // self.passes

    @property
    def planes(self) -> int:
        """Cycles per word: bits of an activation."""
        return self.i.type.width

    @property
    def banks(self) -> int:
        """Banks of tables: one where it is never loaded again, else two."""
        return min(2, self.passes)

    @property
    def resident(self) -> bool:
        """Whether all tables fit into the banks, so that they are loaded but once."""
        return self.passes <= self.banks

    @property
    def tables(self) -> tables.Tables:
        """Shape and timing of the tables."""
        return tables.Tables(
            self.scheme,
            self.pe,
            self.simd,
            loaders=self.loaders,
            banks=self.banks,
            arity=tables.ARITY[self.fabric],
        )

    @property
    def latency(self) -> int:
        """Cycles from a visit to the cycle in which its sum enters the output buffer."""
        return self.tables.latency + (2 if self.planes > 1 else 1)

    @property
    def buffer(self) -> int:
        """Depth of the output buffer [word]; visits that complete a sum wait for room in it."""
        return 1 << (self.latency + 1).bit_length()

    @property
    def gap(self) -> int:
        """Idle cycles between passes, so that partial sums are written before they are read."""
        distance = self.visits * self.planes
        return max(0, PARTIAL_DISTANCE - distance) if self.synapse_fold > 1 else 0

    @property
    def lanes(self) -> int:
        return self.pe * self.simd

    @property
    def operations(self) -> int:
        return self.i.words * self.planes * self.lanes

    @property
    def partial(self) -> IntType:
        """Range of a sum and of its parts."""
        return self.o.type.hull(IntType(0, 0))

    @property
    def memory_bits(self) -> int:
        """Size of weight memory and partial sums [bit]; the tables are LUT RAM."""
        codes = self.passes * self.tables.words * self.tables.word_width
        partial = self.visits * self.pe * self.partial.width if self.synapse_fold > 1 else 0
        return codes + partial


@dataclass(frozen=True)
class Stepwise(Neurons):
    """LIF unit that takes one time step per word and keeps the membrane in between.

    In order ``CPT`` the parameters change after every step of every position, in order ``PCT``
    after every step of a group. A static input word is used for all T steps.

    Parameters
    ----------
    positions : int
    """

    kind: ClassVar[str] = "stepwise"

    positions: int = 1

    @property
    def latency(self) -> int:
        """Cycles from input to output transfer: parameter read, bias, step."""
        return 3

    @property
    def repeats(self) -> int:
        """Words that leave per word taken: T for a static input, else 1."""
        return self.o.time // self.i.time
