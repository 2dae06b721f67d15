"""The analytic cost: hand-computed layers, refused constants, shares that add up."""

import numpy as np
import pytest

from ir import energy
from ir.energy import FLOAT, Energy, Work
from ir.errors import SpikewrightError
from ir.layers import Readout, Synapse
from tests.networks import random_network

WORKS = [
    Work("tokenizer.0.conv", "tokenizer", 576, 9_437_184),
    Work("block.0.q", "attention", 65_536, 4_194_304),
    Work("head", "head", 2_560, 2_560),
]


def test_a_layer_costs_what_the_formula_says():
    found = energy.energy(WORKS, [FLOAT, "u4", "pot2", "binary", "ternary"], Energy())
    assert found[1] == pytest.approx(
        [
            4_194_304 * (3.7 + 0.9) + 65_536 * 32 * 20,
            4_194_304 * (3.1 + 0.1) + 65_536 * 4 * 20,
            4_194_304 * (0.13 + 0.1) + 65_536 * 2 * 20,
            4_194_304 * 0.1 + 65_536 * 1 * 20,
            4_194_304 * 0.1 + 65_536 * 2 * 20,
        ]
    )


def test_steps_multiply_operations_and_not_storage():
    once, often = (energy.energy(WORKS, ["u2"], Energy(steps=n))[:, 0] for n in (1, 16))
    stored = energy.storage(WORKS, ["u2"])[:, 0] * 20
    assert often - stored == pytest.approx(16 * (once - stored))


@pytest.mark.parametrize("name, given", [("fp32", 32), ("pot4", 4), ("u2", 2), ("binary", 1)])
def test_storage_is_bits_times_weights(name, given):
    assert energy.storage(WORKS, [name])[:, 0].tolist() == [w.weights * given for w in WORKS]


def test_shares_are_of_one_and_leave_out_absent_parts():
    found = energy.shares(WORKS, [1, 2, 5])
    assert found == {"tokenizer": 0.125, "attention": 0.25, "head": 0.625}


def test_tables_and_their_changes():
    assert Energy.of("int32") == Energy()
    changed = Energy.of("int8", dram_bit=200)
    assert (changed.int_mult, changed.int_add, changed.shift) == (0.2, 0.03, 0.024)
    assert (changed.fp32_mult, changed.dram_bit) == (3.7, 200)


@pytest.mark.parametrize(
    "table, changes, said",
    [
        ("int16", {}, "Energy table is 'int16'; allowed are int32, int8."),
        ("int8", {"sram": 1}, "Energy constants 'sram' are unknown; allowed are fp32_mult"),
        ("int8", {"shift": -1}, "Energy constant shift is -1; allowed are numbers from 0."),
        ("int8", {"shift": float("nan")}, "Energy constant shift is nan"),
    ],
)
def test_wrong_constants_are_refused(table, changes, said):
    with pytest.raises(SpikewrightError, match=said.replace(".", r"\.")):
        Energy.of(table, **changes)


def test_work_is_counted_from_the_layers():
    network = random_network(3)
    found = {work.layer: work for work in energy.works(network)}
    layers = [layer for layer in network.layers if isinstance(layer, (Synapse, Readout))]
    assert list(found) == [layer.name for layer in layers]
    for layer in layers:
        per_output = np.prod(layer.weight.shape[1:])
        outputs = network.edges[layer.name].positions * layer.weight.shape[0]
        assert found[layer.name].macs == per_output * outputs


def test_report_of_a_network_in_its_own_formats():
    network = random_network(3)
    found = energy.report(network, Energy())
    bits = sum(row["weights"] * energy.bits(row["scheme"]) for row in found["layers"])
    assert found["quantized"]["storage_bits"] == bits
    assert found["fp32"]["storage_bits"] == 32 * found["weights"]
    assert found["quantized"]["energy_pj"] == pytest.approx(
        sum(row["energy_pj"] for row in found["layers"]), abs=len(found["layers"])
    )
    middle = next(row for row in found["sensitivity"] if row["dram_factor"] == 1)
    assert {name: middle[name] for name in found["energy_share"]} == found["energy_share"]
