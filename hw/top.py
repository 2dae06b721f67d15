"""The accelerator: all stations of a plan, joined, with cycle counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accumulate import Accumulate
from hw.align import Align
from hw.attention import Attend
from hw.buffer import Buffer
from hw.classify import Classify, layout
from hw.correlate import Correlate
from hw.join import Join
from hw.maximum import Maximum
from hw.mix import Mix
from hw.neuron import Neurons
from hw.recall import Recall
from hw.reload import Bus, connect
from hw.reorder import Reorder
from hw.serial import SerialNeurons
from hw.spikes import Spikes
from hw.stepwise import Stepwise
from hw.stream import Engine, Fork, Merge, Split, port
from hw.synapse import Synapse
from hw.tile import Tile
from hw.window import Window
from ir import plan as plans
from ir import readout
from ir.errors import SpikewrightError
from ir.image import Image, shapes
from ir.registers import spiking

TOP = "accelerator"
"""Name of the Verilog module."""

COUNTERS = ("cycles", "samples", "latency", "interval", "input_stalls", "output_stalls")

ENGINES: dict[str, type[Engine]] = {
    "fork": Fork,
    "buffer": Buffer,
    "split": Split,
    "merge": Merge,
    "window": Window,
    "synapse": Synapse,
    "neurons": Neurons,
    "serial_neurons": SerialNeurons,
    "maximum": Maximum,
    "join": Join,
    "align": Align,
    "attend": Attend,
    "recall": Recall,
    "correlate": Correlate,
    "mix": Mix,
    "accumulate": Accumulate,
    "classify": Classify,
    "reorder": Reorder,
    "tile": Tile,
    "stepwise": Stepwise,
}


def identifier(name: str) -> str:
    """Return the Verilog name of a layer, link or station: dots become underscores."""
    return name.replace(".", "_")


def engine(station: plans.Station, images: Mapping[str, Image]) -> Engine:
    """Return the engine of a station, with its memory image if it has one."""
    kind = ENGINES[station.kind]
    if station.name in images:
        return kind(station, images[station.name])  # type: ignore[call-arg]
    return kind(station)


@dataclass(frozen=True)
class Probe:
    """Wires of the top that show a layer's output link; nothing inside depends on them.

    Parameters
    ----------
    valid, ready, payload : Signal
        Named ``probe_<layer>__valid`` and so on, in Amaranth, in Verilog and in waveforms.
    """

    valid: Signal
    ready: Signal
    payload: Signal

    @classmethod
    def of(cls, layer: str, width: int) -> Probe:
        """Return the probe of a layer whose link has ``width`` [bit]."""
        widths = {"valid": 1, "ready": 1, "payload": width}
        wires = {
            part: Signal(bits, name=f"probe_{identifier(layer)}__{part}", attrs={"keep": 1})
            for part, bits in widths.items()
        }
        return cls(**wires)


def check(plan: plans.Plan) -> None:
    """Refuse what :class:`Accelerator` cannot build.

    Raises
    ------
    SpikewrightError
        If two names differ only in dots and underscores.
    """
    for names in ([station.name for station in plan.stations], list(plan.probes)):
        taken: dict[str, str] = {}
        for name in names:
            other = taken.setdefault(identifier(name), name)
            if other != name:
                raise SpikewrightError(
                    f"Names {other} and {name} would both become {identifier(name)} in Verilog."
                )


def ports(plan: plans.Plan, *, spikes: bool = False) -> dict[str, wiring.Member]:
    """Return the members of an :class:`Accelerator`."""
    last = plan.stations[-1]
    assert isinstance(last, readout.Classify)
    found = {"i": In(port(plan.source)), "o": Out(stream.Signature(layout(last)))}
    counters = [f"spikes{n}" for n in range(len(spiking(plan)))] if spikes else []
    found |= {name: Out(32) for name in (*COUNTERS, *counters)}
    found |= {"fault": Out(1)} if plan.parity else {}
    return found | ({"reload": In(Bus(plan))} if plan.reload else {})


class Accelerator(wiring.Component):
    """A whole network in hardware.

    Parameters
    ----------
    plan : ir.plan.Plan
    images : mapping of station name to ir.image.Image
        As :func:`ir.image.images` returns them.
    spikes : bool
        Whether the spikes of every layer of neurons are counted.

    Attributes
    ----------
    probes : dict of layer name to Probe
        Wires on which a bench watches the output of every layer; synthesis removes them.

    Members
    -------
    i : In(stream)
        Samples, in the format of the plan's source link.
    o : Out(stream of logit, label, last)
        One transfer per class.
    cycles : Out(32)
        Cycles since the first input transfer, which has number 0.
    samples : Out(32)
        Samples that have left completely.
    latency : Out(32)
        Cycles from the first input transfer to the last output transfer of the first sample.
    interval : Out(32)
        Cycles between the last output transfers of the last two samples.
    input_stalls, output_stalls : Out(32)
        Cycles, from the first input transfer on, in which the accelerator waited for its source,
        and for its sink.
    fault : Out(1)
        Only if the plan has parity: high from at most five cycles after a word with a flipped bit
        was read until reset.
    reload : In(Bus)
        Only if the plan has it: writes the memories with an image, and reads them back.
    spikes0, spikes1.. : Out(32)
        Spikes that left each layer of :func:`ir.registers.spiking`, if they are counted.

    Timing
    ------
    Every transfer as :mod:`ir.schedule` predicts it.

    Raises
    ------
    SpikewrightError
        If two names differ only in dots and underscores.
    """

    def __init__(
        self, plan: plans.Plan, images: Mapping[str, Image], *, spikes: bool = False
    ) -> None:
        check(plan)
        self.plan = plan
        self.spikes = {layer: Spikes(link) for layer, link in spiking(plan).items() if spikes}
        self.probes = {layer: Probe.of(layer, link.width) for layer, link in plan.probes.items()}
        self.engines = {
            identifier(station.name): engine(station, images) for station in plan.stations
        }
        super().__init__(ports(plan, spikes=spikes))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        links: dict[str, stream.Interface] = {self.plan.source.name: wiring.flipped(self.i)}
        for name, engine in self.engines.items():
            m.submodules[name] = engine
            for link, o in zip(engine.station.outputs, engine.outputs, strict=True):
                links[link.name] = o
        for engine in self.engines.values():
            for link, i in zip(engine.station.inputs, engine.inputs, strict=True):
                self.join(m, link, links[link.name], i)
        self.join(m, self.plan.sink, links[self.plan.sink.name], wiring.flipped(self.o))
        for layer, probe in self.probes.items():
            link = self.plan.probes[layer]
            tapped = links[link.name]
            m.d.comb += [
                probe.valid.eq(tapped.valid),
                probe.ready.eq(tapped.ready),
                probe.payload.eq(Value.cast(tapped.payload)[: link.width]),
            ]
        for n, (layer, counter) in enumerate(self.spikes.items()):
            m.submodules[f"counter{n}"] = counter  # spikes0.. are ports
            probe = self.probes[layer]
            m.d.comb += [
                counter.move.eq(probe.valid & probe.ready),
                counter.payload.eq(probe.payload),
                getattr(self, f"spikes{n}").eq(counter.count),
            ]
        self._count(m)
        if self.plan.reload:
            ports = {}
            for name, (width, _) in shapes(self.plan).items():
                memory = self.engines[identifier(name)].memory
                assert memory is not None
                ports[name] = memory.open(width)
            connect(m, self.reload, list(ports.values()))
        if self.plan.parity:
            faults = Cat(engine.protect() for engine in self.engines.values())
            m.d.sync += self.fault.eq(self.fault | faults.any())
        return m

    def join(
        self, m: Module, link: plans.Link, source: stream.Interface, sink: stream.Interface
    ) -> None:
        """Connect the two ends of a link; a bench may put something between."""
        wiring.connect(m, source, sink)

    def _count(self, m: Module) -> None:
        started, running, done = Signal(), Signal(), Signal()
        previous = Signal(32)
        m.d.comb += [
            running.eq(started | (self.i.valid & self.i.ready)),
            done.eq(self.o.valid & self.o.ready & self.o.payload.last),
        ]
        with m.If(running):
            m.d.sync += [started.eq(1), self.cycles.eq(self.cycles + 1)]
            with m.If(self.i.ready & ~self.i.valid):
                m.d.sync += self.input_stalls.eq(self.input_stalls + 1)
            with m.If(self.o.valid & ~self.o.ready):
                m.d.sync += self.output_stalls.eq(self.output_stalls + 1)
        with m.If(done):
            m.d.sync += [previous.eq(self.cycles), self.samples.eq(self.samples + 1)]
            with m.If(self.samples == 0):
                m.d.sync += self.latency.eq(self.cycles)
            with m.Else():
                m.d.sync += self.interval.eq(self.cycles - previous)
