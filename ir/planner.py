"""From a network and what is asked of the hardware to a plan of stations."""

from __future__ import annotations

from math import gcd

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
    Split,
    Station,
    Window,
)
from ir.plan import Synapse as SynapseStation
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
    return _Builder(network, hardware, solve(network, hardware)).build()


class _Builder:
    """Walks the layers once and appends stations."""

    def __init__(self, network: Network, hardware: Hardware, folds: dict[str, Fold]) -> None:
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
                link = source = self._link(layer, self.network.edges[layer.name])
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

    def _link(self, layer: Layer, edge: Edge, *, type: IntType | None = None) -> Link:
        lanes = self.lanes[layer.name]
        words = edge.positions * edge.channels // lanes
        return Link(layer.name, words, lanes, edge.steps, type or edge.type, layer.name)

    def _consumers(self, layer: Layer) -> list[tuple[Layer, int]]:
        return [
            (other, index)
            for other in self.network.layers
            for index, name in enumerate(other.inputs)
            if name == layer.name
        ]

    def _output_lanes(self, layer: Layer) -> int:
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
                Link(f"{layer.name}.to.{other.name}.{index}", *_shape(link))
                for other, index in consumers
            ]
            self.stations.append(Fork(layer.name, (link,), tuple(links)))
        for (other, index), branch in zip(consumers, links, strict=False):
            self.ready[layer.name, other.name, index] = branch

    def _arrive(self, link: Link, layer: Layer, index: int) -> Link:
        """Cut or join words to the wanted lanes, and buffer a branch that meets others.

        The buffer comes last: attention holds a word for many cycles, in which the next one forms.
        """
        base = f"{layer.name}.i{index}"
        link = self._convert(link, layer.name, base, self._wanted_lanes(layer, index))
        if len(layer.inputs) == 1:
            return link
        out = Link(f"{base}.buffer", *_shape(link))
        return self._put(Buffer(layer.name, (link,), (out,), 2 * link.words))

    def _convert(self, link: Link, layer: str, base: str, lanes: int) -> Link:
        common = gcd(link.lanes, lanes)
        rest = link.steps, link.type
        if link.lanes > common:
            out = Link(f"{base}.split", link.words * link.lanes // common, common, *rest)
            link = self._put(Split(layer, (link,), (out,)))
        if lanes > common:
            out = Link(f"{base}.merge", link.words * common // lanes, lanes, *rest)
            link = self._put(Merge(layer, (link,), (out,)))
        return link

    def _add(self, layer: Layer, inputs: tuple[Link, ...]) -> Link:
        edge = self.network.edges[layer.name]
        if isinstance(layer, Synapse):
            out = self._link(layer, edge, type=self._sum_type(layer, inputs[0].type))
            return self._synapse(layer, inputs[0], out)
        if isinstance(layer, LIF):
            return self._put(self._neurons(layer, inputs[0], self._link(layer, edge)))
        if isinstance(layer, MaxPool):
            source = self.network.edges[layer.inputs[0]]
            shape = (layer.kernel, layer.stride, layer.padding)
            fill = min(0, inputs[0].type.low)
            taps = self._window(layer, inputs[0], source, shape, 1, "group", fill)
            out = self._link(layer, edge, type=inputs[0].type)
            return self._put(Maximum(layer.name, (taps,), (out,), layer.kernel**2))
        if isinstance(layer, Add):
            out = self._link(layer, edge, type=inputs[0].type + inputs[1].type)
            return self._put(Join(layer.name, inputs, (out,)))
        if isinstance(layer, ShiftAdd):
            return self._align(layer, inputs, edge)
        if isinstance(layer, Attention):
            return self._attention(layer, inputs, self._link(layer, edge))
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
        groups = source.channels // link.lanes
        height, width = map_size(layer, source, kernel, stride, padding)
        words = height * width * repeats * kernel**2 * groups
        capacity = max(2 * source.positions, (kernel - 1) * (source.width + 1) + 2)
        return self._put(
            Window(
                layer.name,
                (link,),
                (Link(f"{layer.name}.window", words, *_shape(link)[1:]),),
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

    def _sum_type(self, layer: Synapse, activation: IntType) -> IntType:
        if self.hardware.widths == "actual":
            return layer.sum_type(activation)
        return _format_sum(layer.scheme.code_type, activation, layer.fan_in)

    def _neurons(self, layer: LIF, link: Link, out: Link) -> Neurons:
        threshold, bias = _range(layer.threshold), _range(layer.bias)
        fields = {"threshold": _field(threshold), "bias": _field(bias)}
        if self.hardware.widths == "format":
            threshold, bias = fields["threshold"], fields["bias"]
        scale = 1 << layer.neuron.frac_bits
        sums = IntType(link.type.low * scale, link.type.high * scale)
        current = sums + bias
        h, v = layer.neuron.reach(current, threshold, out.steps)
        groups = self.network.edges[layer.name].channels // out.lanes
        return Neurons(
            layer.name, (link,), (out,), layer.neuron, groups, current=current, h=h, v=v, **fields
        )

    def _align(self, layer: ShiftAdd, inputs: tuple[Link, ...], edge: Edge) -> Link:
        a, b = (link.type for link in inputs)
        shift = IntType.of_width(_range(layer.shifts).width, signed=False)
        total = layer.sum_type(a, b)
        if self.hardware.widths == "format":
            ends = np.array([[low, high] for high in (0, shift.high) for low in (0, shift.high)]).T
            total = layer.sum_type(a, b, ends)
        out = self._link(layer, edge, type=total)
        return self._put(Align(layer.name, inputs, (out,), edge.channels // out.lanes, shift))

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
        out = Link(name, link.words * repeats, *_shape(link)[1:])
        size = link.words // groups
        shape = (size, 1, groups, 1, 1, 0, repeats, "tap", 2 * size)
        return self._put(Window(layer.name, (link,), (out,), *shape))

    def _readout(self, layer: Readout, link: Link) -> Link:
        source = self.network.edges[layer.inputs[0]]
        fold = self.folds[layer.name]
        total = link.type.times(source.steps * source.positions)
        groups = source.channels // fold.simd
        sums = Link(f"{layer.name}.sum", groups, fold.simd, 1, total)
        link = self._put(Accumulate(layer.name, (link,), (sums,), source.positions, groups))
        classes = layer.weight.shape[0]
        repeats = classes // fold.pe
        if repeats > 1:
            single = Edge(source.channels, 1, 1, 1, total)
            link = self._window(layer, link, single, (1, 1, 0), repeats, "tap")
        bias = _field(_range(layer.bias))
        logits = self.network.edges[layer.name].type
        products = Synapse(
            layer.name, (), layer.scheme, layer.weight[:, :, None, None]
        ).sum_type(total)
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


def _shape(link: Link) -> tuple[int, int, int, IntType]:
    return link.words, link.lanes, link.steps, link.type


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
