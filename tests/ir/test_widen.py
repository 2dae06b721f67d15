import numpy as np
import pytest

from ir.errors import SpikewrightError
from ir.golden import run
from ir.layers import Synapse
from ir.widen import widen
from sim.specimen import Shape, spikformer

SHAPE = {
    shortcut: Shape(stem=3, width=4, heads=2, depth=2, shortcut=shortcut)
    for shortcut in (False, True)
}
WIDER = {"tokenizer.0.conv": 5, "block.0.fc1": 11, "block.1.mlp_add": 7}


@pytest.mark.parametrize("shortcut", [False, True])
def test_silent_channels_change_nothing_else(shortcut: bool) -> None:
    network = spikformer(SHAPE[shortcut])
    wide = widen(network, WIDER)
    images = np.random.default_rng(1).integers(0, 17, (3, *network.input.shape))
    few, many = run(network, images), run(wide, images)
    assert sum(values[..., :2].any() for values in few.outputs.values()) > 10
    for name, values in few.outputs.items():
        channels = values.shape[-1]
        np.testing.assert_array_equal(values, many.outputs[name][..., :channels])
        assert not many.outputs[name][..., channels:].any()
        assert wide.edges[name].type == network.edges[name].type


def test_silent_channels_of_weights_without_zero() -> None:
    shape = Shape(stem=3, width=4, heads=2, depth=2, default="binary")
    network = spikformer(shape)
    assert set(network.quantization.values()) >= {"binary"}
    wide = widen(network, WIDER)
    images = np.random.default_rng(1).integers(0, 17, (6, *network.input.shape))
    few, many = run(network, images), run(wide, images)
    spikes = [name for name in few.outputs if name.endswith("lif")]
    assert sum(few.outputs[name].any() for name in spikes) > 10
    for name in (*spikes, "block.1.mlp_add", "head"):
        values = few.outputs[name]
        np.testing.assert_array_equal(values, many.outputs[name][..., : values.shape[-1]])
        assert not many.outputs[name][..., values.shape[-1] :].any()


@pytest.mark.parametrize("shortcut", [False, True])
def test_what_shares_channels_is_widened_together(shortcut: bool) -> None:
    network = spikformer(SHAPE[shortcut])
    wide = widen(network, WIDER)
    assert wide.edges["tokenizer.0.pool"].channels == wide.edges["tokenizer.0.conv"].channels == 5
    assert wide.edges["block.0.fc2_lif"].channels == (11 if shortcut else 7)
    for name in ("tokenizer.1.conv", "block.0.proj", "block.0.attention_add", "block.1.fc2"):
        assert wide.edges[name].channels == 7
    assert wide.edges["block.0.q"].channels == 4
    for layer in wide.layers:
        if isinstance(layer, Synapse):
            assert layer.weight.shape[1] == wide.edges[layer.inputs[0]].channels


@pytest.mark.parametrize(
    ("channels", "sentence"),
    [
        ({"nothing": 9}, "Widening names layer 'nothing'"),
        ({"block.0.q": 8}, "Widening names layer block.0.q, whose channels"),
        ({"input": 8}, "Widening names layer input, whose channels"),
        ({"head": 11}, "Widening names layer head, whose channels"),
        ({"block.0.fc1": 7}, "Widening gives layer block.0.fc1 7 channels; allowed are 8..8192"),
        ({"block.0.fc1": 9.0}, "Widening gives layer block.0.fc1 9.0 channels"),
        ({"block.0.fc2": 5, "block.0.proj": 6}, "allowed is one width"),
    ],
)
def test_refusals(channels: dict[str, int], sentence: str) -> None:
    with pytest.raises(SpikewrightError, match=sentence):
        widen(spikformer(SHAPE[False]), channels)
