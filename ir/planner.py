"""From a network and what is asked of the hardware to a plan of stations."""

from __future__ import annotations

from collections.abc import Mapping

from ir.arrival import Words, arrive, wanted
from ir.engine import engine
from ir.fold import Fold, Hardware
from ir.folding import solve
from ir.layers import Input, Layer
from ir.network import Network
from ir.plan import Fork, Link, Plan, Station

_WHOLE = ("reorder", "attend", "recall")
"""Kinds of stations that take a whole sample before they give."""


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
    stations: list[Station] = []
    ready: dict[tuple[str, str, int], Words] = {}  # (producer, consumer, input)
    source = link = None
    for layer in network.layers:
        if isinstance(layer, Input):
            first = consumers(layer, network)[0][0]
            lanes = wanted(first, folds.get(first.name), network) or 1
            words = entering(layer, lanes, network)
            source = words.link
        else:
            arriving = [ready[name, layer.name, k] for k, name in enumerate(layer.inputs)]
            wholes = sum(station.kind in _WHOLE for station in stations)
            fold = folds.get(layer.name)
            before, links, apart = arrive(network, layer, fold, arriving, wholes)
            built, words = engine(network, hardware, layer, fold, links, apart)
            stations += before + built
        link = words.link
        fork, leaving = departing(layer, words, network)
        stations += fork
        for (other, k), branch in zip(consumers(layer, network), leaving, strict=False):
            ready[layer.name, other.name, k] = branch
    assert source is not None
    assert link is not None
    fold_of = {name: (fold.pe, fold.simd) for name, fold in folds.items()}
    more = {"parity": hardware.parity, "reload": hardware.reload}
    return Plan(network.steps, tuple(stations), source, link, fold_of, **more)


def entering(layer: Input, lanes: int, network: Network) -> Words:
    """Return the words of the input, with as many lanes as the first layer wants."""
    edge, name = network.edges[layer.name], layer.name
    words = edge.positions * edge.channels // lanes
    return Words(Link(name, words, lanes, edge.steps, edge.type, name))


def departing(
    layer: Layer, words: Words, network: Network
) -> tuple[tuple[Station, ...], tuple[Words, ...]]:
    """Return a fork where several inputs take the output of a layer, and the words to each."""
    takers = consumers(layer, network)
    if len(takers) < 2:
        return (), (words,)
    links = tuple(
        words.link.renamed(f"{layer.name}.to.{other.name}.{index}") for other, index in takers
    )
    return (Fork(layer.name, (words.link,), links),), tuple(map(Words, links))


def consumers(layer: Layer, network: Network) -> list[tuple[Layer, int]]:
    """Return the layers that take the output of a layer, each with the number of the input."""
    return [
        (other, index)
        for other in network.layers
        for index, name in enumerate(other.inputs)
        if name == layer.name
    ]
