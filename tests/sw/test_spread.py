"""Counts of weights before and after, against the weights themselves."""

import pytest
import torch

from sw import config, export
from sw.build import build
from sw.spread import BINS, spread


@pytest.fixture
def settings(tiny):
    return config.override(tiny, {"quantization.layers.block.0.q": "binary"})


def test_counts_are_those_of_the_weights(settings, lively):
    model = lively(settings)
    old = build(settings, 10)
    with torch.no_grad():
        old.position.conv.weight[:, 0] = 0
        old.position.conv.weight[0, 1] = 1e6
    found = spread(old.state_dict(), model)
    network = export.convert(model, settings, {})
    assert list(found) == list(network.quantization)
    for name, layer in found.items():
        weight = network[name].weight
        assert layer["scheme"] == network.quantization[name]
        assert sum(layer["before"]) == sum(layer["after"]) == weight.size
        # Signs may be flipped with those of batch norm, level by level.
        counts = [int((abs(weight) == level).sum()) for level in layer["levels"] if level >= 0]
        pairs = dict.fromkeys(map(abs, layer["levels"]), 0)
        for level, count in zip(layer["levels"], layer["after"], strict=True):
            pairs[abs(level)] += count
        assert counts == [pairs[level] for level in sorted(pairs)]
        assert layer["sparsity"]["after"] == pytest.approx(float((weight == 0).mean()))
        assert len(layer["edges"]) == BINS + 1
    position = found["position.conv"]
    assert position["sparsity"]["before"] == pytest.approx(1 / old.position.conv.weight.shape[1])
    assert position["edges"][-1] == -position["edges"][0] >= 1.1 * position["levels"][-1]
    assert position["before"][-1] >= 9  # what lies beyond
