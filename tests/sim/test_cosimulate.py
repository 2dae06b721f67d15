"""A random spiking transformer, emitted and co-simulated: data and every cycle."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from hw.emit import emit
from ir import golden, image
from ir.fold import Fold, Hardware
from ir.layers import LIF, Add, Attention, Input, MaxPool, Readout, ShiftAdd, Synapse
from ir.network import Network
from ir.neuron import Neuron
from ir.planner import build
from ir.schedule import schedule
from ir.scheme import Scheme
from ir.sizing import fit
from ir.widen import widen
from sim.cosimulate import cosimulate
from sim.shard import Stalls
from tests.networks import Builder, random_images


def tiny() -> Network:
    """Return a network with one layer of every kind: 2 channels, 4 x 4 pixels, T = 2."""
    rng = np.random.default_rng(5)

    def synapse(name, source, out, into, kernel, scheme):
        levels = Scheme.parse(scheme).levels
        weight = rng.choice(levels, (out, into, kernel, kernel)).astype(np.int8)
        return Synapse(name, (source,), Scheme.parse(scheme), weight, 1, kernel // 2)

    def lif(name, source, channels, scale):
        threshold = rng.integers(64 * scale, 128 * scale, channels)
        return LIF(name, (source,), Neuron(), threshold, rng.integers(-99, 99, channels))

    levels = Scheme.parse("u3").levels
    return Network(
        2,
        (
            Input("input", (), (1, 4, 4), 15),
            synapse("conv", "input", 2, 1, 3, "u4"),
            lif("lif", "conv", 2, 30),
            MaxPool("pool", ("lif",), 2, 2, 0),
            synapse("q", "pool", 2, 2, 1, "pot3"),
            lif("q_lif", "q", 2, 1),
            Attention("attention", ("q_lif", "pool", "pool"), 1),
            lif("attention_lif", "attention", 2, 2),
            Add("add", ("pool", "attention_lif")),
            Readout(
                "head",
                ("add",),
                Scheme.parse("u3"),
                rng.choice(levels, (3, 2)).astype(np.int8),
                rng.integers(-9, 9, 3),
            ),
        ),
    )


@pytest.fixture(scope="module")
def emitted(tmp_path_factory, builds):
    """Return (folder, network, plan, images, builds); widths allow any image of weights."""
    folder = tmp_path_factory.mktemp("tiny")
    network = tiny()
    plan = fit(build(network, Hardware(16, 2, widths="format")))
    emit(network, plan, folder / "verilog")
    images = np.random.default_rng(6).integers(0, 16, (10, 1, 4, 4))
    return folder, network, plan, images, builds


def run(emitted, verilog="verilog", **options):
    folder, network, plan, images, builds = emitted
    return cosimulate(
        folder / verilog,
        plan,
        network,
        images,
        build_dir=builds,
        schedule=schedule(plan, 5),
        **options,
    )


def test_every_value_and_every_cycle(emitted):
    _, network, _, images, _ = emitted
    result = run(emitted)
    trace = golden.run(network, images)
    assert result.first_difference is None
    assert result.cycles.first_difference is None
    assert result.mismatches == 0
    assert result.cycles_as_predicted
    assert result.layers == [layer.name for layer in network.layers]
    spikes = sum(trace.outputs[layer.name].size for layer in network.layers if layer.kind == "lif")
    assert result.spikes_compared == spikes
    assert result.values_compared == sum(v.size for v in trace.outputs.values()) + len(images)
    assert result.labels == trace.labels.tolist()
    counters = result.runs[0].counters
    assert counters["samples"] == result.runs[0].samples == 5
    assert counters["latency"] == result.cycles.latency == schedule(emitted[2]).latency
    assert counters["interval"] == result.cycles.interval


@pytest.mark.parametrize("gaps, stalls", [(0.5, 0.0), (0.0, 0.8), (0.9, 0.5)])
def test_stalls(emitted, gaps, stalls):
    result = run(emitted, stalls=Stalls(gaps, stalls, 3))
    assert result.mismatches == 0
    assert result.cycles_as_predicted  # at most the predicted cycles plus those of the stalls


def test_flipped_image_is_seen_and_equals_the_flipped_network(emitted):
    folder, network, plan, *_ = emitted
    shutil.copytree(folder / "verilog", folder / "flipped", dirs_exist_ok=True)
    name, contents = next(
        (name, found) for name, found in image.images(network, plan).items() if name == "conv"
    )
    words = list(contents.words)
    words[0] ^= 1
    changed = image.Image(contents.station, contents.width, tuple(words))
    (folder / "flipped" / "images" / changed.name).write_text(changed.text())
    loaded = image.images(network, plan) | {name: changed}
    other = image.restore(network, plan, loaded)
    assert (other["conv"].weight != network["conv"].weight).sum() == 1
    assert run(emitted, "flipped", checksums=False).first_difference.startswith(
        "Layer conv, sample 0, time step 0, "
    )
    model = {"golden_model": lambda batch: golden.run(other, batch)}
    result = run(emitted, "flipped", checksums=False, **model)
    assert result.mismatches == 0
    assert result.build_seconds < 1  # images are no part of the compiled simulator


@pytest.mark.parametrize("kind", ["stream", pytest.param("table", marks=pytest.mark.slow)])
def test_samples_that_move(kind, tmp_path, builds):
    """A frame per time step: every value and every cycle, stalls included."""
    b = Builder(np.random.default_rng(9), 3, neurons="default", schemes=("u3", "pot3"))
    last = b.unit("stem", b.put(Input("input", (), (2, 4, 4), 15, moving=True)), 4, 3, 1, 1)
    network = b.readout(b.unit("more", b.put(MaxPool("pool", (last,), 2, 2, 0)), 4), 3)
    plan = fit(build(network, Hardware(256, 3, fabric="ecp5", kind=kind)))
    assert plan.source.steps == 3
    emit(network, plan, tmp_path / "verilog")
    images = random_images(network, 1, 6)
    assert images.shape == (6, 3, 2, 4, 4)
    run = (tmp_path / "verilog", plan, network, images)
    for stalls in (None, Stalls(0.5, 0.5, 3)):
        result = cosimulate(*run, build_dir=builds, schedule=schedule(plan, 6), stalls=stalls)
        assert result.mismatches == 0, result.first_difference
        assert result.cycles_as_predicted, result.cycles.first_difference


@pytest.mark.parametrize("kind", ["stream", pytest.param("table", marks=pytest.mark.slow)])
def test_binary_and_ternary_weights(kind, tmp_path, builds):
    """One bit a weight, with binary, multi-bit and padded inputs: every value, every cycle."""
    b = Builder(np.random.default_rng(3), 2, neurons="default", schemes=("binary",))
    stem = b.unit("stem", b.put(Input("input", (), (2, 4, 4), 15)), 6, 3, 1, 1)
    more = b.unit("more", b.put(MaxPool("pool", (stem,), 2, 2, 0)), 6, 3, 1, 1)
    x = b.put(Add("add", ("pool", more)))
    b.schemes = ("ternary",)
    y = b.unit("third", x, 6)
    b.schemes = ("binary",)
    network = b.readout(b.unit("last", b.put(Add("again", (x, y))), 5), 3)
    network = widen(network, {"last.conv": 7, "third.conv": 8})
    plan = fit(build(network, Hardware(256, 2, fabric="ecp5", kind=kind)))
    emit(network, plan, tmp_path / "verilog")
    found = image.images(network, plan)
    stem = found["stem.conv"]
    if kind == "stream":  # one bit each; tables take four inputs at a time
        assert stem.width * len(stem.words) == network["stem.conv"].weight.size
    images = random_images(network, 1, 6)
    run = (tmp_path / "verilog", plan, network, images)
    for stalls in (None, Stalls(0.5, 0.5, 3)):
        result = cosimulate(*run, build_dir=builds, schedule=schedule(plan, 6), stalls=stalls)
        assert result.mismatches == 0, result.first_difference
        assert result.cycles_as_predicted, result.cycles.first_difference
    trace = golden.run(network, images)
    fired = [trace.outputs[name].mean() for name in ("stem.lif", "more.lif", "third.lif")]
    assert all(0 < rate < 1 for rate in fired)


@pytest.mark.parametrize(
    ("first", "steps"), [pytest.param("kv", 2, marks=pytest.mark.slow), ("qk", 2), ("qk", 1)]
)
def test_currents_with_shifts_and_either_order_of_attention(first, steps, tmp_path, builds):
    """Signed pooling, shifted sums and attention of both orders: every value, every cycle.

    Words of streams carry both steps, or one.
    """
    b = Builder(np.random.default_rng(8), 2, neurons="default", schemes=("u3",))
    last = b.unit("stem", b.put(Input("input", (), (1, 4, 4), 15)), 4, 3, 1, 1)
    x = b.put(MaxPool("pool", (b.synapse("conv", last, 4, 3, 1, 1),), 3, 2, 1))
    branch = b.synapse("branch", b.lif("pool_lif", x), 4)
    last = b.put(ShiftAdd("join", (x, branch), np.array([[0, 1, 2, 3], [2, 1, 0, 1]])))
    last = b.lif("join_lif", last)
    q, k, v = (b.unit(noun, last, 4) for noun in "qkv")
    network = b.readout(b.lif("lif", b.put(Attention("attention", (q, k, v), 2))), 3)
    assert network.edges["pool"].type.signed
    folds = {"attention": Fold(1, 2, first)}
    plan = fit(build(network, Hardware(80, steps, folds, widths="format")))
    emit(network, plan, tmp_path / "verilog")
    images = random_images(network, 1, 6)
    result = cosimulate(
        tmp_path / "verilog", plan, network, images, build_dir=builds, schedule=schedule(plan, 6)
    )
    assert result.mismatches == 0, result.first_difference
    assert result.cycles_as_predicted, result.cycles.first_difference
    assert set(result.layers) == set(plan.probes)
