from dataclasses import fields, replace

import numpy as np
import pytest

from ir.attention import Attend, Correlate, Mix, Recall
from ir.errors import SpikewrightError
from ir.fold import Hardware
from ir.folding import solve, steps_of
from ir.golden import run
from ir.layers import Add, Input, MaxPool
from ir.plan import Buffer, Link, Neurons, Plan, SerialNeurons, Synapse, Window
from ir.planner import build
from ir.schedule import schedule
from ir.tile import Stepwise
from ir.types import IntType
from tests.networks import (
    Builder,
    digits_network,
    meeting_network,
    random_hardware,
    random_images,
    random_network,
)

SEEDS = range(20)


def plans(widths="actual"):
    for seed in SEEDS:
        network = random_network(seed)
        yield network, build(network, random_hardware(network, seed, widths=widths)), seed


def test_every_layer_has_a_probe_with_its_whole_output():
    for network, plan, _ in plans():
        assert set(plan.probes) == set(network.edges)
        for name, link in plan.probes.items():
            edge = network.edges[name]
            assert link.words * link.lanes == edge.positions * edge.channels
            assert edge.channels % link.lanes == 0
            assert link.steps == edge.steps
            assert link.name == name


def test_links_are_made_once_taken_once_and_in_order():
    for _, plan, _ in plans():
        made = {plan.source.name}
        taken = []
        for station in plan.stations:
            for link in station.inputs:
                assert link.name in made
                assert plan.links[link.name] == link
                taken.append(link.name)
            made |= {link.name for link in station.outputs}
        assert sorted(taken) == sorted(made - {plan.sink.name})
        assert made == set(plan.links)
        assert plan.stations[-1].o == plan.sink


@pytest.mark.parametrize("widths", ["actual", "format"])
def test_word_counts_agree_on_both_sides_of_every_station(widths):
    for _, plan, _ in plans(widths):
        for s in plan.stations:
            here = s.i.words * s.i.lanes
            if s.kind in ("fork", "buffer", "split", "merge"):
                assert all(o.words * o.lanes == here for o in s.outputs)
            elif s.kind in ("neurons", "serial_neurons", "join", "align"):
                assert {i.words for i in s.inputs} == {s.o.words}
                assert {i.lanes for i in s.inputs} == {s.o.lanes}
            elif s.kind == "maximum":
                assert s.i.words == s.o.words * s.taps
                assert s.i.type == s.o.type
            elif isinstance(s, Synapse):
                assert s.i.words == s.o.words * s.synapse_fold
            elif isinstance(s, Window):
                assert s.i.words == s.height * s.width * s.groups
                assert s.o.words == s.out_height * s.out_width * s.words_per_position
                assert s.capacity > s.span
            elif isinstance(s, Attend):
                assert {i.words for i in s.inputs} == {s.tokens * s.words}
                assert s.o.words == s.tokens * s.words * s.chunks
            elif isinstance(s, Recall):
                assert s.i.words == s.tokens * s.groups
                assert s.o.words * s.keys == s.tokens * s.i.words
            elif isinstance(s, Correlate):
                assert {i.words for i in s.inputs} == {s.o.words * s.chunks}
                assert s.o.lanes == s.parallel * s.keys
            elif isinstance(s, Mix):
                assert {i.words for i in s.inputs} == {s.o.words * s.visits}
                assert s.inputs[1].lanes == s.keys * s.o.lanes
            elif s.kind == "accumulate":
                assert s.i.words == s.positions * s.groups and s.o.words == s.groups
            else:
                assert s.kind == "classify" and s.i.words == s.o.words == s.classes


def test_formats_are_at_least_as_wide_as_actual_weights_need():
    wider = 0
    for (network, actual, _), (_, wide, _) in zip(plans(), plans("format"), strict=True):
        assert actual.links.keys() == wide.links.keys()
        for name, link in actual.links.items():
            other = wide.links[name]
            assert other.type.low <= link.type.low and link.type.high <= other.type.high
            assert other.width >= link.width
            wider += other.width > link.width
        for a, b in zip(actual.stations, wide.stations, strict=True):
            if isinstance(a, Neurons):
                assert (a.threshold, a.bias) == (b.threshold, b.bias)
                for noun in ("current", "h", "v"):
                    assert getattr(b, noun).hull(getattr(a, noun)) == getattr(b, noun)
        assert network.edges
    assert wider


def test_values_stay_within_the_types_of_the_links():
    for network, plan, seed in plans():
        trace = run(network, random_images(network, seed, 4))
        for name, link in plan.probes.items():
            assert link.type.contains(trace.outputs[name])
        for station in plan.stations:
            if isinstance(station, Neurons):
                bounds, h = station.neuron.membrane, trace.membranes[station.layer]
                assert h.min() >= max(station.h.low, bounds.low)
                assert h.max() <= min(station.h.high, bounds.high)


@pytest.mark.parametrize("tables", [0, 0.4])
@pytest.mark.parametrize("seed", SEEDS)
def test_slices_of_time_carry_every_step_once(seed, tables):
    network = random_network(seed, steps=(2, 4, 6)[seed % 3])
    hardware = random_hardware(network, seed, tables=tables, slices=0.8)
    plan, folds = build(network, hardware), solve(network, hardware)
    for name, link in plan.probes.items():
        edge = network.edges[name]
        assert link.steps * link.time == edge.steps
        assert link.words * link.lanes == edge.positions * edge.channels * link.time
    for station in plan.stations:
        if isinstance(station, Synapse) and network[station.layer].kind == "synapse":
            assert station.i.steps == steps_of(
                network[station.layer], folds[station.layer], network
            )
            assert station.o.words == station.neuron_fold * station.o.time * (
                network.edges[station.layer].positions
            )
            assert station.i.words == station.o.words * station.synapse_fold
        elif isinstance(station, Window):
            assert station.o.words == station.words_per_position * station.maps * (
                station.out_height * station.out_width
            )


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_neurons_step_with_words_of_one_step_and_get_all_steps_otherwise(steps):
    network = meeting_network(4)
    plan = build(network, Hardware(200, steps))
    made = {link.name: s for s in plan.stations for link in s.outputs}
    assert isinstance(made["shifted.lif"], Stepwise) == (steps == 1)
    assert made["shifted.lif"].i.steps == (1 if steps == 1 else 4)
    assert (made[made["shifted.lif"].i.name].kind == "merge") == (steps == 2)
    assert made["stem.lif"].i.steps == 1  # static
    assert made["stem.lif"].o.steps == 4


def test_generous_sizes_never_deadlock():
    for _, plan, _ in plans():
        assert schedule(plan, 3).latency > 0


@pytest.mark.parametrize("first", ["pool", "lif", "add"])
def test_any_layer_may_follow_the_input(first):
    b = Builder(np.random.default_rng(0), 2)
    last = b.put(Input("input", (), (3, 4, 4), 15))
    if first == "pool":
        last = b.put(MaxPool("pool", (last,), 2, 2, 0))
    elif first == "lif":
        last = b.lif("first", last)
    else:
        last = b.put(Add("twice", (last, last)))
    network = b.readout(b.unit("conv", last, 3, 3 if first != "pool" else 1), 2)
    plan = build(network, Hardware(64, 2))
    assert schedule(plan, 3).interval >= 1


def test_resize_changes_only_what_is_named():
    plan = build(digits_network(width=4, steps=2), Hardware(300, 2))
    sizes = {s.name: 5 if isinstance(s, Buffer) else s.span + 3 for s in plan.sized()}
    changed = plan.resize(sizes)
    for old, new in zip(plan.stations, changed.stations, strict=True):
        if old.name in sizes and isinstance(old, Buffer):
            assert new == replace(old, depth=5)
        elif old.name in sizes:
            assert new == replace(old, capacity=old.span + 3)
        else:
            assert new == old


def test_two_links_of_one_name_are_refused():
    plan = build(digits_network(width=4, steps=2), Hardware(300, 2))
    twice = Plan(2, (*plan.stations, plan.stations[-1]), plan.source, plan.sink)
    with pytest.raises(SpikewrightError, match="Plan has two links called head"):
        _ = twice.links


@pytest.mark.parametrize("slices", [0, 0.8])
@pytest.mark.parametrize("seed", range(40))
def test_serial_neurons_take_the_place_of_others_without_cost_in_cycles(seed, slices):
    network = random_network(seed)
    plan = build(network, random_hardware(network, seed, slices=slices))
    producers = {link.name: station for station in plan.stations for link in station.outputs}
    swapped = []
    for station in plan.stations:
        if isinstance(station, Neurons) and not isinstance(station, Stepwise):
            producer, apart = producers[station.i.name], 1
            if producer.kind == "merge":
                producer, apart = producers[producer.i.name], producer.ratio
            rests = isinstance(producer, Synapse) and network.steps >= 2
            rests = rests and apart * producer.synapse_fold >= network.steps
            assert isinstance(station, SerialNeurons) == rests
            swapped.append(Neurons(**{f.name: getattr(station, f.name) for f in fields(station)}))
        else:
            swapped.append(station)
    piped = replace(plan, stations=tuple(swapped))
    assert schedule(plan).interval == schedule(piped).interval
    assert schedule(plan).latency == schedule(piped).latency


def test_serial_neurons_of_one_step_are_refused():
    one = Link("o", 1, 1, 1, IntType(0, 1))
    zero = IntType(-1, 0)
    with pytest.raises(SpikewrightError, match="takes 1 time steps one after the other"):
        SerialNeurons("o", (one,), (one,), None, 1, zero, zero, zero, zero, zero)
