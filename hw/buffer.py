"""First-in first-out memory between stations."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import fifo, wiring

from hw.corner import Corner
from hw.stream import Engine, advance
from ir import plan


class Buffer(Engine):
    """First-in first-out memory; large ones keep their words in block RAM.

    Parameters
    ----------
    station : ir.plan.Buffer

    Members
    -------
    i : In(stream)
    o : Out(stream)

    Timing
    ------
    Latency 1 cycle, 2 where the words lie in block RAM, throughput 1 transfer per cycle;
    ``i.ready`` depends on registers only. Depth 0 is a wire.
    """

    station: plan.Buffer

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if not self.station.depth:
            wiring.connect(m, wiring.flipped(self.i), wiring.flipped(self.o))
        elif self.station.block:
            self._deep(m)
        else:
            m.submodules.memory = memory = fifo.SyncFIFO(
                width=self.station.i.width + self.parity_bits, depth=self.station.depth
            )
            m.d.comb += [
                memory.w_data.eq(self.guard(self.i.payload)),
                memory.w_en.eq(self.i.valid),
                self.i.ready.eq(memory.w_rdy),
                self.o.payload.eq(memory.r_data),
                self.o.valid.eq(memory.r_rdy),
                memory.r_en.eq(self.o.ready),
            ]
            self.check(m, memory.r_rdy, memory.r_data)
        return m

    def _deep(self, m: Module) -> None:
        """Add a ring in block RAM whose output register holds the oldest word."""
        depth = self.station.depth - 1
        m.submodules.ring = ring = Corner(self.station.i.width, 1, depth)
        self.gather(m, ring)
        held, full = Signal(range(depth + 1)), Signal()
        write, read = Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(held != depth),
            self.o.valid.eq(full),
            self.o.payload.eq(ring.read_data),
            write.eq(self.i.valid & self.i.ready),
            read.eq((held != 0) & (~full | self.o.ready)),
            ring.write_enable.eq(write),
            ring.write_data.eq(self.i.payload),
            ring.read_enable.eq(read),
        ]
        m.d.sync += held.eq(held + write - read)
        with m.If(~full | self.o.ready):
            m.d.sync += full.eq(read)
        with m.If(write):
            advance(m, ring.write_address, depth)
        with m.If(read):
            advance(m, ring.read_address, depth)
