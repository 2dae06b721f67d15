"""Tile: weights stand still in tables, positions and time steps stream past."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import fifo

from hw.memory import Memory
from hw.ram import Ram
from hw.stream import Engine, advance, elements, resize
from hw.table import Table
from ir import tile
from ir.image import Image


class Tile(Engine):
    """``pe`` sums of ``simd`` inputs, one time step a cycle.

    Nothing in the pipeline ever stops: a visit begins only if the output buffer has room for its
    sum.

    Parameters
    ----------
    station : ir.tile.Tile
    image : ir.image.Image
        Weight codes, pass by pass, in the order in which the tables are loaded.

    Members
    -------
    i : In(stream)
        ``simd`` activations of one step; a pass visits every position and step.
    o : Out(stream)
        ``pe`` sums of one step.

    Timing
    ------
    A visit takes a cycle; a word of activations of b bits takes b visits, highest bit first. Sums
    are offered ``latency`` + 1 cycles after their last visit. A pass begins when its tables are
    loaded, which happens during the pass before where there are two banks.
    """

    station: tile.Tile

    def __init__(self, station: tile.Tile, image: Image) -> None:
        super().__init__(station)
        depth = station.passes * station.tables.words
        self.memory = self.weights = Memory(image.width, depth, image.name, image.words)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        station = self.station
        m.submodules.core = core = Table(station.tables, station.fabric)
        m.submodules.buffer = buffer = fifo.SyncFIFO(
            width=station.o.width + self.parity_bits, depth=station.buffer
        )
        m.d.comb += [
            self.o.payload.eq(buffer.r_data),
            self.o.valid.eq(buffer.r_rdy),
            buffer.r_en.eq(self.o.ready),
        ]
        loaded, visit, leaves = Signal(), Signal(), Signal()
        m.d.comb += core.enable.eq(1)
        self._visit(m, core, loaded, visit, leaves)
        self._load(m, core, loaded, leaves)
        partials = self._sum(m, core, visit, buffer)
        odd = buffer.r_rdy & Value.cast(buffer.r_data).xor()
        self.gather(m, core, self.weights, *partials, also=odd)
        return m

    def _visit(self, m: Module, core: Table, loaded: Signal, visit: Signal, leaves: Signal) -> None:
        """Feed the core plane by plane; ``leaves`` marks the last visit of a pass."""
        station = self.station
        plane, place = Signal(range(station.planes)), Signal(range(station.visits))
        part = Signal(range(station.synapse_fold))
        last_plane, completes, room, gap = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            last_plane.eq(plane == station.planes - 1),
            completes.eq(last_plane & (part == station.synapse_fold - 1)),
            visit.eq(self.i.valid & loaded & ~gap & (room | ~completes)),
            leaves.eq(visit & last_plane & (place == station.visits - 1)),
            self.i.ready.eq(visit & last_plane),
        ]
        with m.If(visit):
            advance(m, plane, station.planes)
            with m.If(last_plane):
                advance(m, place, station.visits)
        with m.If(leaves):
            advance(m, part, station.synapse_fold)
        if station.gap:
            idle = Signal(range(station.gap + 1))
            m.d.comb += gap.eq(idle != 0)
            with m.If(leaves):
                m.d.sync += idle.eq(station.gap)
            with m.Elif(gap):
                m.d.sync += idle.eq(idle - 1)

        outstanding = Signal(range(station.buffer + 1))
        left = self.o.valid & self.o.ready
        m.d.comb += room.eq(outstanding != station.buffer)
        m.d.sync += outstanding.eq(outstanding + (visit & completes) - left)

        for lane, (value,) in enumerate(elements(self.i.payload, station.i)):
            highest_first = value.as_unsigned()[::-1]
            m.d.comb += core.spikes[lane].eq(highest_first.bit_select(plane, 1))

    def _load(self, m: Module, core: Table, loaded: Signal, leaves: Signal) -> None:
        """Load the tables of each pass in time; ``loaded`` says that those of this pass are."""
        station = self.station
        m.submodules.weights = weights = self.weights
        address, bank = Signal(len(weights.address)), Signal()
        m.d.comb += [
            weights.enable.eq(core.code_enable),
            weights.address.eq(address),
            core.codes.eq(weights.data),
            core.bank.eq(bank),
        ]
        with m.If(core.code_enable):
            advance(m, address, weights.depth)

        # Banks that hold the tables of a pass not yet over, and those that will.
        ready, taken = Signal(range(station.banks + 1)), Signal(range(station.banks + 1))
        begun, done, frees, late = Signal(), Signal(), Signal(), Signal()
        left = Signal(range(station.tables.load_cycles + 1))
        m.d.comb += [
            core.load.eq((begun | self.i.valid) & (left == 0) & (taken != station.banks)),
            done.eq(left == 1),
            frees.eq(0 if station.resident else leaves),
            loaded.eq((ready > late) if station.resident else (ready != 0)),
        ]
        m.d.sync += [
            begun.eq(begun | self.i.valid),
            taken.eq(taken + core.load - frees),
            ready.eq(ready + done - frees),
        ]
        # The core loads the bank that is not named: before the first pass, that of this pass.
        if station.banks == 2:
            first = Signal(init=1)
            with m.If(leaves | (done & first)):
                m.d.sync += bank.eq(~bank)
            with m.If(done):
                m.d.sync += first.eq(0)
        if station.resident and station.banks == 2:
            with m.If(leaves):
                m.d.sync += late.eq(~late)
        with m.If(core.load):
            m.d.sync += left.eq(station.tables.load_cycles)
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)

    def _sum(self, m: Module, core: Table, visit: Signal, buffer: fifo.SyncFIFO) -> list[Ram]:
        """Add up planes and parts, and put complete sums into the output buffer.

        Returns the memory of partial sums, if there is one.
        """
        station = self.station
        width, tables = station.o.type.width, station.tables
        arrived = _delayed(m, visit, tables.latency, "arrived")
        found = [
            core.sums[p * tables.sum_width : (p + 1) * tables.sum_width] for p in range(station.pe)
        ]
        if station.planes > 1:
            early, found = self._planes(m, arrived[-1], found)
            use = _delayed(m, early, 1, "use")[-1]
        else:
            early, use = arrived[-2:]
            found = [self._signed(value) for value in found]

        part, place = Signal(range(station.synapse_fold)), Signal(range(station.visits))
        read_place, written_place = Signal(range(station.visits)), Signal(range(station.visits))
        first, last, stores, emits = Signal(), Signal(), Signal(), Signal()
        with m.If(early):
            advance(m, place, station.visits)
            with m.If(place == station.visits - 1):
                advance(m, part, station.synapse_fold)
        m.d.sync += [
            first.eq(part == 0),
            last.eq(part == station.synapse_fold - 1),
            read_place.eq(place),
            written_place.eq(read_place),
            stores.eq(use & ~last),
            emits.eq(use & last),
        ]
        planes = -1 if station.i.type.signed else (1 << station.planes) - 1
        start = Const(tables.offset * planes * station.synapse_fold % (1 << width), width)
        totals = [Signal(width, name=f"total_{p}", reset_less=True) for p in range(station.pe)]
        held: list[Value] = [start] * station.pe
        partials = []
        if station.synapse_fold > 1:
            m.submodules.partial = partial = Ram(width * station.pe, station.visits)
            partials.append(partial)
            m.d.comb += [
                partial.read_enable.eq(early),
                partial.read_address.eq(place),
                partial.write_enable.eq(stores),
                partial.write_address.eq(written_place),
                partial.write_data.eq(Cat(totals)),
            ]
            before = [partial.read_data[p * width : (p + 1) * width] for p in range(station.pe)]
            held = [Mux(first, start, sums) for sums in before]
        m.d.sync += [
            total.eq(before + resize(value, width))
            for total, before, value in zip(totals, held, found, strict=True)
        ]
        m.d.comb += [buffer.w_en.eq(emits), buffer.w_data.eq(self.guard(Cat(totals)))]
        return partials

    def _planes(self, m: Module, arrived: Value, found: list[Value]) -> tuple[Value, list[Value]]:
        """Return when the last plane of a word arrived, and a cycle later the sums of all."""
        station = self.station
        plane = Signal(range(station.planes))
        last_plane = Signal()
        m.d.comb += last_plane.eq(arrived & (plane == station.planes - 1))
        sums = []
        with m.If(arrived):
            advance(m, plane, station.planes)
        for p, value in enumerate(found):
            total = Signal(station.o.type.width, name=f"planes_{p}", reset_less=True)
            with m.If(arrived):
                m.d.sync += total.eq(Mux(plane == 0, self._signed(value), (total << 1) + value))
            sums.append(total)
        return last_plane, sums

    def _signed(self, value: Value) -> Value:
        """Return what a sum of the highest plane counts: it is subtracted if it holds signs."""
        if not self.station.i.type.signed:
            return value
        width = self.station.o.type.width
        return (-resize(value, width))[:width]


def _delayed(m: Module, event: Value, cycles: int, name: str) -> list[Value]:
    """Return an event and its copies one, two .. ``cycles`` cycles later."""
    found = [event]
    for k in range(cycles):
        later = Signal(name=f"{name}_{k + 1}")
        m.d.sync += later.eq(found[-1])
        found.append(later)
    return found
