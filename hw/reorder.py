"""Order-changing buffer: a sample is written in one order and read in another."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value

from hw.corner import Corner
from hw.loops import Loop, Walk
from hw.stream import Engine
from ir import tile


def writing(station: tile.Reorder) -> list[Loop]:
    """Return the loop nest of the writer, innermost first; ``row`` counts slots."""
    time, positions = station.i.time, station.positions
    part = Loop(station.parts, address=positions * time)
    step = Loop(time, address=1)
    place = Loop(positions, address=time)
    slot = Loop(station.ratio, row=1)
    group = Loop(station.groups // station.parts, address=station.parts * positions * time)
    bank = Loop(0, address=station.groups * positions * time)
    if station.i.order == "PCT":
        return [part, step, slot, group, place, bank]
    return [part, step, place, slot, group, bank]


def reading(station: tile.Reorder) -> list[Loop]:
    """Return the loop nest of the reader, innermost first."""
    time, positions = station.i.time, station.positions
    width, stride = station.width, station.stride
    step = Loop(time, address=1)
    group = Loop(station.groups, address=positions * time)
    bank = Loop(0, address=station.groups * positions * time)
    if not station.tiled:
        return [step, group, Loop(positions, address=time), bank]
    return [
        step,
        Loop(station.out_width, address=stride * time, column=stride),
        Loop(station.out_height, address=stride * width * time, row=stride),
        group,
        Loop(station.kernel, address=time, column=1),
        Loop(station.kernel, address=width * time, row=1),
        Loop(station.repeats),
        bank,
    ]


class Reorder(Engine):
    """Two banks: one takes a sample while the other is read.

    Parameters
    ----------
    station : ir.tile.Reorder

    Members
    -------
    i : In(stream)
        Words in the order of the input link.
    o : Out(stream)
        Words in the order of the station; taps outside the map are zero.

    Timing
    ------
    A sample is read from the cycle after its last word was taken, one word a cycle, latency 1
    cycle. It is taken from the cycle after the last read of the sample before the previous one.
    """

    station: tile.Reorder

    def elaborate(self, platform: object) -> Module:
        m = Module()
        station = self.station
        m.submodules.corner = corner = Corner(station.i.width, station.ratio, station.depth)
        self.gather(m, corner)
        waiting = Signal(range(3))
        taken, issue, full = Signal(), Signal(), Signal()
        written, read = Signal(), Signal()
        m.d.sync += waiting.eq(waiting + written - read)
        m.d.comb += [
            self.i.ready.eq(waiting != 2),
            taken.eq(self.i.valid & self.i.ready),
            issue.eq((waiting != 0) & (~full | self.o.ready)),
        ]
        with m.If(~full | self.o.ready):
            m.d.sync += full.eq(issue)

        writer = Walk(m, writing(station), taken, "write")
        reader = Walk(m, reading(station), issue, "read")
        m.d.comb += [
            written.eq(taken & writer.last.all()),
            read.eq(issue & reader.last.all()),
            corner.write_enable.eq(taken),
            corner.write_address.eq(_travel(m, writer, "address", station.depth, taken)),
            corner.write_data.eq(self.i.payload),
            corner.read_enable.eq(issue),
        ]
        if station.ratio > 1:
            slot = _travel(m, writer, "row", 1 << len(corner.write_slot), taken)
            m.d.comb += corner.write_slot.eq(slot)
        margin = (station.padding * station.width + station.padding) * station.i.time
        m.d.comb += corner.read_address.eq(
            _travel(m, reader, "address", station.depth, issue, -margin % station.depth)
        )
        outside = reader.outside(station.height, station.width, station.padding)
        m.d.comb += [
            self.o.valid.eq(full),
            self.o.payload.eq(Mux(outside, 0, corner.read_data)),
        ]
        return m


def _travel(m: Module, walk: Walk, field: str, modulus: int, go: Value, start: int = 0) -> Signal:
    """Return a position below ``modulus`` that a walk moves on, around its end."""
    at = Signal(range(modulus), init=start, name=f"{walk.name}_{field}_at")
    following: Value = at + walk.hop(field, modulus)
    if modulus != 1 << len(at):
        following = Mux(following >= modulus, following - modulus, following)
    with m.If(go):
        m.d.sync += at.eq(following)
    return at
