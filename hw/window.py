"""Sliding window over a map that streams in, in a ring that forgets what no window needs."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, signed

from hw.loops import Loop, Walk
from hw.ram import Ram
from hw.stream import Engine, advance
from ir import plan


def loops(station: plan.Window) -> list[Loop]:
    """Return the loop nest of a window, innermost first."""
    width, groups, stride = station.width, station.groups, station.stride
    group = Loop(groups // station.slices, address=station.slices)
    taps = [
        Loop(station.kernel, address=groups, column=1),
        Loop(station.kernel, address=width * groups, row=1),
    ]
    inner = [group, *taps] if station.order == "tap" else [*taps, group]
    inner += [Loop(station.slices, address=1), Loop(station.repeats)]
    pixels = station.height * width
    outer = [
        Loop(station.out_width, stride * groups, column=stride, pixels=stride),
        Loop(station.out_height, stride * width * groups, row=stride, pixels=stride * width),
        Loop(0, pixels * groups, pixels=pixels),
    ]
    if station.kernel == station.stride == 1:
        outer = [Loop(0, groups, pixels=1)]
    return [*inner, *outer]


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
        m.submodules.ring = ring = Ram(station.i.width, words)
        self.gather(m, ring)

        margin = station.padding * station.width + station.padding
        reach = max(station.height * station.width + margin, station.capacity)
        lead = Signal(signed(reach.bit_length() + 1), init=margin)
        written, moved = Signal(), Signal(range(reach + 1))
        m.d.sync += lead.eq(lead + written - moved)

        group, target = Signal(range(station.groups)), Signal(range(words))
        m.d.comb += [
            self.i.ready.eq(lead < station.capacity),
            ring.write_enable.eq(self.i.valid & self.i.ready),
            ring.write_address.eq(target),
            ring.write_data.eq(self.i.payload),
            written.eq(ring.write_enable & (group == station.groups - 1)),
        ]
        with m.If(ring.write_enable):
            advance(m, group, station.groups)
            advance(m, target, words)

        left = Signal(range(reach + 1), init=station.height * station.width + margin)
        full, begin, enable, issue = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            begin.eq((lead >= station.span + 1) | ((lead >= left) if station.span else 0)),
            enable.eq(~full | self.o.ready),
            issue.eq(begin & enable),
            ring.read_enable.eq(issue),
        ]
        with m.If(enable):
            m.d.sync += full.eq(begin)

        walk = Walk(m, loops(station), issue)
        m.d.comb += moved.eq(Mux(issue, walk.hop("pixels", reach + 1), 0))
        with m.If(issue):
            m.d.sync += left.eq(left - moved)
            with m.If(walk.last.all()):
                m.d.sync += left.eq(left.init)

        source = Signal(range(words), init=-margin * station.groups % words)
        following = source + walk.hop("address", words)
        with m.If(issue):
            m.d.sync += source.eq(Mux(following >= words, following - words, following))
        width = station.i.type.width
        element = Const(station.fill, signed(width)).as_unsigned() if station.fill else Const(0)
        fill = element.replicate(station.i.width // width) if station.fill else element
        outside = walk.outside(station.height, station.width, station.padding)
        m.d.comb += [
            ring.read_address.eq(source),
            self.o.valid.eq(full),
            self.o.payload.eq(Mux(outside, fill, ring.read_data)),
        ]
        return m
