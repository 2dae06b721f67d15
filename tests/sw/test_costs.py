"""Cost tables: right sums, right gradients, and what the generated hardware is predicted to cost."""

import dataclasses

import pytest
import torch

from ir import cost, folding, planner
from ir.errors import SpikewrightError
from ir.usage import Usage
from sw import config, data
from sw.costs import Cost, _network, bits_per_weight, costs

SCHEMES = ["pot2", "pot4", "u2", "u4"]


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


def settings_of(tiny, space, **changes):
    return config.parse(tiny.model_dump(mode="json") | {"search": {**space, **changes}})


def one_hot(found, choice):
    return {
        layer: torch.tensor([float(choice[layer] == name) for name in options])
        for layer, options in found.options.items()
    }


@pytest.mark.parametrize("slowest", [False, True])
def test_expected_cost_and_its_gradient(slowest):
    options = {"a": ("u2", "u4"), "b": ("u2", "u4", "u8")}
    values = {"a": {"u2": 1.0, "u4": 3.0}, "b": {"u2": 2.0, "u4": 4.0, "u8": 7.0}}
    found = Cost("x", options, values, slowest)
    p = {"a": torch.tensor([0.5, 0.5]), "b": torch.tensor([1.0, 0.0, 0.0])}
    for tensor in p.values():
        tensor.requires_grad_()
    expected = found.expected(p)
    unit = 7.0 if slowest else 10.0
    assert found.dearest == unit
    assert expected.item() == pytest.approx((2.0 if slowest else 4.0) / unit)
    expected.backward()
    if slowest:  # both layers cost 2; the gradient goes to the slowest alone
        grads = [p[name].grad for name in "ab"]
        assert sum(float(grad.abs().sum()) for grad in grads if grad is not None) > 0
    else:
        assert p["a"].grad.tolist() == pytest.approx([0.1, 0.3])
        assert p["b"].grad.tolist() == pytest.approx([0.2, 0.4, 0.7])


def test_a_choice_costs_what_its_one_hot_probabilities_are_expected_to(tiny, space, digits):
    settings = settings_of(tiny, space, pinned={"head": "u8"})
    found = costs(settings, digits)
    assert set(found) == {"energy45", "storage"}
    choice = {
        name: settings.search.options(name)[i % len(settings.search.options(name))]
        for i, name in enumerate(settings.model.synapses)
    }
    for table in found.values():
        expected = table.expected(one_hot(table, choice)).item() * table.dearest
        assert expected == pytest.approx(table.of(choice), rel=1e-5)


def test_bits_per_weight(tiny, space, digits):
    storage = costs(settings_of(tiny, space), digits)["storage"]
    for name, bits in (("fp32", 32), ("pot4", 4), ("u2", 2)):
        assert bits_per_weight(storage, dict.fromkeys(storage.options, name)) == bits


@pytest.mark.parametrize("scheme", SCHEMES)
def test_hardware_costs_are_those_of_the_homogeneous_design(tiny, space, digits, scheme):
    settings = settings_of(tiny, space, candidates=SCHEMES, costs={"luts": 1.0})
    found = costs(settings, digits)
    uniform = config.override(settings, {"quantization.default": scheme, "quantization.layers": {}})
    network = _network(uniform, digits)
    hardware = dataclasses.replace(
        settings.hardware.request,
        folds=folding.solve(_network(settings, digits), settings.hardware.request),
    )
    total = Usage()
    for station in planner.build(network, hardware).stations:
        layer = station.layer.replace("_lif", "").replace(".lif", ".conv")
        if layer in found["luts"].options and station.kind != "buffer":
            if station.layer.endswith("attention_lif"):
                continue
            total += cost.predict(station, "ecp5")
    assert found["luts"].of(dict.fromkeys(found["luts"].options, scheme)) == total.lut


def test_costs_that_cannot_be_lowered_are_refused(tiny, space, digits):
    settings = settings_of(tiny, space, candidates=["u2", "pot2"], costs={"storage": 1.0})
    with pytest.raises(SpikewrightError, match="names storage, which is the same for all"):
        costs(settings, digits)


@pytest.mark.parametrize("kind", ["stream", pytest.param("table", marks=pytest.mark.slow)])
def test_cheaper_formats_are_faster_within_the_same_luts(tiny, space, digits, kind):
    entries = tiny.model_dump(mode="json")
    entries["hardware"] |= {"kind": kind, "fabric": "ecp5", "lanes": 512}
    entries["quantization"] |= {"default": "u4", "layers": {}}
    entries["search"] = {**space, "candidates": ["u2", "u4", "u8"], "costs": {"cycles": 1.0}}
    settings = config.parse(entries)
    found = costs(settings, digits)["cycles"]
    assert found.slowest
    folds = folding.solve(_network(settings, digits), settings.hardware.request)
    network = _network(settings, digits)
    for layer, values in found.values.items():
        chosen = folding.cycles(network[layer], folds[layer], network)
        assert values["u4"] <= chosen
        assert values["u2"] <= values["u8"]
    fast, slow = (found.of(dict.fromkeys(found.options, name)) for name in ("u2", "u8"))
    assert fast < slow


def test_a_run_file_without_a_search_is_refused(tiny, digits):
    with pytest.raises(SpikewrightError, match="Run file lacks section search"):
        costs(tiny, digits)
