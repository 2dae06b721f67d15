"""Sliding window over a map that streams in, in a ring that forgets what no window needs."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Const, Module, Mux, Signal, signed
from amaranth.lib import memory

from hw.stream import Engine, advance
from ir import plan


@dataclass(frozen=True)
class Loop:
    """One level of the loop nest that reads the ring.

    Parameters
    ----------
    count : int
        Iterations; 0 for ever.
    address : int
        Ring words from one iteration to the next.
    row, column, pixels : int
        What one iteration moves the tap's row, its column, and the position's first pixel by.
    """

    count: int
    address: int = 0
    row: int = 0
    column: int = 0
    pixels: int = 0


def loops(station: plan.Window) -> list[Loop]:
    """Return the loop nest of a window, innermost first, without loops of one iteration."""
    width, groups, stride = station.width, station.groups, station.stride
    group = Loop(groups, address=1)
    taps = [
        Loop(station.kernel, address=groups, column=1),
        Loop(station.kernel, address=width * groups, row=1),
    ]
    inner = [group, *taps] if station.order == "tap" else [*taps, group]
    inner.append(Loop(station.repeats))
    pixels = station.height * width
    outer = [
        Loop(station.out_width, stride * groups, column=stride, pixels=stride),
        Loop(station.out_height, stride * width * groups, row=stride, pixels=stride * width),
        Loop(0, pixels * groups, pixels=pixels),
    ]
    if station.kernel == station.stride == 1:
        outer = [Loop(0, groups, pixels=1)]
    return [loop for loop in [*inner, *outer] if loop.count != 1]


def steps(nest: list[Loop], field: str) -> list[int]:
    """Return what ``field`` grows by when each loop advances and all inside it start again.

    Examples
    --------
    >>> steps([Loop(3, address=1), Loop(2, address=8), Loop(0, address=100)], "address")
    [1, 6, 90]
    """
    found, travelled = [], 0
    for loop in nest:
        stride = getattr(loop, field)
        found.append(stride - travelled)
        travelled += (loop.count - 1) * stride
    return found


def count(m: Module, nest: list[Loop], issue: Signal) -> Signal:
    """Add the loop counters; return which finite loops are in their last iteration."""
    last = Signal(len(nest) - 1)
    for depth, loop in enumerate(nest[:-1]):
        counter = Signal(range(loop.count), name=f"loop_{depth}")
        m.d.comb += last[depth].eq(counter == loop.count - 1)
        with m.If(issue & last[:depth].all()):
            advance(m, counter, loop.count)
    return last


class Window(Engine):
    """Words of each position of a sliding window, ``repeats`` times.

    Parameters
    ----------
    station : ir.plan.Window

    Members
    -------
    i : In(stream)
        Words of the map, row by row.
    o : Out(stream)
        Words in the order of the station; taps outside the map hold its ``fill``.

    Timing
    ------
    Latency 1 cycle from the read, throughput 1 word per cycle; docs/MICROARCHITECTURE.md says when
    a word is accepted and when a position may begin.
    """

    station: plan.Window

    def elaborate(self, platform: object) -> Module:
        m = Module()
        station = self.station
        words = station.capacity * station.groups
        m.submodules.ring = ring = memory.Memory(shape=station.i.width, depth=words, init=[])
        write, read = ring.write_port(), ring.read_port()

        margin = station.padding * station.width + station.padding
        reach = max(station.height * station.width + margin, station.capacity)
        lead = Signal(signed(reach.bit_length() + 1), init=margin)
        written, moved = Signal(), Signal(range(reach + 1))
        m.d.sync += lead.eq(lead + written - moved)

        group, target = Signal(range(station.groups)), Signal(range(words))
        m.d.comb += [
            self.i.ready.eq(lead < station.capacity),
            write.en.eq(self.i.valid & self.i.ready),
            write.addr.eq(target),
            write.data.eq(self.i.payload),
            written.eq(write.en & (group == station.groups - 1)),
        ]
        with m.If(write.en):
            advance(m, group, station.groups)
            advance(m, target, words)

        left = Signal(range(reach + 1), init=station.height * station.width + margin)
        full, begin, enable, issue = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            begin.eq((lead >= station.span + 1) | ((lead >= left) if station.span else 0)),
            enable.eq(~full | self.o.ready),
            issue.eq(begin & enable),
            read.en.eq(issue),
        ]
        with m.If(enable):
            m.d.sync += full.eq(begin)

        nest = loops(station)
        last = count(m, nest, issue)
        m.d.comb += moved.eq(Mux(issue, hop(m, nest, last, "pixels", reach + 1), 0))
        with m.If(issue):
            m.d.sync += left.eq(left - moved)
            with m.If(last.all()):
                m.d.sync += left.eq(left.init)

        source = Signal(range(words), init=-margin * station.groups % words)
        following = source + hop(m, nest, last, "address", words)
        with m.If(issue):
            m.d.sync += source.eq(Mux(following >= words, following - words, following))
        width = station.i.type.width
        element = Const(station.fill, signed(width)).as_unsigned() if station.fill else Const(0)
        fill = element.replicate(station.i.width // width) if station.fill else element
        m.d.comb += [
            read.addr.eq(source),
            self.o.valid.eq(full),
            self.o.payload.eq(Mux(self._outside(m, nest, last, issue), fill, read.data)),
        ]
        return m

    def _outside(self, m: Module, nest: list[Loop], last: Signal, issue: Signal) -> Signal:
        """Add the tap's row and column; return whether the word read is padding."""
        outside, padding = Signal(), self.station.padding
        if not padding:
            return outside
        beyond = []
        for field, size in (("row", self.station.height), ("column", self.station.width)):
            at = Signal(range(size + 2 * padding), name=field)
            with m.If(issue):
                m.d.sync += at.eq(at + hop(m, nest, last, field, 1 << len(at)))
            beyond.append((at < padding) | (at >= size + padding))
        with m.If(issue):
            m.d.sync += outside.eq(beyond[0] | beyond[1])
        return outside


def hop(m: Module, nest: list[Loop], last: Signal, field: str, modulus: int) -> Signal:
    """Return what ``field`` grows by, modulo ``modulus``, with the word that is issued."""
    chosen = Signal(range(modulus), name=f"{field}_hop")
    found = [step % modulus for step in steps(nest, field)]
    m.d.comb += chosen.eq(found[-1])
    for depth in reversed(range(len(nest) - 1)):
        with m.If(~last[depth]):
            m.d.comb += chosen.eq(found[depth])
    return chosen
