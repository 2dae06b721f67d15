"""From a network and what is asked of the hardware to a plan of stations."""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd
from typing import Any

import numpy as np

from ir.attention import Attend, Correlate, Mix, Recall
from ir.fold import Fold, Hardware
from ir.folding import solve, steps_of
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
    Align,
    Buffer,
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
from ir.readout import Accumulate, Classify
from ir.tile import Reorder, Stepwise, Tile
from ir.types import IntType


def build(network: Network, hardware: Hardware) -> Plan:
    """Return the plan with every buffer and window at its most generous size.

    ``ir.sizing.fit`` then gives each the smallest size that keeps the interval.

    Raises
    ------
    SpikewrightError
        If folds are illegal, the budget is too small, or ``steps_per_pass`` does not divide T.
    """
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

    def _link(
        self, layer: Layer, *, type: IntType | None = None, order: str = "PCT", steps: int = 0
    ) -> Link:
        """Return the link of a layer's output, all steps a word unless ``steps`` says fewer."""
        edge, lanes = self.network.edges[layer.name], self.lanes[layer.name]
        steps = steps or edge.steps
        time = edge.steps // steps
        words = edge.positions * edge.channels // lanes * time
        return Link(layer.name, words, lanes, steps, type or edge.type, layer.name, order, time)

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
        if isinstance(layer, MaxPool) and self._as_it_comes(layer):
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
            return link if link.steps == 1 else self._paced(link, layer, base)
        if not self._as_it_comes(layer):
            link = self._fitted(link, layer, index, base)
        if len(layer.inputs) == 1:
            return link
        out = link.renamed(f"{base}.buffer")
        whole = sum(s.kind in ("reorder", "attend", "recall") for s in self.stations)
        return self._put(Buffer(layer.name, (link,), (out,), 2 * (1 + whole) * link.words))

    def _as_it_comes(self, layer: Layer) -> bool:
        """Return whether a layer takes its inputs group by group, or slice by slice."""
        arriving = [self.ready[name, layer.name, k] for k, name in enumerate(layer.inputs)]
        if len({(link.order, link.lanes, link.time) for link in arriving}) > 1:
            return False
        link = arriving[0]
        if link.order == "CPT":
            return isinstance(layer, (MaxPool, Add, ShiftAdd, Readout))
        if isinstance(layer, MaxPool) and link.time > 1:  # unless its fold asks for more a cycle
            return link.lanes >= self.folds[layer.name].pe * link.time
        return isinstance(layer, (Add, ShiftAdd)) and link.time > 1

    def _fitted(self, link: Link, layer: Layer, index: int, base: str) -> Link:
        """Return ``link`` position by position, with the lanes and steps that a layer wants."""
        lanes = self._wanted_lanes(layer, index)
        link = self._placed(link, layer, index, base)
        if link.lanes != lanes:  # steps are innermost: lanes are cut and joined with all of them
            link = self._convert(self._paced(link, layer, base), layer.name, base, lanes)
        if isinstance(layer, Synapse):
            steps = steps_of(layer, self.folds[layer.name], self.network)
            return self._paced(link, layer, base, steps)
        return self._paced(link, layer, base)

    def _placed(self, link: Link, layer: Layer, index: int, base: str) -> Link:
        """Return ``link`` position by position."""
        if link.order == "PCT":
            return link
        source = self.network.edges[layer.inputs[index]]
        out = link.renamed(f"{base}.reorder", order="PCT")
        size = source.height, source.width
        return self._put(Reorder(layer.name, (link,), (out,), *size, tiled=False))

    def _paced(self, link: Link, layer: Layer, base: str, steps: int = 0) -> Link:
        """Return ``link`` with ``steps`` time steps a word; all for 0."""
        total = link.steps * link.time
        steps = steps or total

        def paced(noun: str, count: int) -> Link:
            words, time = link.words * link.steps // count, total // count
            return link.renamed(f"{base}.{noun}", words=words, steps=count, time=time)

        common = gcd(link.steps, steps)
        if link.steps > common:
            link = self._put(Split(layer.name, (link,), (paced("serial", common),)))
        if steps > common:
            link = self._put(Merge(layer.name, (link,), (paced("steps", steps),)))
        return link

    def _tiled(self, link: Link, layer: Synapse, base: str) -> Link:
        """Return ``link`` as a tile takes it: one step a word, once per pass."""
        fold, source = self.folds[layer.name], self.network.edges[layer.inputs[0]]
        lanes = gcd(link.lanes, fold.simd)
        if _sliced(link) and lanes not in (link.lanes, fold.simd):
            # Words that fit in neither direction.
            link = self._paced(self._placed(link, layer, 0, base), layer, base)
        if not _sliced(link):
            link = self._convert(link, layer.name, base, lanes)
        link = self._paced(link, layer, base, 1)
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
            sums, steps = self._sum_type(layer, inputs[0].type), inputs[0].steps
            if self._table(layer):
                out = self._link(layer, type=sums, order="CPT", steps=steps)
                return self._tile(layer, inputs[0], out)
            return self._synapse(layer, inputs[0], self._link(layer, type=sums, steps=steps))
        if isinstance(layer, LIF):
            return self._put(self._neurons(layer, inputs[0]))
        if isinstance(layer, MaxPool):
            source = self.network.edges[layer.inputs[0]]
            shape = (layer.kernel, layer.stride, layer.padding)
            fill = min(0, inputs[0].type.low)
            taps = self._window(layer, inputs[0], source, shape, 1, "group", fill)
            out = self._link(layer, type=taps.type, order=taps.order, steps=taps.steps)
            return self._put(Maximum(layer.name, (taps,), (out,), layer.kernel**2))
        if isinstance(layer, Add):
            sums = inputs[0].type + inputs[1].type
            out = self._link(layer, type=sums, order=inputs[0].order, steps=inputs[0].steps)
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
        groups = link.time * (1 if link.order == "CPT" else source.channels // link.lanes)
        maps = link.words // (source.positions * groups)
        height, width = map_size(layer, source, kernel, stride, padding)
        words = maps * height * width * repeats * kernel**2 * groups
        capacity = max(2 * source.positions, (kernel - 1) * (source.width + 1) + 2)
        out = link.renamed(f"{layer.name}.window", words=words)
        map_of = source.height, source.width, groups
        return self._put(
            Window(layer.name, (link,), (out,), *map_of, *shape, repeats, order, capacity, fill)
        )

    def _synapse(self, layer: Synapse, link: Link, out: Link) -> Link:
        fold = self.folds[layer.name]
        neuron_fold = int(layer.weight.shape[0]) // fold.pe
        source = self.network.edges[layer.inputs[0]]
        turned = link.time > 1 and source.channels > link.lanes  # all groups of a slice in a row
        if layer.kernel > 1 or layer.stride > 1 or neuron_fold > 1 or turned:
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
        threshold, bias = IntType.of(layer.threshold), IntType.of(layer.bias)
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
        if not _sliced(link):
            unit = SerialNeurons if self._rests(link, edge.steps) else Neurons
            return unit(layer.name, (link,), (self._link(layer),), layer.neuron, groups, **common)
        out = self._link(layer, order=link.order, steps=1)
        positions = edge.positions
        return Stepwise(
            layer.name, (link,), (out,), layer.neuron, groups, positions=positions, **common
        )

    def _rests(self, link: Link, steps: int) -> bool:
        """Return whether words of ``link`` are always at least T >= 2 cycles apart."""
        apart = 1
        for station in reversed(self.stations):
            if link in station.outputs and isinstance(station, Merge):
                apart, link = apart * station.ratio, station.i
            elif link in station.outputs and isinstance(station, SynapseStation):
                return apart * station.synapse_fold >= steps >= 2
        return False

    def _align(self, layer: ShiftAdd, inputs: tuple[Link, ...], edge: Edge) -> Link:
        a, b = (link.type for link in inputs)
        shift = IntType.of_width(IntType.of(layer.shifts).width, signed=False)
        total = layer.sum_type(a, b)
        if self.hardware.widths == "format":
            ends = np.array([[low, high] for high in (0, shift.high) for low in (0, shift.high)]).T
            total = layer.sum_type(a, b, ends)
        out = self._link(layer, type=total, order=inputs[0].order, steps=inputs[0].steps)
        groups = edge.channels // out.lanes
        run = out.words // groups if out.order == "CPT" else out.time
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
        bias = _field(IntType.of(layer.bias))
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


def _sliced(link: Link) -> bool:
    """Return whether the steps of a position's channels are words of their own."""
    return link.order == "CPT" or link.time > 1


def _field(values: IntType) -> IntType:
    """Return the signed field that holds a range: thresholds and biases are stored signed."""
    width = IntType(min(values.low, -1), values.high).width
    return IntType.of_width(width, signed=True)


def _format_sum(code: IntType, activation: IntType, fan_in: int) -> IntType:
    """Return the range of any sum of ``fan_in`` products of any code and activation."""
    ends = [c * a for c in (code.low, code.high) for a in (activation.low, activation.high)]
    return IntType(min(0, *ends), max(0, *ends)).times(fan_in)
