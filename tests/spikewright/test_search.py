"""The verbs ``cost`` and ``search``."""

from __future__ import annotations

import json
from pathlib import Path

CONFIGS = Path(__file__).parents[2] / "configs"


def test_cost_of_the_reference_network(spikewright):
    done = spikewright("cost", CONFIGS / "spikformer-dvs.yaml", "--json")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found["weights"] == 2_552_896
    assert found["macs_per_step"] == 374_344_192
    share = found["storage_share"]
    assert [share[name] for name in ("tokenizer", "attention", "mlp")] == [38.3, 20.5, 41.1]
    # At ten times the textbook's DRAM energy the published energy split appears.
    last = found["sensitivity"][-1]
    for name, said in found["seed_energy_share"].items():
        assert abs(last[name] - said) < 0.5


def test_cost_as_a_table_and_of_an_export(spikewright, run):
    done = spikewright("cost", run / "export", "--table", "int8", "--energy", "dram_bit=200")
    assert done.status == 0, done.err
    assert "energy as SpikeHQ says" in done.out
    assert "energy, 2000 pJ/bit DRAM" in done.out


def test_cost_refuses_unknown_constants(spikewright):
    for words, said in (
        (("--energy", "sram=1"), "Energy constants 'sram' are unknown"),
        (("--energy", "shift"), "allowed is KEY=PJ"),
        (("--table", "int4"), "Energy table is 'int4'"),
    ):
        done = spikewright("cost", CONFIGS / "digits.yaml", *words)
        assert (done.status, done.out) == (1, "")
        assert said in done.err
