"""The plan: a network and its folds as stations joined by links.

A *station* is one hardware engine, a *link* one valid/ready stream between two of them. ``hw``
builds the stations, ``ir.schedule`` predicts their cycles; neither knows the other.

The words of a link follow each other in one of two orders: ``PCT``, position by position (row by
row), then channel group by channel group; or ``CPT``, channel group by channel group, then position
by position. Time is innermost in both: a word carries ``steps`` time steps of ``lanes`` channels,
and ``time`` successive words, a time slice each, all steps of the same channels.

A word packs element (lane, step) at bits ``(lane * steps + step) * type.width`` upwards, two's
complement; lane 0 is the lowest channel of the group.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

from ir.errors import SpikewrightError
from ir.neuron import Neuron
from ir.scheme import Scheme
from ir.types import IntType

BLOCK_BITS = 8192
"""Size [bit] from which on a buffer lies in block RAM: LUT RAM would take hundreds of LUTs."""


@dataclass(frozen=True)
class Link:
    """One stream.

    Parameters
    ----------
    name : str
        Name of the layer whose output flows here, or that name with a suffix.
    words : int
        Transfers per sample.
    lanes, steps : int
        Channels and time steps per word.
    type : IntType
        Range of one element.
    layer : str or None
        Layer whose complete output this is; such links can be probed.
    order : str
        ``PCT`` or ``CPT``.
    time : int
        Words that carry the successive steps of the same channels.
    """

    name: str
    words: int
    lanes: int
    steps: int
    type: IntType
    layer: str | None = None
    order: str = "PCT"
    time: int = 1

    @property
    def width(self) -> int:
        """Payload width [bit]."""
        return self.lanes * self.steps * self.type.width

    def renamed(self, name: str, **changes: Any) -> Link:
        """Return a link of the same words, but for ``changes``, that is no layer's output."""
        return replace(self, name=name, layer=None, **changes)


@dataclass(frozen=True)
class Station:
    """An engine between links; its name is that of its first output."""

    kind: ClassVar[str] = ""

    layer: str
    inputs: tuple[Link, ...]
    outputs: tuple[Link, ...]

    @property
    def name(self) -> str:
        """Unique name; dots become underscores in Verilog."""
        return self.outputs[0].name if self.outputs else self.layer

    @property
    def i(self) -> Link:
        """The only, or first, input."""
        return self.inputs[0]

    @property
    def o(self) -> Link:
        """The only, or first, output."""
        return self.outputs[0]

    @property
    def lanes(self) -> int:
        """Lanes built: (input, weight, time step) accumulated per cycle."""
        return 0

    @property
    def operations(self) -> int:
        """Useful lane-operations per sample."""
        return 0

    @property
    def memory_bits(self) -> int:
        """Size of the station's memory [bit]."""
        return 0


@dataclass(frozen=True)
class Fork(Station):
    """Offers each word to every output; takes the next one when all have taken it."""

    kind: ClassVar[str] = "fork"


@dataclass(frozen=True)
class Buffer(Station):
    """First-in first-out memory of ``depth`` words; ready is registered.

    Depth 0 is a wire. From :data:`BLOCK_BITS` on it lies in block RAM and is a cycle slower.
    """

    kind: ClassVar[str] = "buffer"

    depth: int

    @property
    def block(self) -> bool:
        """Whether the words lie in block RAM."""
        return self.depth > 2 and self.memory_bits >= BLOCK_BITS

    @property
    def latency(self) -> int:
        """Cycles from the transfer of a word to its first offer."""
        return 0 if not self.depth else 2 if self.block else 1

    @property
    def memory_bits(self) -> int:
        return self.depth * self.i.width


@dataclass(frozen=True)
class Split(Station):
    """Cuts a word into ``ratio`` words of fewer lanes or of fewer steps, lowest first."""

    kind: ClassVar[str] = "split"

    @property
    def ratio(self) -> int:
        """Output words per input word."""
        return self.i.lanes * self.i.steps // (self.o.lanes * self.o.steps)


@dataclass(frozen=True)
class Merge(Station):
    """Joins ``ratio`` words into one of more lanes or of more steps, first word lowest."""

    kind: ClassVar[str] = "merge"

    @property
    def ratio(self) -> int:
        """Input words per output word."""
        return self.o.lanes * self.o.steps // (self.i.lanes * self.i.steps)


@dataclass(frozen=True)
class Window(Station):
    """Sliding window over a map that streams in, read ``repeats`` times per position.

    The pixels of all samples form one endless line. A ring of ``capacity`` pixels holds a piece of
    it; padding taps read as ``fill``. Words leave per position and repeat in ``order`` ``tap``:
    time slice, ky, kx, channel group; or ``group``: word of the pixel, ky, kx.

    Parameters
    ----------
    height, width, groups : int
        Input map, and words per pixel.
    kernel, stride, padding, repeats : int
    order : str
    capacity : int
        Pixels held; at least ``span + 1``.
    fill : int
        Value of each element of a padding tap.
    """

    kind: ClassVar[str] = "window"

    height: int
    width: int
    groups: int
    kernel: int
    stride: int
    padding: int
    repeats: int
    order: str
    capacity: int
    fill: int = 0

    def __post_init__(self) -> None:
        if self.capacity <= self.span:
            raise SpikewrightError(
                f"Window {self.name} has capacity {self.capacity}; allowed is more than its span "
                f"of {self.span} pixels."
            )

    @property
    def out_height(self) -> int:
        """Output rows."""
        return (self.height + 2 * self.padding - self.kernel) // self.stride + 1

    @property
    def out_width(self) -> int:
        """Output columns."""
        return (self.width + 2 * self.padding - self.kernel) // self.stride + 1

    @property
    def maps(self) -> int:
        """Maps per sample: more than one where channel groups come one after the other."""
        return self.i.words // (self.height * self.width * self.groups)

    @property
    def span(self) -> int:
        """Pixels from the first to the last tap of a position, along the line."""
        return (self.kernel - 1) * (self.width + 1)

    @property
    def slices(self) -> int:
        """Parts of a position's words that follow each other, each for some of the steps."""
        return self.i.time if self.order == "tap" else 1

    @property
    def words_per_position(self) -> int:
        """Output words per output position."""
        return self.repeats * self.kernel**2 * self.groups

    @property
    def memory_bits(self) -> int:
        """Size of the ring [bit]."""
        return self.capacity * self.groups * self.i.width


@dataclass(frozen=True)
class Synapse(Station):
    """``pe`` x ``simd`` x steps lanes; a position takes ``neuron_fold`` x ``synapse_fold`` words.

    Word ``synapse_fold`` - 1 of each run of ``synapse_fold`` words completes ``pe`` sums; ``time``
    runs, one a slice, read the same weights. Weight word ``nf * synapse_fold + sf`` holds the code
    of output ``nf * pe + p`` and lane s at bits ``(p * simd + s) * scheme.bits`` upwards; sf runs
    over (ky, kx, group).

    Parameters
    ----------
    scheme : Scheme
    kernel : int
    neuron_fold, synapse_fold : int
        Outputs / pe and fan-in / simd.
    """

    kind: ClassVar[str] = "synapse"

    scheme: Scheme
    kernel: int
    neuron_fold: int
    synapse_fold: int

    @property
    def pe(self) -> int:
        """Outputs per cycle."""
        return self.o.lanes

    @property
    def simd(self) -> int:
        """Inputs per cycle."""
        return self.i.lanes

    @property
    def lanes(self) -> int:
        return self.pe * self.simd * self.i.steps

    @property
    def operations(self) -> int:
        return self.i.words * self.lanes

    @property
    def memory_bits(self) -> int:
        """Size of the weight memory [bit]."""
        return self.neuron_fold * self.synapse_fold * self.pe * self.simd * self.scheme.bits


@dataclass(frozen=True)
class Neurons(Station):
    """LIF unit: ``pe`` neurons x T steps per cycle, one pipeline stage per time step.

    Parameter word g holds, for lane p of group g, the threshold at bits
    ``p * (threshold.width + bias.width)`` upwards and the bias above it.

    Parameters
    ----------
    neuron : Neuron
    groups : int
        Words per position.
    threshold, bias : IntType
        Signed fields of the parameter memory.
    current, h, v : IntType
        Proven ranges: current with bias, membrane before saturation, membrane after reset.
    """

    kind: ClassVar[str] = "neurons"

    neuron: Neuron
    groups: int
    threshold: IntType
    bias: IntType
    current: IntType
    h: IntType
    v: IntType

    @property
    def latency(self) -> int:
        """Cycles from input to output transfer: parameter read, bias, T steps."""
        return self.o.steps + 2

    @property
    def memory_bits(self) -> int:
        """Size of the parameter memory [bit]."""
        return self.groups * self.o.lanes * (self.threshold.width + self.bias.width)


@dataclass(frozen=True)
class SerialNeurons(Neurons):
    """LIF unit: one step unit per lane, T >= 2 cycles for a word; parameters as for Neurons."""

    kind: ClassVar[str] = "serial_neurons"

    def __post_init__(self) -> None:
        if self.o.steps < 2:
            raise SpikewrightError(
                f"Station {self.name} takes {self.o.steps} time steps one after the other; "
                f"allowed are at least 2."
            )


@dataclass(frozen=True)
class Maximum(Station):
    """Largest of ``taps`` consecutive words, lane by lane and step by step (spikes: OR)."""

    kind: ClassVar[str] = "maximum"

    taps: int


@dataclass(frozen=True)
class Join(Station):
    """Sum of two streams, word by word."""

    kind: ClassVar[str] = "join"


@dataclass(frozen=True)
class Align(Station):
    """Sum of two streams, each shifted left by its own count per channel.

    Parameter word g holds, for lane p of group g, the shift of the first input at bits
    ``2 * p * shift.width`` upwards and that of the second above it.

    Parameters
    ----------
    groups : int
        Words per position.
    shift : IntType
        Unsigned field of the parameter memory.
    run : int
        Words in a row with the same parameters: a position's slices, in order ``CPT`` all words.
    """

    kind: ClassVar[str] = "align"

    groups: int
    shift: IntType
    run: int = 1

    @property
    def memory_bits(self) -> int:
        """Size of the parameter memory [bit]."""
        return self.groups * self.o.lanes * 2 * self.shift.width


@dataclass(frozen=True)
class Plan:
    """Stations in topological order between one source link and one sink link.

    Parameters
    ----------
    steps : int
    stations : tuple of Station
    source, sink : Link
    fold_of : mapping of layer name to (pe, simd)
    parity : bool
        Whether memories are guarded, see :class:`ir.fold.Hardware`.
    reload : bool
        Whether memories with an image have a port to write them.
    """

    steps: int
    stations: tuple[Station, ...]
    source: Link
    sink: Link
    fold_of: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    parity: bool = False
    reload: bool = False

    @cached_property
    def links(self) -> dict[str, Link]:
        """All links by name, source and sink included."""
        found = {self.source.name: self.source}
        for station in self.stations:
            for link in station.outputs:
                if link.name in found:
                    raise SpikewrightError(f"Plan has two links called {link.name}.")
                found[link.name] = link
        return found

    @property
    def probes(self) -> dict[str, Link]:
        """Link that carries the complete output of each layer, by layer name."""
        return {link.layer: link for link in self.links.values() if link.layer is not None}

    @property
    def lanes(self) -> int:
        """All lanes built."""
        return sum(station.lanes for station in self.stations)

    @property
    def memory_bits(self) -> dict[str, int]:
        """Size [bit] of every memory, by station name."""
        return {s.name: s.memory_bits for s in self.stations if s.memory_bits}

    def sized(self) -> Iterator[Station]:
        """Yield the stations whose depth is computed: buffers and windows."""
        for station in self.stations:
            if isinstance(station, (Buffer, Window)):
                yield station

    def resize(self, sizes: Mapping[str, int]) -> Plan:
        """Return the plan with other buffer depths and window capacities, by station name."""

        def resized(station: Station) -> Station:
            size = sizes.get(station.name)
            if size is None:
                return station
            if isinstance(station, Buffer):
                return replace(station, depth=size)
            assert isinstance(station, Window)
            return replace(station, capacity=size)

        return replace(self, stations=tuple(map(resized, self.stations)))
