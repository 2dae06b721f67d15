"""The fully connected network in its three forms, and as the integers that are exported."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from ir import golden as numpy_golden
from ir.layers import LIF, Readout, Synapse
from sw import export, golden
from sw.cell import MODES, Cell
from sw.mlp import Mlp
from sw.trace import traces


@pytest.mark.parametrize("mode", MODES)
def test_every_parameter_learns(small_mlp, lively, random_images, mode):
    model = lively(small_mlp, classes=4)
    assert isinstance(model, Mlp)
    model.mode = mode
    assert {part.mode for part in model.modules() if isinstance(part, Cell)} == {mode}
    model.train()
    logits = model(random_images(small_mlp, 16))
    functional.cross_entropy(logits, torch.arange(16) % 4).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_network_equals_the_folded_model(small_mlp, lively, random_images):
    model = lively(small_mlp, classes=4)
    network = export.convert(model, small_mlp, {})
    assert [layer.name for layer in network.layers] == [
        "input",
        "hidden.0.fc",
        "hidden.0.lif",
        "hidden.1.fc",
        "hidden.1.lif",
        "head",
    ]
    first, second = network["hidden.0.fc"], network["hidden.1.fc"]
    assert isinstance(first, Synapse)
    assert first.weight.shape == (9, 30, 1, 1)
    assert second.scheme.name == "pot3"
    assert isinstance(network["hidden.1.lif"], LIF)
    assert isinstance(network["head"], Readout)
    images = random_images(small_mlp, 40).numpy()
    found = traces(model, "folded", images)
    entering = images.reshape(40, 30, 1, 1)
    for run in (golden.run, numpy_golden.run):
        expected = run(network, entering).outputs
        for name in expected:
            np.testing.assert_array_equal(found[name].astype(np.int64), expected[name], name)
    assert 0.05 < found["hidden.1.lif"].mean() < 0.95


def test_pixels_keep_their_order(small_mlp, lively):
    """Channel c of the integer network is pixel c of the raw image, row by row."""
    model = lively(small_mlp, classes=4)
    network = export.convert(model, small_mlp, {})
    image = np.zeros((1, 2, 5, 3), np.uint8)
    image[0, 1, 2, 1] = 3
    sums = traces(model, "folded", image)["hidden.0.fc"][0, 0, 0]
    np.testing.assert_array_equal(sums, 3 * network["hidden.0.fc"].weight[:, 15 + 7, 0, 0])
