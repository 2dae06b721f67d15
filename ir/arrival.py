"""Arrival: words that leave a layer become words as the next one takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

from ir.fold import Fold
from ir.folding import steps_of
from ir.layers import LIF, Add, Attention, Layer, MaxPool, Readout, ShiftAdd, Synapse
from ir.network import Network
from ir.plan import Buffer, Link, Merge, Split, Station
from ir.tile import Reorder


@dataclass(frozen=True)
class Words:
    """What leaves a layer.

    Parameters
    ----------
    link : Link
    apart : int
        Cycles from one word to the next at least; 0 where nothing is known of them.
    """

    link: Link
    apart: int = 0


def wanted(layer: Layer, fold: Fold | None, network: Network) -> int:
    """Return the lanes that a layer wants at its inputs; 0 where any will do."""
    if fold is None:
        return 0
    if isinstance(layer, (Synapse, Readout)):
        return fold.simd
    if isinstance(layer, Attention) and fold.first != "qk":
        return max(fold.pe, network.edges[layer.name].channels // layer.heads)
    return fold.pe


def sliced(link: Link) -> bool:
    """Return whether the steps of a position's channels are words of their own."""
    return link.order == "CPT" or link.time > 1


def as_it_comes(layer: Layer, fold: Fold | None, links: Sequence[Link]) -> bool:
    """Return whether a layer takes its inputs group by group, or slice by slice."""
    if len({(link.order, link.lanes, link.time) for link in links}) > 1:
        return False
    link = links[0]
    if link.order == "CPT":
        return isinstance(layer, (MaxPool, Add, ShiftAdd, Readout))
    if isinstance(layer, MaxPool) and link.time > 1:  # unless its fold asks for more a cycle
        assert fold is not None
        return link.lanes >= fold.pe * link.time
    return isinstance(layer, (Add, ShiftAdd)) and link.time > 1


def arrive(
    network: Network, layer: Layer, fold: Fold | None, words: Sequence[Words], wholes: int = 0
) -> tuple[list[Station], tuple[Link, ...], int]:
    """Return the stations between the layers before and the engine of a layer.

    A branch that meets others is buffered last, as attention holds a word for many cycles, in which
    the next one forms: generously, for a sample more with each station that takes it whole.

    Parameters
    ----------
    network : Network
    layer : Layer
        Any but the input.
    fold : Fold or None
        Of a layer that folds; of a stream of weights ``pe`` does not matter, of a table ``loaders``
        do not.
    words : sequence of Words
        What arrives at each input.
    wholes : int
        Stations before that take a whole sample at once.

    Returns
    -------
    list of Station
    tuple of Link
        To the engine.
    int
        Cycles from one word of the first of them to the next at least.
    """
    arrival = _Arrival(network, layer, fold)
    links = arrival.take([each.link for each in words], wholes)
    apart = words[0].apart
    for station in arrival.stations:
        apart *= station.ratio if isinstance(station, Merge) else 1
    return arrival.stations, links, apart


def convert(link: Link, layer: str, base: str, lanes: int) -> tuple[list[Station], Link]:
    """Return stations that cut and join words to ``lanes`` channels, and the link behind them."""
    stations: list[Station] = []
    common = gcd(link.lanes, lanes)
    if link.lanes > common:
        words = link.words * link.lanes // common
        out = link.renamed(f"{base}.split", words=words, lanes=common)
        stations.append(Split(layer, (link,), (out,)))
        link = out
    if lanes > common:
        words = link.words * common // lanes
        out = link.renamed(f"{base}.merge", words=words, lanes=lanes)
        stations.append(Merge(layer, (link,), (out,)))
        link = out
    return stations, link


class _Arrival:
    """Collects the stations."""

    def __init__(self, network: Network, layer: Layer, fold: Fold | None) -> None:
        self.network, self.layer, self.fold = network, layer, fold
        self.stations: list[Station] = []

    def take(self, links: Sequence[Link], wholes: int) -> tuple[Link, ...]:
        """Append what the layer needs before its engine, and return the links to that."""
        if self.fold is not None and self.fold.kind == "table":
            return (self._tiled(links[0]),)
        if isinstance(self.layer, LIF):
            return (links[0] if links[0].steps == 1 else self._paced(links[0], 0),)
        taken, direct = [], as_it_comes(self.layer, self.fold, links)
        for index, link in enumerate(links):
            if not direct:
                lanes = wanted(self.layer, self.fold, self.network)
                link = self._fitted(link, index, lanes or max(each.lanes for each in links))
            if len(links) > 1:
                out = link.renamed(f"{self._base(index)}.buffer")
                reorders = sum(s.kind == "reorder" for s in self.stations)
                depth = 2 * (1 + wholes + reorders) * link.words
                link = self._put(Buffer(self.layer.name, (link,), (out,), depth))
            taken.append(link)
        return tuple(taken)

    def _put(self, station: Station) -> Link:
        self.stations.append(station)
        return station.o

    def _base(self, index: int) -> str:
        return f"{self.layer.name}.i{index}"

    def _converted(self, link: Link, index: int, lanes: int) -> Link:
        stations, link = convert(link, self.layer.name, self._base(index), lanes)
        self.stations += stations
        return link

    def _fitted(self, link: Link, index: int, lanes: int) -> Link:
        """Return ``link`` position by position, with the lanes and steps that the layer wants."""
        link = self._placed(link, index)
        if link.lanes != lanes:  # steps are innermost: lanes are cut and joined with all of them
            link = self._converted(self._paced(link, index), index, lanes)
        if isinstance(self.layer, Synapse):
            assert self.fold is not None
            return self._paced(link, index, steps_of(self.layer, self.fold, self.network))
        return self._paced(link, index)

    def _placed(self, link: Link, index: int) -> Link:
        """Return ``link`` position by position."""
        if link.order == "PCT":
            return link
        source = self.network.edges[self.layer.inputs[index]]
        out = link.renamed(f"{self._base(index)}.reorder", order="PCT")
        size = source.height, source.width
        return self._put(Reorder(self.layer.name, (link,), (out,), *size, tiled=False))

    def _paced(self, link: Link, index: int, steps: int = 0) -> Link:
        """Return ``link`` with ``steps`` time steps a word; all for 0."""
        total = link.steps * link.time
        steps = steps or total

        def paced(noun: str, count: int) -> Link:
            words, time = link.words * link.steps // count, total // count
            name = f"{self._base(index)}.{noun}"
            return link.renamed(name, words=words, steps=count, time=time)

        common = gcd(link.steps, steps)
        if link.steps > common:
            link = self._put(Split(self.layer.name, (link,), (paced("serial", common),)))
        if steps > common:
            link = self._put(Merge(self.layer.name, (link,), (paced("steps", steps),)))
        return link

    def _tiled(self, link: Link) -> Link:
        """Return ``link`` as a tile takes it: one step a word, once per pass."""
        layer, fold = self.layer, self.fold
        assert isinstance(layer, Synapse)
        assert fold is not None
        source = self.network.edges[layer.inputs[0]]
        lanes = gcd(link.lanes, fold.simd)
        if sliced(link) and lanes not in (link.lanes, fold.simd):
            # Words that fit in neither direction.
            link = self._paced(self._placed(link, 0), 0)
        if not sliced(link):
            link = self._converted(link, 0, lanes)
        link = self._paced(link, 0, 1)
        parts = link.lanes // lanes
        if parts > 1:
            name = f"{self._base(0)}.split"
            out = link.renamed(name, words=link.words * parts, lanes=lanes)
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
