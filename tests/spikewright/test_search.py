"""The verbs ``cost`` and ``search``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ir.store import load

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


def searched_words(run):
    """Return the command of a small search."""
    return (
        *("search", CONFIGS / "search-digits.yaml", "--run", run, "--lambdas", "2"),
        *("--set", "search.epochs=2", "--set", "search.warm_up_epochs=1"),
        *("--set", "search.pinned.head=u8", "--set", "data.images=128"),
    )


@pytest.fixture
def searched(spikewright, tiny_flags, tmp_path):
    """Return the directory of a search whose network was trained and exported, and its row."""
    run = tmp_path / "run"
    words = searched_words(run)
    done = spikewright(*words, "--json", *tiny_flags)
    assert done.status == 0, done.err
    (row,) = json.loads(done.out)["rows"]
    return run / "lambda-2", row


def test_search_writes_what_the_other_verbs_take(spikewright, searched):
    place, row = searched
    assert (row["network"], row["schemes"]["head"]) == ("lambda-2", "u8")
    assert 0 <= row["accuracy"] <= 1
    # The run file that was written trains in place, with nothing left to do.
    done = spikewright("train", place / "searched.yaml", "--run", place, "--json")
    assert json.loads(done.out)["accuracy"]["folded"] == row["accuracy"]
    assert json.loads((place / "search.json").read_text())["exported"] == row["schemes"]
    assert (place.parent / "pictures" / "probabilities-lambda-2.png").is_file()
    assert load(place / "export").network.quantization == row["schemes"]


def test_every_searched_network_goes_through_rtl(spikewright, tiny_flags, searched):
    place, row = searched
    assert (row["rtl"]["images"], row["rtl"]["mismatches"]) == (4, 0)
    assert row["rtl"]["spikes_compared"] > 0
    assert row["rtl"]["cycles_as_predicted"]
    assert json.loads((place.parent / "sweep.json").read_text())["rows"] == [row]
    known = place / "cosim" / "cosim.json"
    # What is known is not simulated again; what differs is refused.
    text = known.read_text()
    known.write_text(text.replace('"mismatches": 0', '"mismatches": 3', 1))
    again = spikewright(*searched_words(place.parent), *tiny_flags)
    assert again.status == 1
    assert "RTL and golden model of lambda-2 differ" in again.err
    assert "3 differ" in again.out
    none = spikewright(*searched_words(place.parent), "--rtl", "0", "--json", *tiny_flags)
    assert [row["rtl"] for row in json.loads(none.out)["rows"]] == [None]
    few = spikewright(*searched_words(place.parent), "--rtl", "3", *tiny_flags)
    assert "Images are 3; allowed are 4.." in few.err


def test_search_as_a_table_resumes(spikewright, tiny_flags, tmp_path):
    changes = ("--set", "search.epochs=1", "--set", "search.warm_up_epochs=0")
    words = ("search", CONFIGS / "search-digits.yaml", "--run", tmp_path, "--lambdas", "0,1")
    first = spikewright(*words, "--no-tune", *tiny_flags, *changes)
    assert first.status == 0, first.err
    assert "lambda-0" in first.out
    assert "energy45 [pJ]" in first.out
    again = spikewright(*words, "--no-tune", *tiny_flags, *changes)
    assert again.out == first.out


def test_search_refusals(spikewright, tmp_path):
    for words, said in (
        ((CONFIGS / "digits.yaml",), "Run file lacks section search."),
        ((CONFIGS / "search-digits.yaml", "--lambdas", "0,a"), "Option --lambdas is '0,a'"),
        ((CONFIGS / "search-digits.yaml", "--lambdas", "-1"), "search.lambdas.0 is -1"),
    ):
        done = spikewright("search", *words, "--run", tmp_path / "run")
        assert (done.status, done.out) == (1, "")
        assert said in done.err
        assert not (tmp_path / "run").exists()
