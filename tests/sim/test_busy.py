import numpy as np
import pytest

from ir.fold import Fold, Hardware
from ir.planner import build
from ir.schedule import schedule
from sim.busy import busy, rows, samples
from sim.shapes import LANES, SHAPES, perceptron, spikformer


def test_rows_add_up_to_the_whole_network():
    network = spikformer((1, 6, 6), 15, [(4, True), (8, False)], 2, 1, steps=2)
    plan = build(network, Hardware(200, 2))
    predicted = schedule(plan)
    found = rows(plan, predicted.interval)
    assert sum(row["lanes"] for row in found) == plan.lanes
    useful = sum(row["operations"] for row in found)
    assert useful / (plan.lanes * predicted.interval) == predicted.busy
    for row in found:
        assert row["busy"] == pytest.approx(row["cycles"] / predicted.interval, abs=1e-3)
        assert (row["pe"], row["simd"]) == plan.fold_of[row["layer"]]


def test_operations_are_those_of_the_network():
    """Multiply-accumulates of each layer, from its shape alone."""
    network = perceptron(12, [6], 3, steps=2)
    found = rows(build(network, Hardware(30, 2, {"head": Fold(1, 3)})), 1000)
    assert {row["layer"]: row["operations"] for row in found} == {"fc0": 12 * 6, "head": 6 * 3}


@pytest.mark.parametrize("first", ["kv", "qk"])
def test_operations_of_attention_follow_its_order(first):
    network = spikformer((1, 4, 2), 3, [(8, False)], 2, 1, steps=3)
    plan = build(network, Hardware(500, 3, {"block.0.attention": Fold(2, 2, first)}))
    (row,) = (r for r in rows(plan, 1) if r["layer"] == "block.0.attention")
    tokens, heads, width, steps = 8, 2, 4, 3
    once = {"kv": tokens * heads * width**2, "qk": heads * tokens**2 * width}[first]
    assert row["operations"] == 2 * once * steps


def test_the_slowest_layer_of_the_digits_shape_is_busy_all_the_time():
    found = busy(SHAPES["digits"](), Hardware(LANES["digits"], 4))
    assert found["interval"] == 9216
    assert found["slowest_busy"] >= 0.95
    assert found["busy"] > 0.9
    assert found["lanes"] <= found["budget"] == 256
    assert "measured_interval" not in found


def test_predicted_and_measured_agree(builds):
    network = perceptron(6, [4], 3, steps=2, high=7)
    found = busy(network, Hardware(8, 2), samples(network), builds)
    assert found["measured_interval"] == found["interval"]
    assert found["cycles_as_predicted"]
    assert found["mismatches"] == 0
    assert found["measured_busy"] == found["busy"]


def test_samples_cover_the_input():
    images = samples(perceptron(50, [2], 2, high=3))
    assert images.shape == (4, 50, 1, 1)
    assert set(np.unique(images)) == {0, 1, 2, 3}
