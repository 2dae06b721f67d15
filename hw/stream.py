"""Streams: payload layout, the elastic pipeline, and the engines that only move words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from amaranth.hdl import Cat, Module, Mux, Shape, Signal, Value, ValueLike, signed, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from hw.memory import Memory
from hw.parity import Guarded
from ir import plan
from ir.types import IntType


def port(link: plan.Link) -> stream.Signature:
    """Return the signature of a link: a plain unsigned payload of ``link.width`` bits."""
    return stream.Signature(unsigned(link.width))


def shape(type: IntType) -> Shape:
    """Return the Amaranth shape of an integer type."""
    return signed(type.width) if type.signed else unsigned(type.width)


def elements(payload: Value, link: plan.Link) -> list[list[Value]]:
    """Return the elements of a word, by lane and step, with the sign of the link's type."""
    width = link.type.width
    found = []
    for lane in range(link.lanes):
        low = lane * link.steps * width
        bits = [payload[low + t * width : low + (t + 1) * width] for t in range(link.steps)]
        found.append([b.as_signed() if link.type.signed else b for b in bits])
    return found


def resize(value: ValueLike, width: int) -> Value:
    """Return ``value`` cut or extended, by its own sign, to ``width`` unsigned bits."""
    value = Value.cast(value)
    if len(value) >= width:
        return value[:width]
    filler = value[-1] if value.shape().signed else Value.cast(0)
    return (value.as_unsigned() | (filler.replicate(width - len(value)) << len(value)))[:width]


def tree(values: Sequence[ValueLike]) -> Value:
    """Return the sum of ``values`` as a balanced tree that loses no bit."""
    level = [Value.cast(value) for value in values]
    while len(level) > 1:
        pairs = [a + b for a, b in zip(level[::2], level[1::2], strict=False)]
        level = pairs + level[len(level) - len(level) % 2 :]
    return level[0]


class Pipeline:
    """Valid bits of an elastic pipeline.

    Register s may load in a cycle in which it is empty or its content moves on.

    Parameters
    ----------
    m : Module
    depth : int
        Registers.
    valid : Value
        A word is offered to register 0.
    ready : Value
        The word in the last register moves on, if there is one.

    Attributes
    ----------
    valid : Signal(depth)
        Registers that hold a word.
    enable : list of Value
        Registers that may load.
    """

    def __init__(self, m: Module, depth: int, valid: ValueLike, ready: ValueLike) -> None:
        self.valid = Signal(depth)
        self.enable: list[Value] = [
            Value.cast(ready) | ~self.valid[stage:].all() for stage in range(depth)
        ]
        before = [Value.cast(valid), *self.valid[:-1]]
        for stage, enable in enumerate(self.enable):
            with m.If(enable):
                m.d.sync += self.valid[stage].eq(before[stage])


def accumulators(
    m: Module,
    o: stream.Interface,
    link: plan.Link,
    pipeline: Pipeline,
    free: Signal,
    sums: Sequence[Value],
    count: int,
) -> None:
    """Add the last pipeline register, which holds ``sums``, and accumulators that are the output.

    Parameters
    ----------
    o, link
        Output stream, and its description.
    pipeline : Pipeline
        Its last register moves on when ``free``, which is driven here.
    sums : Values
        By lane and step.
    count : int
        Words that are added up; while a complete sum waits, none is added.
    """
    complete, adding, visit = Signal(), Signal(), Signal(range(count))
    m.d.comb += [
        free.eq(~complete | o.ready),
        adding.eq(pipeline.valid[-1] & free),
        o.valid.eq(complete),
    ]
    with m.If(o.ready):
        m.d.sync += complete.eq(0)
    with m.If(adding):
        advance(m, visit, count)
        m.d.sync += complete.eq(visit == count - 1)
    width = link.type.width
    for k, total in enumerate(sums):
        name = f"{k // link.steps}_{k % link.steps}"
        held = Signal(total.shape(), name=f"sum_{name}", reset_less=True)
        added = Signal(width, name=f"accumulator_{name}", reset_less=True)
        with m.If(pipeline.enable[-1]):
            m.d.sync += held.eq(total)
        with m.If(adding):
            m.d.sync += added.eq(Mux(visit == 0, 0, added) + held)
        m.d.comb += o.payload[k * width : (k + 1) * width].eq(added)


class Engine(Guarded):
    """A station in hardware.

    Parameters
    ----------
    station : ir.plan.Station

    Members
    -------
    i or i0, i1.. : In(stream of the input link)
        One per input link of the station, unless ``names`` calls them otherwise.
    o or o0, o1.. : Out(stream of the output link)
        One per output link.

    Attributes
    ----------
    memory : Memory or None
        That of the station's image, if it has one.
    """

    names: tuple[str, ...] = ()
    memory: Memory | None = None

    def __init__(self, station: plan.Station) -> None:
        self.station = station
        self._i = self.names or _numbered("i", len(station.inputs))
        self._o = _numbered("o", len(station.outputs))
        ports = {n: In(port(link)) for n, link in zip(self._i, station.inputs, strict=True)}
        ports |= {
            name: Out(self.output(link))
            for name, link in zip(self._o, station.outputs, strict=True)
        }
        super().__init__(ports)

    def output(self, link: plan.Link) -> stream.Signature:
        """Return the signature of an output."""
        return port(link)

    @property
    def inputs(self) -> list[stream.Interface]:
        """Input ports in the order of the station's inputs."""
        return [getattr(self, name) for name in self._i]

    @property
    def outputs(self) -> list[stream.Interface]:
        """Output ports in the order of the station's outputs."""
        return [getattr(self, name) for name in self._o]


def _numbered(letter: str, count: int) -> tuple[str, ...]:
    return (letter,) if count == 1 else tuple(f"{letter}{k}" for k in range(count))


def advance(m: Module, counter: Signal, count: int) -> None:
    """Add the step of a counter that runs over 0 .. ``count`` - 1 and wraps."""
    if count > 1:
        m.d.sync += counter.eq(Mux(counter == count - 1, 0, counter + 1))


class Fork(Engine):
    """One word to every output, each at its own time.

    Parameters
    ----------
    station : ir.plan.Fork

    Members
    -------
    i : In(stream)
    o0, o1.. : Out(stream)

    Timing
    ------
    Latency 0; the input word is taken with the last outstanding output.
    """

    station: plan.Fork

    def elaborate(self, platform: object) -> Module:
        m = Module()
        (i,) = self.inputs
        done = Signal(len(self.outputs))
        taken = [done[k] | o.ready for k, o in enumerate(self.outputs)]
        for k, o in enumerate(self.outputs):
            m.d.comb += [o.payload.eq(i.payload), o.valid.eq(i.valid & ~done[k])]
        m.d.comb += i.ready.eq(_all(taken))
        with m.If(i.valid):
            for k, each in enumerate(taken):
                m.d.sync += done[k].eq(each & ~i.ready)
        return m


class Split(Engine):
    """Cuts a word into words of fewer lanes, or of fewer steps; lowest first.

    Parameters
    ----------
    station : ir.plan.Split

    Members
    -------
    i : In(stream)
    o : Out(stream)

    Timing
    ------
    Latency 1 cycle; a word is taken when none is held or with its predecessor's last part.
    """

    station: plan.Split

    def elaborate(self, platform: object) -> Module:
        m = Module()
        ratio, width = self.station.ratio, self.station.o.width
        full, word = Signal(), Signal(self.station.i.width, reset_less=True)
        part = Signal(range(ratio))
        m.d.comb += [
            self.o.valid.eq(full),
            self.o.payload.eq(word[:width]),
            self.i.ready.eq(~full | ((part == ratio - 1) & self.o.ready)),
        ]
        with m.If(full & self.o.ready):
            advance(m, part, ratio)
            m.d.sync += word.eq(word >> width)
        with m.If(self.i.ready):
            parts = _parts(self.i.payload, self.station.i, self.station.o)
            m.d.sync += [full.eq(self.i.valid), word.eq(parts)]
        return m


class Merge(Engine):
    """Joins words into one of more lanes, or of more steps; first word lowest.

    Parameters
    ----------
    station : ir.plan.Merge

    Members
    -------
    i : In(stream)
    o : Out(stream)

    Timing
    ------
    A complete word is offered from the cycle after its last part; while it waits, the next part
    is taken in the cycle in which it leaves.
    """

    station: plan.Merge

    def elaborate(self, platform: object) -> Module:
        m = Module()
        ratio, width = self.station.ratio, self.station.i.width
        full, word = Signal(), Signal(self.station.o.width, reset_less=True)
        part = Signal(range(ratio))
        m.d.comb += [
            self.o.valid.eq(full),
            _parts(self.o.payload, self.station.o, self.station.i).eq(word),
            self.i.ready.eq(~full | self.o.ready),
        ]
        with m.If(self.i.ready):
            m.d.sync += full.eq(self.i.valid & (part == ratio - 1))
            with m.If(self.i.valid):
                advance(m, part, ratio)
                m.d.sync += word.eq((word >> width) | (self.i.payload << (ratio - 1) * width))
        return m


def _parts(payload: Value, whole: plan.Link, part: plan.Link) -> Value:
    """Return the bits of a whole word in the order in which its parts carry them."""
    if whole.steps == part.steps:
        return payload
    found = elements(payload, whole)
    runs = range(0, whole.steps, part.steps)
    return Cat(lane[start : start + part.steps] for start in runs for lane in found)


def _all(bits: Iterable[Value]) -> Value:
    found = Value.cast(1)
    for bit in bits:
        found = found & bit
    return found
