"""Time-serial LIF unit: one step per word, the membrane kept in a register."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value

from hw.memory import Memory
from hw.neuron import advanced
from hw.stream import Engine, Pipeline, advance, elements, shape
from ir import tile
from ir.image import Image


class Stepwise(Engine):
    """Spikes of ``lanes`` neurons, one time step per cycle.

    Parameters
    ----------
    station : ir.tile.Stepwise
    image : ir.image.Image
        Thresholds and biases.

    Members
    -------
    i : In(stream)
        Sums of weights, steps of the same neurons one after the other.
    o : Out(stream)
        Spikes in the same order.

    Timing
    ------
    Latency 3 cycles, throughput 1 transfer per cycle; respects backpressure. A static word is taken
    with the last of its T steps.
    """

    station: tile.Stepwise

    def __init__(self, station: tile.Stepwise, image: Image) -> None:
        super().__init__(station)
        self.memory = self.parameters = Memory(image.width, station.groups, image.name, image.words)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        station = self.station
        m.submodules.parameters = parameters = self.parameters
        self.gather(m, parameters)
        pipeline = Pipeline(m, station.latency, self.i.valid, self.o.ready)
        visit = Signal()
        m.d.comb += [
            visit.eq(self.i.valid & pipeline.enable[0]),
            self.o.valid.eq(pipeline.valid[-1]),
            parameters.enable.eq(pipeline.enable[0]),
        ]

        # Which step a visit is, and with it whether word and parameters change.
        step_in, step_out = Signal(range(station.o.time)), Signal(range(station.o.time))
        last_step = Signal()
        m.d.comb += last_step.eq(step_in == station.o.time - 1)
        m.d.comb += self.i.ready.eq(pipeline.enable[0] & (last_step if station.repeats > 1 else 1))
        address = Signal(len(parameters.address))
        position = Signal(range(station.positions))
        m.d.comb += parameters.address.eq(address)
        with m.If(visit):
            advance(m, step_in, station.o.time)
            with m.If(last_step):
                if station.i.order == "PCT":
                    advance(m, address, station.groups)
                else:
                    advance(m, position, station.positions)
                    with m.If(position == station.positions - 1):
                        advance(m, address, station.groups)

        word = Signal(station.i.width, reset_less=True)
        with m.If(pipeline.enable[0]):
            m.d.sync += word.eq(self.i.payload)
        with m.If(pipeline.enable[2] & pipeline.valid[1]):
            advance(m, step_out, station.o.time)
        field = station.threshold.width + station.bias.width
        for lane, (total,) in enumerate(elements(word, station.i)):
            both = parameters.data[lane * field : (lane + 1) * field]
            threshold = both[: station.threshold.width].as_signed()
            bias = both[station.threshold.width :].as_signed()
            held = Signal(shape(station.threshold), name=f"threshold_{lane}", reset_less=True)
            current = Signal(shape(station.current), name=f"current_{lane}", reset_less=True)
            with m.If(pipeline.enable[1]):
                shifted = total << station.neuron.frac_bits
                m.d.sync += [held.eq(threshold), current.eq(shifted + bias)]
            membrane = Signal(shape(station.v), name=f"v_{lane}", reset_less=True)
            before: Value = Mux(step_out == 0, station.neuron.initial, membrane)
            spike, after = advanced(m, station, before, current, held, str(lane))
            with m.If(pipeline.enable[2] & pipeline.valid[1]):
                m.d.sync += [membrane.eq(after), self.o.payload[lane].eq(spike)]
        return m
