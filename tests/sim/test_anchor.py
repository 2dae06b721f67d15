"""Anchors: read from files, strictly; specimens are export directories like any other."""

import numpy as np
import pytest
import yaml

from ir import store
from ir.errors import SpikewrightError
from ir.layers import Attention, Synapse
from sim.anchor import ANCHORS, FOLDER, load, specimen


def test_networks_have_the_published_shape():
    one, four = (load(name).build()[0] for name in ANCHORS[:2])
    for network, width, heads, depth in ((one, 384, 12, 1), (four, 256, 8, 4)):
        assert (network.steps, network.input.shape, network.input.high) == (4, (3, 32, 32), 255)
        found = [layer for layer in network.layers if isinstance(layer, Attention)]
        assert [layer.heads for layer in found] == [heads] * depth
        assert {network.edges[layer.name].channels for layer in found} == {width}
        assert {network.edges[layer.name].positions for layer in found} == {64}
    weights = [layer for layer in four.layers if isinstance(layer, Synapse)]
    assert len(weights) == 5 + 4 * 6
    assert four["block.3.fc2"].weight.shape == (261, 1044, 1, 1)
    assert not four["block.3.fc2"].weight[256:].any()
    assert not four["block.3.fc2"].weight[:, 1024:].any()


@pytest.mark.parametrize("name", ANCHORS)
def test_names_are_those_of_the_files(name):
    assert load(name) == load(FOLDER / f"{name}.yaml")
    assert load(name).name == name


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("shape", "size"), 0, "key shape.size is 0; it should be greater than or equal to 1"),
        (("shape", "size"), "8", "key shape.size is '8'; it should be a valid integer"),
        (("shape", "colour"), 1, "has unknown key: shape.colour"),
        (("hardware", "kind"), "magic", "Hardware has kind 'magic'; allowed are stream, table."),
        (("published",), {"other": {"kcycles": 1.0}}, "missing keys: published.other.kluts"),
        (("hardware", "colour"), 1, "Anchor wrong.yaml has unknown key: hardware.colour"),
        (("surprise",), 1, "has unknown key: surprise"),
    ],
)  # fmt: skip
def test_wrong_files_are_refused(path, value, words, tmp_path):
    entries = yaml.safe_load((FOLDER / "spikformer-reduced.yaml").read_text())
    node = entries
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(entries))
    with pytest.raises(SpikewrightError) as caught:
        load(tmp_path / "wrong.yaml")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_anchors_are_refused():
    with pytest.raises(SpikewrightError, match="Anchor is 'resnet'; allowed are spikformer-1-384"):
        load("resnet")


def test_a_specimen_is_an_export(tmp_path):
    anchor = load("spikingformer-reduced")
    network = specimen(anchor, tmp_path / "export", images=3, seed=5)
    found = store.load(tmp_path / "export")
    assert found.hardware == anchor.hardware
    assert found.samples.images.shape == (3, 3, 16, 16)
    assert found.samples.images.dtype == np.uint8
    other, _ = anchor.build(6)
    name = "block.0.fc1"
    np.testing.assert_array_equal(found.network[name].weight, network[name].weight)
    assert (other[name].weight != network[name].weight).any()
