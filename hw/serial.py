"""LIF unit that makes one time step per cycle."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal

from hw.memory import Memory
from hw.neuron import advanced
from hw.stream import Engine, advance, elements, shape
from ir import plan
from ir.image import Image


class SerialNeurons(Engine):
    """Spikes of all time steps of ``lanes`` neurons, one time step per cycle.

    Parameters
    ----------
    station : ir.plan.SerialNeurons
    image : ir.image.Image
        Thresholds and biases.

    Members
    -------
    i : In(stream)
        Sums of weights; one step if static.
    o : Out(stream)
        Spikes of T steps.

    Timing
    ------
    Latency T + 2 cycles, throughput 1 transfer per T cycles; respects backpressure. The spikes so
    far are the output register: while a complete word waits, no step is made.
    """

    station: plan.SerialNeurons

    def __init__(self, station: plan.SerialNeurons, image: Image) -> None:
        super().__init__(station)
        self.memory = self.parameters = Memory(image.width, station.groups, image.name, image.words)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        station = self.station
        steps = station.o.steps
        m.submodules.parameters = parameters = self.parameters
        self.gather(m, parameters)
        word = Signal(station.i.width, reset_less=True)
        address = Signal(len(parameters.address))
        held, charged, complete = Signal(), Signal(), Signal()
        step, last = Signal(range(steps)), Signal()
        free, load, final = Signal(), Signal(), Signal()
        m.d.comb += [
            free.eq(~complete | self.o.ready),
            load.eq(~charged | free),
            final.eq(step == steps - 1),
            self.i.ready.eq(~held | (load & final)),
            self.o.valid.eq(complete),
            parameters.enable.eq(self.i.ready),
            parameters.address.eq(address),
        ]
        with m.If(load):
            m.d.sync += charged.eq(held)
            with m.If(held):
                advance(m, step, steps)
                m.d.sync += last.eq(final)
        with m.If(self.i.ready):
            m.d.sync += [held.eq(self.i.valid), word.eq(self.i.payload)]
            with m.If(self.i.valid):
                advance(m, address, station.groups)
        moving = load & held & ~self.i.ready
        with m.If(self.o.ready):
            m.d.sync += complete.eq(0)
        stepping = charged & free
        with m.If(stepping):
            m.d.sync += complete.eq(last)

        field = station.threshold.width + station.bias.width
        width = station.i.type.width
        for lane, sums in enumerate(elements(word, station.i)):
            both = parameters.data[lane * field : (lane + 1) * field]
            threshold = Signal(shape(station.threshold), name=f"threshold_{lane}", reset_less=True)
            current = Signal(shape(station.current), name=f"current_{lane}", reset_less=True)
            bias = both[station.threshold.width :].as_signed()
            with m.If(load):
                m.d.sync += [
                    threshold.eq(both[: station.threshold.width].as_signed()),
                    current.eq((sums[0] << station.neuron.frac_bits) + bias),
                ]
            if len(sums) > 1:
                low = lane * steps * width
                lane_word = word[low : low + steps * width]
                with m.If(moving):
                    m.d.sync += lane_word.eq(lane_word >> width)
            v = Signal(shape(station.v), name=f"v_{lane}", init=station.neuron.initial)
            spike, after = advanced(m, station, v, current, threshold, f"{lane}")
            spikes = self.o.payload[lane * steps : (lane + 1) * steps]
            with m.If(stepping):
                m.d.sync += [
                    v.eq(Mux(last, station.neuron.initial, after)),
                    spikes.eq(Cat(spikes[1:], spike)),
                ]
        return m
