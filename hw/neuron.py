"""LIF unit: the hardware twin of :meth:`ir.neuron.Neuron.step`, one register per time step."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, ValueLike

from hw.memory import Memory
from hw.stream import Engine, Pipeline, advance, elements, shape
from ir import plan
from ir.image import Image
from ir.types import IntType


class Neurons(Engine):
    """Spikes of all time steps of ``lanes`` neurons per cycle.

    Parameters
    ----------
    station : ir.plan.Neurons
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
    Latency T + 2 cycles, throughput 1 transfer per cycle; respects backpressure.
    """

    station: plan.Neurons

    def __init__(self, station: plan.Neurons, image: Image) -> None:
        super().__init__(station)
        self.parameters = Memory(image.width, station.groups, image.name, image.words)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        station = self.station
        m.submodules.parameters = parameters = self.parameters
        pipeline = Pipeline(m, station.latency, self.i.valid, self.o.ready)

        word = Signal(station.i.width)
        address = Signal(len(parameters.address))
        m.d.comb += [
            self.i.ready.eq(pipeline.enable[0]),
            self.o.valid.eq(pipeline.valid[-1]),
            parameters.enable.eq(pipeline.enable[0]),
            parameters.address.eq(address),
        ]
        with m.If(pipeline.enable[0]):
            m.d.sync += word.eq(self.i.payload)
        with m.If(self.i.valid & self.i.ready):
            advance(m, address, station.groups)

        field = station.threshold.width + station.bias.width
        for lane, sums in enumerate(elements(word, station.i)):
            both = parameters.data[lane * field : (lane + 1) * field]
            threshold = both[: station.threshold.width].as_signed()
            bias = both[station.threshold.width :].as_signed()
            spikes = self._lane(m, pipeline.enable, sums, threshold, bias)
            steps = station.o.steps
            m.d.comb += self.o.payload[lane * steps : (lane + 1) * steps].eq(spikes)
        return m

    def _lane(
        self, m: Module, enable: list[Value], sums: list[Value], threshold: Value, bias: Value
    ) -> Value:
        """Add the registers of one neuron; return its spikes."""
        station = self.station
        neuron = station.neuron
        current = [Signal(shape(station.current), name="current") for _ in sums]
        held = Signal.like(threshold, name="threshold")
        with m.If(enable[1]):
            m.d.sync += held.eq(threshold)
            m.d.sync += [
                i.eq((total << neuron.frac_bits) + bias)
                for i, total in zip(current, sums, strict=True)
            ]
        static = len(sums) == 1
        v: ValueLike = neuron.initial
        spikes: Value | None = None
        for t in range(station.o.steps):
            last = t == station.o.steps - 1
            spike, after = self._step(m, Value.cast(v), current[0], held)
            before, spikes = spikes, Signal(t + 1, name=f"spikes_{t}")
            v = Signal(shape(station.v), name=f"v_{t}")
            following = current if static else current[1:]
            moved = [] if last else [Signal.like(held), *(Signal.like(i) for i in following)]
            with m.If(enable[2 + t]):
                m.d.sync += spikes.eq(spike if before is None else before | (spike << t))
                if not last:
                    m.d.sync += v.eq(after)
                m.d.sync += [
                    new.eq(old) for new, old in zip(moved, [held, *following], strict=False)
                ]
            if moved:
                held, *current = moved
        assert spikes is not None
        return spikes

    def _step(self, m: Module, v: Value, i: Value, threshold: Value) -> tuple[Value, Value]:
        """Return (spike, membrane after reset) of one time step."""
        station = self.station
        neuron, membrane = station.neuron, station.neuron.membrane
        h = Signal(shape(station.h), name="h")
        if neuron.charge == "half":
            m.d.comb += h.eq((v + i) >> 1)
        elif neuron.charge == "shift":
            m.d.comb += h.eq(v - (v >> neuron.leak_shift) + i)
        else:
            m.d.comb += h.eq(v + i)
        bounded: Value = h
        if station.h.high > membrane.high:
            bounded = Mux(bounded > membrane.high, membrane.high, bounded)
        if station.h.low < membrane.low:
            bounded = Mux(bounded < membrane.low, membrane.low, bounded)
        low, high = max(station.h.low, membrane.low), min(station.h.high, membrane.high)
        saturated = Signal(shape(IntType(min(low, high), max(low, high))), name="saturated")
        spike = Signal(name="spike")
        m.d.comb += [
            saturated.eq(bounded),
            spike.eq(saturated >= threshold if neuron.fire == ">=" else saturated > threshold),
        ]
        if neuron.reset == "zero":
            return spike, Mux(spike, 0, saturated)
        if neuron.reset == "subtract":
            return spike, saturated - Mux(spike, threshold, 0)
        return spike, saturated
