"""Engine of a layer: its stations, from its fold and the words that arrive."""

from __future__ import annotations

from typing import Any

import numpy as np

from ir.arrival import Words, convert, sliced
from ir.attention import Attend, Correlate, Mix, Recall
from ir.fold import Fold, Hardware
from ir.layers import (
    LIF,
    Add,
    Attention,
    Edge,
    Layer,
    MaxPool,
    Readout,
    ShiftAdd,
    Synapse,
    map_size,
)
from ir.network import Network
from ir.plan import Align, Join, Link, Maximum, Neurons, SerialNeurons, Station, Window
from ir.plan import Synapse as SynapseStation
from ir.readout import Accumulate, Classify
from ir.tile import Stepwise, Tile
from ir.types import IntType


def engine(
    network: Network,
    hardware: Hardware,
    layer: Layer,
    fold: Fold | None,
    links: tuple[Link, ...],
    apart: int = 0,
) -> tuple[list[Station], Words]:
    """Return the stations of a layer behind its arrival, and the words that leave them.

    Parameters
    ----------
    network : Network
    hardware : Hardware
        Of it ``widths`` and ``fabric`` are used.
    layer : Layer
        Any but the input.
    fold : Fold or None
        Of a layer that folds.
    links : tuple of Link
        As :func:`ir.arrival.arrive` gives them.
    apart : int
        Cycles from one word of the first to the next at least; 0 where nothing is known of them.
    """
    built = _Engine(network, hardware, layer, fold)
    link = built.add(links, apart)
    last = built.stations[-1]
    apart = last.synapse_fold if isinstance(last, SynapseStation) else 0
    return built.stations, Words(link, min(apart, network.steps))


class _Engine:
    """Collects the stations of one layer."""

    def __init__(
        self, network: Network, hardware: Hardware, layer: Layer, fold: Fold | None
    ) -> None:
        self.network, self.hardware, self.layer, self.given = network, hardware, layer, fold
        self.stations: list[Station] = []

    @property
    def fold(self) -> Fold:
        """Fold of a layer that folds."""
        assert self.given is not None
        return self.given

    @property
    def edge(self) -> Edge:
        """Shape and range of the layer's output."""
        return self.network.edges[self.layer.name]

    def _put(self, station: Station) -> Link:
        self.stations.append(station)
        return station.o

    def _convert(self, link: Link, base: str, lanes: int) -> Link:
        stations, link = convert(link, self.layer.name, base, lanes)
        self.stations += stations
        return link

    def _link(
        self, lanes: int, *, type: IntType | None = None, order: str = "PCT", steps: int = 0
    ) -> Link:
        """Return the link of the layer's output, all steps a word unless ``steps`` says fewer."""
        edge, name = self.edge, self.layer.name
        steps = steps or edge.steps
        time = edge.steps // steps
        words = edge.positions * edge.channels // lanes * time
        return Link(name, words, lanes, steps, type or edge.type, name, order, time)

    def add(self, inputs: tuple[Link, ...], apart: int) -> Link:
        """Append the stations behind the arrival; ``apart`` is that of the first input's words."""
        layer, first = self.layer, inputs[0]
        if isinstance(layer, Synapse):
            sums = self._sum_type(layer, first.type)
            table = self.fold.kind == "table"
            order = "CPT" if table else "PCT"
            out = self._link(self.fold.pe, type=sums, order=order, steps=first.steps)
            return self._tile(layer, first, out) if table else self._synapse(layer, first, out)
        if isinstance(layer, LIF):
            return self._put(self._neurons(layer, first, apart))
        if isinstance(layer, MaxPool):
            source = self.network.edges[layer.inputs[0]]
            shape = (layer.kernel, layer.stride, layer.padding)
            taps = self._window(first, source, shape, 1, "group", min(0, first.type.low))
            out = self._link(taps.lanes, type=taps.type, order=taps.order, steps=taps.steps)
            return self._put(Maximum(layer.name, (taps,), (out,), layer.kernel**2))
        if isinstance(layer, Add):
            sums = inputs[0].type + inputs[1].type
            out = self._link(first.lanes, type=sums, order=first.order, steps=first.steps)
            return self._put(Join(layer.name, inputs, (out,)))
        if isinstance(layer, ShiftAdd):
            return self._align(layer, inputs)
        if isinstance(layer, Attention):
            return self._attention(layer, inputs)
        assert isinstance(layer, Readout)
        return self._readout(layer, first)

    def _window(
        self,
        link: Link,
        source: Edge,
        shape: tuple[int, int, int],
        repeats: int,
        order: str,
        fill: int = 0,
    ) -> Link:
        kernel, stride, padding = shape
        # Channel groups one after the other are maps of their own, their steps words of a pixel.
        groups = link.time * (1 if link.order == "CPT" else source.channels // link.lanes)
        maps = link.words // (source.positions * groups)
        name = self.layer.name
        height, width = map_size(self.layer, source, kernel, stride, padding)
        words = maps * height * width * repeats * kernel**2 * groups
        capacity = max(2 * source.positions, (kernel - 1) * (source.width + 1) + 2)
        out = link.renamed(f"{name}.window", words=words)
        map_of = source.height, source.width, groups
        return self._put(
            Window(name, (link,), (out,), *map_of, *shape, repeats, order, capacity, fill)
        )

    def _synapse(self, layer: Synapse, link: Link, out: Link) -> Link:
        fold = self.fold
        neuron_fold = int(layer.weight.shape[0]) // fold.pe
        source = self.network.edges[layer.inputs[0]]
        turned = link.time > 1 and source.channels > link.lanes  # all groups of a slice in a row
        if layer.kernel > 1 or layer.stride > 1 or neuron_fold > 1 or turned:
            shape = (layer.kernel, layer.stride, layer.padding)
            link = self._window(link, source, shape, neuron_fold, "tap")
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
        fold = self.fold
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

    def _neurons(self, layer: LIF, link: Link, apart: int) -> Neurons:
        """Return the neurons of a layer: all steps side by side, or one after the other."""
        threshold, bias = IntType.of(layer.threshold), IntType.of(layer.bias)
        fields = {"threshold": _field(threshold), "bias": _field(bias)}
        if self.hardware.widths == "format":
            threshold, bias = fields["threshold"], fields["bias"]
        scale = 1 << layer.neuron.frac_bits
        sums = IntType(link.type.low * scale, link.type.high * scale)
        current = sums + bias
        edge, lanes = self.edge, link.lanes
        h, v = layer.neuron.reach(current, threshold, edge.steps)
        common: dict[str, Any] = {"current": current, "h": h, "v": v, **fields}
        groups = edge.channels // lanes
        if not sliced(link):
            # Words that are always at least T cycles apart leave time for one step after the other.
            rests = apart >= edge.steps >= 2
            unit = SerialNeurons if rests else Neurons
            out = self._link(lanes)
            return unit(layer.name, (link,), (out,), layer.neuron, groups, **common)
        out = self._link(lanes, order=link.order, steps=1)
        positions = edge.positions
        return Stepwise(
            layer.name, (link,), (out,), layer.neuron, groups, positions=positions, **common
        )

    def _align(self, layer: ShiftAdd, inputs: tuple[Link, ...]) -> Link:
        a, b = (link.type for link in inputs)
        shift = IntType.of_width(IntType.of(layer.shifts).width, signed=False)
        total = layer.sum_type(a, b)
        if self.hardware.widths == "format":
            ends = np.array([[low, high] for high in (0, shift.high) for low in (0, shift.high)]).T
            total = layer.sum_type(a, b, ends)
        first = inputs[0]
        out = self._link(first.lanes, type=total, order=first.order, steps=first.steps)
        groups = self.edge.channels // out.lanes
        run = out.words // groups if out.order == "CPT" else out.time
        return self._put(Align(layer.name, inputs, (out,), groups, shift, run))

    def _attention(self, layer: Attention, inputs: tuple[Link, ...]) -> Link:
        edge, fold = self.edge, self.fold
        out = self._link(fold.pe)
        name, tokens, width = layer.name, edge.positions, edge.channels // layer.heads
        if fold.first == "kv":
            return self._put(Attend(name, inputs, (out,), tokens, layer.heads, width, fold.simd))
        parallel, chunks = max(1, fold.pe // width), max(1, width // fold.pe)
        groups, visits = edge.channels // fold.pe, tokens // fold.simd
        q, k, v = inputs
        q = self._repeat(f"{name}.q.window", q, chunks, visits)
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
        entries = self._repeat(f"{name}.map.window", entries, 1, chunks)
        return self._put(Mix(name, (entries, v), (out,), parallel, visits, chunks))

    def _repeat(self, name: str, link: Link, groups: int, repeats: int) -> Link:
        """Read each run of ``groups`` words ``repeats`` times."""
        if repeats == 1:
            return link
        out = link.renamed(name, words=link.words * repeats)
        size = link.words // groups
        shape = (size, 1, groups, 1, 1, 0, repeats, "tap", 2 * size)
        return self._put(Window(self.layer.name, (link,), (out,), *shape))

    def _readout(self, layer: Readout, link: Link) -> Link:
        source, fold = self.network.edges[layer.inputs[0]], self.fold
        total = link.type.times(source.steps * source.positions)
        count = source.channels // link.lanes
        # Channel groups that come one after the other are summed up one after the other.
        tiled = link.order == "CPT"
        folds = (source.positions * link.time, 1) if tiled else (source.positions, count)
        sums = Link(f"{layer.name}.sum", count, link.lanes, 1, total)
        link = self._put(Accumulate(layer.name, (link,), (sums,), *folds))
        link = self._convert(link, f"{layer.name}.sums", fold.simd)
        groups = source.channels // fold.simd
        classes = layer.weight.shape[0]
        repeats = classes // fold.pe
        if repeats > 1:
            single = Edge(source.channels, 1, 1, 1, total)
            link = self._window(link, single, (1, 1, 0), repeats, "tap")
        bias = _field(IntType.of(layer.bias))
        logits = self.edge.type
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
        link = self._convert(link, f"{layer.name}.products", 1)
        out = Link(layer.name, classes, 1, 1, logits.hull(products), layer.name)
        return self._put(Classify(layer.name, (link,), (out,), classes, bias))


def _field(values: IntType) -> IntType:
    """Return the signed field that holds a range: thresholds and biases are stored signed."""
    width = IntType(min(values.low, -1), values.high).width
    return IntType.of_width(width, signed=True)


def _format_sum(code: IntType, activation: IntType, fan_in: int) -> IntType:
    """Return the range of any sum of ``fan_in`` products of any code and activation."""
    ends = [c * a for c in (code.low, code.high) for a in (activation.low, activation.high)]
    return IntType(min(0, *ends), max(0, *ends)).times(fan_in)
