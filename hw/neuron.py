"""LIF unit: the hardware twin of :meth:`ir.neuron.Neuron.step`, one register per time step."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Shape, Signal, Value, unsigned

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
        self.memory = self.parameters = Memory(image.width, station.groups, image.name, image.words)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        station = self.station
        m.submodules.parameters = parameters = self.parameters
        self.gather(m, parameters)
        pipeline = Pipeline(m, station.latency, self.i.valid, self.o.ready)

        word = Signal(station.i.width, reset_less=True)
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
            spikes = self._lane(m, pipeline.enable, lane, sums, threshold, bias)
            steps = station.o.steps
            m.d.comb += self.o.payload[lane * steps : (lane + 1) * steps].eq(spikes)
        return m

    def _lane(
        self,
        m: Module,
        enable: list[Value],
        lane: int,
        sums: list[Value],
        threshold: Value,
        bias: Value,
    ) -> Value:
        """Add the registers of one neuron; return its spikes."""
        station = self.station
        neuron, steps = station.neuron, station.o.steps

        def register(like: Shape, noun: str) -> Signal:
            return Signal(like, name=f"{noun}_{lane}", reset_less=True)

        held = register(shape(station.threshold), "threshold")
        current = [register(shape(station.current), f"current_{t}") for t in range(len(sums))]
        with m.If(enable[1]):
            m.d.sync += held.eq(threshold)
            for i, total in zip(current, sums, strict=True):
                m.d.sync += i.eq((total << neuron.frac_bits) + bias)

        v, spikes = Value.cast(neuron.initial), Value.cast(0)
        for t in range(steps):
            spike, after = advanced(m, station, v, current[0], held, f"{t}_{lane}")
            moved = [(register(unsigned(t + 1), f"spikes_{t}"), spikes[:t] | (spike << t))]
            if t < steps - 1:
                moved.append((register(shape(station.v), f"v_{t}"), after))
                moved.append((register(held.shape(), f"threshold_{t}"), held))
                following = current if len(sums) == 1 else current[1:]
                moved += [(register(i.shape(), f"current_{t}"), i) for i in following]
            with m.If(enable[2 + t]):
                m.d.sync += [new.eq(old) for new, old in moved]
            spikes = moved[0][0]
            if t < steps - 1:
                v, held, *current = (new for new, _ in moved[1:])
        return spikes


def advanced(
    m: Module, station: plan.Neurons, v: Value, i: Value, threshold: Value, name: str
) -> tuple[Value, Value]:
    """Return (spike, membrane after reset) of one time step.

    Parameters
    ----------
    m : Module
        Receives the signals, which end in ``name``.
    station : ir.plan.Neurons
    v, i, threshold : Value
        Membrane before the step, current with bias, threshold.
    """
    neuron, membrane = station.neuron, station.neuron.membrane
    h = Signal(shape(station.h), name=f"h_{name}")
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
    within = IntType(min(low, high), max(low, high))
    saturated = Signal(shape(within), name=f"saturated_{name}")
    spike = Signal(name=f"spike_{name}")
    m.d.comb += [
        saturated.eq(bounded),
        spike.eq(saturated >= threshold if neuron.fire == ">=" else saturated > threshold),
    ]
    if neuron.reset == "zero":
        return spike, Mux(spike, 0, saturated)
    if neuron.reset == "subtract":
        return spike, saturated - Mux(spike, threshold, 0)
    return spike, saturated
