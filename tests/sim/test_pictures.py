"""Every picture is drawn, at its resolution, for small, large and incomplete data."""

import struct

import numpy as np
import pytest

from ir.layers import LIF, Input, Readout, Synapse
from ir.network import Network
from ir.neuron import Neuron
from ir.scheme import Scheme
from sim import pictures


def network(lifs=3, channels=6, side=4, steps=4, schemes=("u4", "pot3", "u8")):
    """Return a chain of point-wise synapses and neurons."""
    rng = np.random.default_rng(0)
    layers = [Input("input", (), (channels, side, side), 16)]
    for index in range(lifs):
        scheme = Scheme.parse(schemes[index % len(schemes)])
        weight = rng.choice(scheme.levels, (channels, channels, 1, 1)).astype(np.int8)
        layers.append(Synapse(f"cell.{index}.conv", (layers[-1].name,), scheme, weight))
        threshold = rng.integers(256, 4096, channels)
        bias = rng.integers(-300, 300, channels)
        name = f"cell.{index}.lif"
        layers.append(LIF(name, (layers[-1].name,), Neuron(), threshold, bias))
    scheme = Scheme.parse("pot4")
    weight = rng.choice(scheme.levels, (10, channels)).astype(np.int8)
    layers.append(Readout("head", (layers[-1].name,), scheme, weight, np.zeros(10, np.int64)))
    return Network(steps, tuple(layers))


def size(path):
    """Return (width, height) of a PNG, which must also say 150 dots per inch."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    where = data.index(b"pHYs")
    assert round(struct.unpack(">I", data[where + 4 : where + 8])[0] * 0.0254) == pictures.DPI
    return struct.unpack(">II", data[16:24])


def pixels(path):
    """Return the colours of a PNG, uint8 (height, width, 3)."""
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def rgb(color):
    return tuple(bytes.fromhex(color[1:]))


def count(path, color):
    return int((pixels(path) == rgb(color)).all(2).sum())


@pytest.mark.parametrize("lifs, steps, side", [(1, 1, 1), (16, 16, 14), (40, 64, 2)])
def test_raster_has_room_for_every_layer(tmp_path, lifs, steps, side):
    net = network(lifs, side=side, steps=steps)
    image = np.random.default_rng(1).integers(0, 17, net.input.shape)
    pictures.raster(tmp_path / "a.png", net, image, "Spikes")
    width, height = size(tmp_path / "a.png")
    assert height > lifs * 32
    assert 300 < width < 1400


def test_raster_shows_each_spike_where_it_is(tmp_path):
    net = network(1, channels=4, side=2, steps=2)
    image = np.random.default_rng(1).integers(0, 17, net.input.shape)
    pictures.raster(tmp_path / "a.png", net, image, "Spikes")
    spikes = pictures.golden.run(net, image[None]).outputs["cell.0.lif"][0]
    assert 0 < spikes.mean() < 1
    inked, pale = (count(tmp_path / "a.png", c) for c in (pictures.BLUE, pictures.PALE))
    # Edges blend, hence the tolerance.
    assert inked / (inked + pale) == pytest.approx(spikes.mean(), abs=0.02)


@pytest.mark.parametrize("items, shown", [(3, 64), (64, 64), (384, 64), (5, 1)])
def test_chosen_items_are_in_order_and_all_if_they_fit(items, shown):
    chosen = pictures._choose(items, shown)
    assert len(chosen) == shown
    assert (np.diff(chosen) >= 0).all()
    assert len(set(chosen)) == min(items, max(1, shown // 2))


@pytest.mark.parametrize(
    "log, test",
    [
        ([{"phase": "float", "epoch": 1, "loss": 1.0, "accuracy": 0.5}], {}),
        ([{"phase": "a", "loss": 2.0}, {"phase": "b", "train_accuracy": 0.9}], {"b": 0.8, "c": 1}),
        ([{}], {}),
    ],
)
def test_training_tolerates_what_lacks(tmp_path, log, test):
    pictures.training(tmp_path / "a.png", log, test)
    assert min(size(tmp_path / "a.png")) > 500


def test_weights_of_many_layers(tmp_path):
    pictures.weights(tmp_path / "few.png", network(1))
    pictures.weights(tmp_path / "many.png", network(9))
    assert size(tmp_path / "many.png")[1] > 2 * size(tmp_path / "few.png")[1]
    assert count(tmp_path / "many.png", pictures.ORANGE) > 1000
    assert count(tmp_path / "many.png", pictures.BLUE) > 1000


def layer(name, begin, late=0):
    first, last = [begin, begin + 100], [begin + 80, begin + 180]
    return {
        "name": name,
        "first": {"predicted": first, "measured": first},
        "last": {"predicted": last, "measured": [cycle + late for cycle in last]},
    }


def test_timeline_marks_what_is_not_as_predicted(tmp_path):
    good = [layer(f"block.{n}.q_lif", 10 * n) for n in range(60)]
    pictures.timeline(tmp_path / "good.png", good)
    pictures.timeline(tmp_path / "bad.png", [*good[:-1], layer("late", 600, late=7)])
    assert size(tmp_path / "good.png")[1] > 60 * 20
    assert count(tmp_path / "good.png", pictures.RED) == 0
    assert count(tmp_path / "bad.png", pictures.RED) > 0


def test_timeline_without_cycles(tmp_path):
    pictures.timeline(tmp_path / "a.png", [{"name": "a", "first": None, "last": None}])
    assert size(tmp_path / "a.png")


@pytest.mark.parametrize("modules", [1, 100])
def test_resources(tmp_path, modules):
    cells = {f"module_{n}": {"lut": n, "ff": 2 * n + 1, "dsp": None} for n in range(modules)}
    pictures.resources(tmp_path / "a.png", cells, "Cells")
    height = size(tmp_path / "a.png")[1]
    assert height == pytest.approx(pictures.DPI * (0.16 * max(4, min(modules, 80)) + 1), abs=2)


def test_resources_without_cells_and_with_odd_names(tmp_path):
    pictures.resources(tmp_path / "a.png", {"$x_{$": {"lut": 0}}, "Cells $")
    assert size(tmp_path / "a.png")


def test_firing_flags_silent_and_saturated_layers(tmp_path):
    pictures.firing(tmp_path / "fine.png", {"a": 0.2, "b": 0.5})
    pictures.firing(tmp_path / "odd.png", {"a": 0.0, "b": 0.999})
    assert count(tmp_path / "fine.png", pictures.RED) == 0
    assert count(tmp_path / "odd.png", pictures.RED) > 0
