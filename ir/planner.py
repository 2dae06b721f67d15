"""From a network and what is asked of the hardware to a plan of stations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import gcd
from typing import Any

import numpy as np

from ir.attention import Attend, Correlate, Mix, Recall
from ir.errors import SpikewrightError
from ir.fold import Fold, Hardware
from ir.folding import solve
from ir.layers import (
    LIF,
    Add,
    Attention,
    Edge,
    Input,
    Layer,
    MaxPool,
    Readout,
    ShiftAdd,
    Synapse,
    map_size,
)
from ir.network import Network
from ir.plan import (
    Accumulate,
    Align,
    Buffer,
    Classify,
    Fork,
    Join,
    Link,
    Maximum,
    Merge,
    Neurons,
    Plan,
    SerialNeurons,
    Split,
    Station,
    Window,
)
from ir.plan import Synapse as SynapseStation
from ir.tile import Reorder, Stepwise, Tile
from ir.types import IntType


def build(network: Network, hardware: Hardware) -> Plan:
    """Return the plan with every buffer and window at its most generous size.

    ``ir.sizing.fit`` then gives each the smallest size that keeps the interval.

    Raises
    ------
    SpikewrightError
        If folds are illegal, the budget is too small, or ``steps_per_pass`` is not T.
    """
    if hardware.steps_per_pass != network.steps:
        raise SpikewrightError(
            f"Hardware has steps_per_pass {hardware.steps_per_pass}; allowed is {network.steps}, "
            f"all time steps of the network."
        )
    return assemble(network, hardware, solve(network, hardware))


def assemble(network: Network, hardware: Hardware, folds: Mapping[str, Fold]) -> Plan:
    """Return the plan of legal folds, one for every layer that folds; see :func:`build`."""
    return _Builder(network, hardware, folds).build()


class _Builder:
    """Walks the layers once and appends stations."""

    def __init__(self, network: Network, hardware: Hardware, folds: Mapping[str, Fold]) -> None:
        self.network = network
        self.hardware = hardware
        self.folds = folds
        self.stations: list[Station] = []
        self.ready: dict[tuple[str, str, int], Link] = {}  # (producer, consumer, input) -> link
        self.lanes: dict[str, int] = {}

    def build(self) -> Plan:
        source = None
        link = None
        for layer in self.network.layers:
            self.lanes[layer.name] = self._output_lanes(layer)
            if isinstance(layer, Input):
                first = self._consumers(layer)[0][0]
                takes_any = isinstance(first, (LIF, Add, ShiftAdd))
                self.lanes[layer.name] = 1 if takes_any else self._wanted_lanes(first, 0)
                link = source = self._link(layer)
            else:
                inputs = tuple(
                    self._arrive(self.ready[name, layer.name, index], layer, index)
                    for index, name in enumerate(layer.inputs)
                )
                link = self._add(layer, inputs)
            self._depart(layer, link)
        assert source is not None
        assert link is not None
        folds = {name: (fold.pe, fold.simd) for name, fold in self.folds.items()}
        return Plan(self.network.steps, tuple(self.stations), source, link, folds)

    def _put(self, station: Station) -> Link:
        self.stations.append(station)
        return station.o

    def _link(self, layer: Layer, *, type: IntType | None = None, order: str | None = None) -> Link:
        """Return the link of a layer's output; with an ``order``, one step per word."""
        edge, lanes = self.network.edges[layer.name], self.lanes[layer.name]
        words = edge.positions * edge.channels // lanes
        found = Link(layer.name, words, lanes, edge.steps, type or edge.type, layer.name)
        if order is None:
            return found
        return replace(found, words=words * edge.steps, steps=1, order=order, time=edge.steps)

    def _table(self, layer: Layer) -> bool:
        fold = self.folds.get(layer.name)
        return fold is not None and fold.kind == "table"

    def _consumers(self, layer: Layer) -> list[tuple[Layer, int]]:
        return [
            (other, index)
            for other in self.network.layers
            for index, name in enumerate(other.inputs)
            if name == layer.name
        ]

    def _output_lanes(self, layer: Layer) -> int:
        if isinstance(layer, MaxPool) and self._tile_by_tile(layer):
            return self.lanes[layer.inputs[0]]
        if isinstance(layer, (Synapse, Attention, MaxPool)):
            return self.folds[layer.name].pe
        if isinstance(layer, Readout):
            return 1
        if isinstance(layer, (Add, ShiftAdd)):
            return max(self.lanes[name] for name in layer.inputs)
        return self.lanes[layer.inputs[0]] if layer.inputs else 1

    def _wanted_lanes(self, layer: Layer, index: int) -> int:
        if isinstance(layer, (Synapse, Readout)):
            return self.folds[layer.name].simd
        if isinstance(layer, Attention):
            fold, width = self.folds[layer.name], self.network.edges[layer.name].channels
            return fold.pe if fold.first == "qk" else max(fold.pe, width // layer.heads)
        if isinstance(layer, MaxPool):
            return self.folds[layer.name].pe
        return self.lanes[layer.name]

    def _depart(self, layer: Layer, link: Link) -> None:
        """Fork the output of ``layer`` if several inputs take it."""
        consumers = self._consumers(layer)
        links = [link]
        if len(consumers) > 1:
            links = [
                link.renamed(f"{layer.name}.to.{other.name}.{index}") for other, index in consumers
            ]
            self.stations.append(Fork(layer.name, (link,), tuple(links)))
        for (other, index), branch in zip(consumers, links, strict=False):
            self.ready[layer.name, other.name, index] = branch

    def _arrive(self, link: Link, layer: Layer, index: int) -> Link:
        """Cut or join words to the wanted lanes, and buffer a branch that meets others.

        The buffer comes last: attention holds a word for many cycles, in which the next one forms.
        """
        base = f"{layer.name}.i{index}"
        if self._table(layer):
            assert isinstance(layer, Synapse)
            return self._tiled(link, layer, base)
        if isinstance(layer, LIF):
            return link
        if not self._tile_by_tile(layer):
            link = self._parallel(link, layer, index, base)
            link = self._convert(link, layer.name, base, self._wanted_lanes(layer, index))
        if len(layer.inputs) == 1:
            return link
        out = link.renamed(f"{base}.buffer")
        whole = sum(s.kind in ("reorder", "attend", "recall") for s in self.stations)
        return self._put(Buffer(layer.name, (link,), (out,), 2 * (1 + whole) * link.words))

    def _tile_by_tile(self, layer: Layer) -> bool:
        """Return whether a layer takes its inputs channel group by channel group, as they come."""
        arriving = [self.ready[name, layer.name, k] for k, name in enumerate(layer.inputs)]
        shapes = {(link.order, link.lanes, link.time) for link in arriving}
        return (
            isinstance(layer, (MaxPool, Add, ShiftAdd, Readout))
            and len(shapes) == 1
            and arriving[0].order == "CPT"
        )

    def _parallel(self, link: Link, layer: Layer, index: int, base: str) -> Link:
        """Return ``link`` with whole positions and all steps in a word."""
        source = self.network.edges[layer.inputs[index]]
        if link.order != "PCT":
            out = link.renamed(f"{base}.reorder", order="PCT")
            size = source.height, source.width
            link = self._put(Reorder(layer.name, (link,), (out,), *size, tiled=False))
        if link.time > 1:
            out = link.renamed(
                f"{base}.steps",
                words=link.words // link.time,
                steps=link.time,
                time=1,
            )
            link = self._put(Merge(layer.name, (link,), (out,)))
        return link

    def _tiled(self, link: Link, layer: Synapse, base: str) -> Link:
        """Return ``link`` as a tile takes it: one step a word, once per pass."""
        fold, source = self.folds[layer.name], self.network.edges[layer.inputs[0]]
        lanes = gcd(link.lanes, fold.simd)
        if _serial_order(link) and lanes not in (link.lanes, fold.simd):
            link = self._parallel(link, layer, 0, base)  # words that fit in neither direction
        if _serial_order(link) is None:
            link = self._convert(link, layer.name, base, lanes)
        if link.steps > 1:
            steps = link.steps
            out = link.renamed(f"{base}.serial", words=link.words * steps, steps=1, time=steps)
            link = self._put(Split(layer.name, (link,), (out,)))
        parts = link.lanes // lanes
        if parts > 1:
            out = link.renamed(f"{base}.split", words=link.words * parts, lanes=lanes)
            link = self._put(Split(layer.name, (link,), (out,)))
        edge = self.network.edges[layer.name]
        repeats = edge.channels // fold.pe
        passes = repeats * (layer.fan_in // fold.simd)
        out = link.renamed(
            f"{layer.name}.reorder",
            words=passes * edge.positions * link.time,
            lanes=fold.simd,
            order="PCT",
        )
        shape = layer.kernel, layer.stride, layer.padding
        size = source.height, source.width
        return self._put(Reorder(layer.name, (link,), (out,), *size, *shape, repeats, parts=parts))

    def _convert(self, link: Link, layer: str, base: str, lanes: int) -> Link:
        common = gcd(link.lanes, lanes)
        if link.lanes > common:
            words = link.words * link.lanes // common
            out = link.renamed(f"{base}.split", words=words, lanes=common)
            link = self._put(Split(layer, (link,), (out,)))
        if lanes > common:
            words = link.words * common // lanes
            out = link.renamed(f"{base}.merge", words=words, lanes=lanes)
            link = self._put(Merge(layer, (link,), (out,)))
        return link

    def _add(self, layer: Layer, inputs: tuple[Link, ...]) -> Link:
        edge = self.network.edges[layer.name]
        if isinstance(layer, Synapse):
            sums = self._sum_type(layer, inputs[0].type)
            if self._table(layer):
                return self._tile(layer, inputs[0], self._link(layer, type=sums, order="CPT"))
            return self._synapse(layer, inputs[0], self._link(layer, type=sums))
        if isinstance(layer, LIF):
            return self._put(self._neurons(layer, inputs[0]))
        if isinstance(layer, MaxPool):
            source = self.network.edges[layer.inputs[0]]
            shape = (layer.kernel, layer.stride, layer.padding)
            fill = min(0, inputs[0].type.low)
            taps = self._window(layer, inputs[0], source, shape, 1, "group", fill)
            out = self._link(layer, type=inputs[0].type, order=_serial_order(taps))
            return self._put(Maximum(layer.name, (taps,), (out,), layer.kernel**2))
        if isinstance(layer, Add):
            sums = inputs[0].type + inputs[1].type
            out = self._link(layer, type=sums, order=_serial_order(inputs[0]))
            return self._put(Join(layer.name, inputs, (out,)))
        if isinstance(layer, ShiftAdd):
            return self._align(layer, inputs, edge)
        if isinstance(layer, Attention):
            return self._attention(layer, inputs, self._link(layer))
        assert isinstance(layer, Readout)
        return self._readout(layer, inputs[0])

    def _window(
        self,
        layer: Layer,
        link: Link,
        source: Edge,
        shape: tuple[int, int, int],
        repeats: int,
        order: str,
        fill: int = 0,
    ) -> Link:
        kernel, stride, padding = shape
        # Channel groups one after the other are maps of their own, their steps words of a pixel.
        groups = link.time if link.order == "CPT" else source.channels // link.lanes
        maps = link.words // (source.positions * groups)
        height, width = map_size(layer, source, kernel, stride, padding)
        words = maps * height * width * repeats * kernel**2 * groups
        capacity = max(2 * source.positions, (kernel - 1) * (source.width + 1) + 2)
        return self._put(
            Window(
                layer.name,
                (link,),
                (link.renamed(f"{layer.name}.window", words=words),),
                source.height,
                source.width,
                groups,
                kernel,
                stride,
                padding,
                repeats,
                order,
                capacity,
                fill,
            )
        )

    def _synapse(self, layer: Synapse, link: Link, out: Link) -> Link:
        fold = self.folds[layer.name]
        neuron_fold = int(layer.weight.shape[0]) // fold.pe
        if layer.kernel > 1 or layer.stride > 1 or neuron_fold > 1:
            source = self.network.edges[layer.inputs[0]]
            shape = (layer.kernel, layer.stride, layer.padding)
            link = self._window(layer, link, source, shape, neuron_fold, "tap")
        return self._put(
            SynapseStation(
                layer.name,
                (link,),
                (out,),
                layer.scheme,
                layer.kernel,
                neuron_fold,
                layer.fan_in // fold.simd,
            )
        )

    def _tile(self, layer: Synapse, link: Link, out: Link) -> Link:
        fold = self.folds[layer.name]
        neuron_fold = int(layer.weight.shape[0]) // fold.pe
        folds = neuron_fold, layer.fan_in // fold.simd
        return self._put(
            Tile(
                layer.name,
                (link,),
                (out,),
                layer.scheme,
                layer.kernel,
                *folds,
                fold.loaders,
                self.hardware.fabric,
            )
        )

    def _sum_type(self, layer: Synapse, activation: IntType) -> IntType:
        if self.hardware.widths == "actual":
            return layer.sum_type(activation)
        return _format_sum(layer.scheme.code_type, activation, layer.fan_in)

    def _neurons(self, layer: LIF, link: Link) -> Neurons:
        """Return the neurons of a layer: all steps side by side, or one after the other."""
        threshold, bias = _range(layer.threshold), _range(layer.bias)
        fields = {"threshold": _field(threshold), "bias": _field(bias)}
        if self.hardware.widths == "format":
            threshold, bias = fields["threshold"], fields["bias"]
        scale = 1 << layer.neuron.frac_bits
        sums = IntType(link.type.low * scale, link.type.high * scale)
        current = sums + bias
        edge = self.network.edges[layer.name]
        h, v = layer.neuron.reach(current, threshold, edge.steps)
        common: dict[str, Any] = {"current": current, "h": h, "v": v, **fields}
        groups = edge.channels // self.lanes[layer.name]
        order = _serial_order(link)
        if order is None:
            unit = SerialNeurons if self._rests(link, edge.steps) else Neurons
            return unit(layer.name, (link,), (self._link(layer),), layer.neuron, groups, **common)
        out = self._link(layer, order=order)
        positions = edge.positions
        return Stepwise(
            layer.name, (link,), (out,), layer.neuron, groups, positions=positions, **common
        )

    def _rests(self, link: Link, steps: int) -> bool:
        """Return whether words of ``link`` are always at least T >= 2 cycles apart."""
        return any(
            isinstance(station, SynapseStation) and station.synapse_fold >= steps >= 2
            for station in self.stations
            if link in station.outputs
        )

    def _align(self, layer: ShiftAdd, inputs: tuple[Link, ...], edge: Edge) -> Link:
        a, b = (link.type for link in inputs)
        shift = IntType.of_width(_range(layer.shifts).width, signed=False)
        total = layer.sum_type(a, b)
        if self.hardware.widths == "format":
            ends = np.array([[low, high] for high in (0, shift.high) for low in (0, shift.high)]).T
            total = layer.sum_type(a, b, ends)
        order = _serial_order(inputs[0])
        out = self._link(layer, type=total, order=order)
        groups = edge.channels // out.lanes
        run = 1 if order is None else out.words // groups
        return self._put(Align(layer.name, inputs, (out,), groups, shift, run))

    def _attention(self, layer: Attention, inputs: tuple[Link, ...], out: Link) -> Link:
        edge, fold = self.network.edges[layer.name], self.folds[layer.name]
        name, tokens, width = layer.name, edge.positions, edge.channels // layer.heads
        if fold.first == "kv":
            return self._put(Attend(name, inputs, (out,), tokens, layer.heads, width, fold.simd))
        parallel, chunks = max(1, fold.pe // width), max(1, width // fold.pe)
        groups, visits = edge.channels // fold.pe, tokens // fold.simd
        q, k, v = inputs
        q = self._repeat(f"{name}.q.window", layer, q, chunks, visits)
        k, v = (
            self._put(
                Recall(
                    name,
                    (link,),
                    (
                        Link(
                            f"{name}.{noun}.recall",
                            visits * tokens * groups,
                            fold.simd * link.lanes,
                            link.steps,
                            link.type,
                        ),
                    ),
                    tokens,
                    groups,
                    chunks,
                )
            )
            for noun, link in (("k", k), ("v", v))
        )
        words = k.words // chunks
        dots = Link(f"{name}.map", words, parallel * fold.simd, k.steps, IntType(0, width))
        entries = self._put(Correlate(name, (q, k), (dots,), parallel, chunks))
        entries = self._repeat(f"{name}.map.window", layer, entries, 1, chunks)
        return self._put(Mix(name, (entries, v), (out,), parallel, visits, chunks))

    def _repeat(self, name: str, layer: Layer, link: Link, groups: int, repeats: int) -> Link:
        """Read each run of ``groups`` words ``repeats`` times."""
        if repeats == 1:
            return link
        out = link.renamed(name, words=link.words * repeats)
        size = link.words // groups
        shape = (size, 1, groups, 1, 1, 0, repeats, "tap", 2 * size)
        return self._put(Window(layer.name, (link,), (out,), *shape))

    def _readout(self, layer: Readout, link: Link) -> Link:
        source = self.network.edges[layer.inputs[0]]
        fold = self.folds[layer.name]
        total = link.type.times(source.steps * source.positions)
        count = source.channels // link.lanes
        # Channel groups that come one after the other are summed up one after the other.
        tiled = link.order == "CPT"
        folds = (source.positions * link.time, 1) if tiled else (source.positions, count)
        sums = Link(f"{layer.name}.sum", count, link.lanes, 1, total)
        link = self._put(Accumulate(layer.name, (link,), (sums,), *folds))
        link = self._convert(link, layer.name, f"{layer.name}.sums", fold.simd)
        groups = source.channels // fold.simd
        classes = layer.weight.shape[0]
        repeats = classes // fold.pe
        if repeats > 1:
            single = Edge(source.channels, 1, 1, 1, total)
            link = self._window(layer, link, single, (1, 1, 0), repeats, "tap")
        bias = _field(_range(layer.bias))
        logits = self.network.edges[layer.name].type
        products = Synapse(layer.name, (), layer.scheme, layer.weight[:, :, None, None]).sum_type(
            total
        )
        if self.hardware.widths == "format":
            products = _format_sum(layer.scheme.code_type, total, source.channels)
            logits = products + bias
        out = Link(f"{layer.name}.products", repeats, fold.pe, 1, products)
        link = self._put(
            SynapseStation(layer.name, (link,), (out,), layer.scheme, 1, repeats, groups)
        )
        link = self._convert(link, layer.name, f"{layer.name}.products", 1)
        out = Link(layer.name, classes, 1, 1, logits.hull(products), layer.name)
        return self._put(Classify(layer.name, (link,), (out,), classes, bias))


def _serial_order(link: Link) -> str | None:
    """Return the order of a link that carries one step a word; None if all steps."""
    return link.order if link.order == "CPT" or link.time > 1 else None


def _range(values: object) -> IntType:
    array = np.asarray(values)
    return IntType(int(array.min()), int(array.max()))


def _field(values: IntType) -> IntType:
    """Return the signed field that holds a range: thresholds and biases are stored signed."""
    width = IntType(min(values.low, -1), values.high).width
    return IntType.of_width(width, signed=True)


def _format_sum(code: IntType, activation: IntType, fan_in: int) -> IntType:
    """Return the range of any sum of ``fan_in`` products of any code and activation."""
    ends = [c * a for c in (code.low, code.high) for a in (activation.low, activation.high)]
    return IntType(min(0, *ends), max(0, *ends)).times(fan_in)
