"""Readout: bias of each logit, and the label."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream

from hw.memory import Memory
from hw.stream import Engine, Pipeline, advance, elements, shape
from ir import plan, readout
from ir.image import Image


def layout(station: readout.Classify) -> data.StructLayout:
    """Return the payload of the accelerator's output: ``logit``, ``label``, ``last``."""
    label = max(1, (station.classes - 1).bit_length())
    return data.StructLayout({"logit": shape(station.o.type), "label": label, "last": 1})


class Classify(Engine):
    """Logits, one class per word, and the index of the largest so far.

    Parameters
    ----------
    station : ir.readout.Classify
    image : ir.image.Image
        Biases.

    Members
    -------
    i : In(stream)
        Weighted sum of one class.
    o : Out(stream of logit, label, last)
        ``label`` is the index of the largest logit up to and including this one, the lowest index
        of equals; ``last`` marks the last class.

    Timing
    ------
    Latency 2 cycles, throughput 1 transfer per cycle; respects backpressure.
    """

    station: readout.Classify

    def __init__(self, station: readout.Classify, image: Image) -> None:
        super().__init__(station)
        self.memory = self.biases = Memory(image.width, station.classes, image.name, image.words)

    def output(self, link: plan.Link) -> stream.Signature:
        return stream.Signature(layout(self.station))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        station = self.station
        m.submodules.biases = biases = self.biases
        self.gather(m, biases)
        pipeline = Pipeline(m, 2, self.i.valid, self.o.ready)
        word = Signal(station.i.width, reset_less=True)
        address = Signal(len(biases.address))
        m.d.comb += [
            self.i.ready.eq(pipeline.enable[0]),
            self.o.valid.eq(pipeline.valid[1]),
            biases.enable.eq(pipeline.enable[0]),
            biases.address.eq(address),
        ]
        with m.If(pipeline.enable[0]):
            m.d.sync += word.eq(self.i.payload)
        with m.If(self.i.valid & self.i.ready):
            advance(m, address, station.classes)

        logit, largest = Signal(shape(station.o.type)), Signal(shape(station.o.type))
        index = Signal(range(station.classes))
        ((product,),) = elements(word, station.i)
        m.d.comb += logit.eq(product + biases.data.as_signed())
        with m.If(pipeline.enable[1] & pipeline.valid[0]):
            advance(m, index, station.classes)
            m.d.sync += [
                self.o.payload.logit.eq(logit),
                self.o.payload.last.eq(index == station.classes - 1),
            ]
            with m.If((index == 0) | (logit > largest)):
                m.d.sync += [largest.eq(logit), self.o.payload.label.eq(index)]
        return m
