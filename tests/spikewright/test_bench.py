"""The measurements of ``spikewright bench`` that take seconds."""

from __future__ import annotations

import json


def test_busy_of_a_built_in_shape(spikewright):
    done = spikewright("bench", "busy", "--shape", "mnist", "--lanes", 40, "--json")
    assert done.status == 0, done.err
    (found,) = json.loads(done.out)["networks"].values()
    assert found["lanes"] <= found["budget"] == 40
    assert [row["layer"] for row in found["layers"]] == ["fc0", "head"]
    assert found["slowest_busy"] >= 0.95


def test_busy_of_words_of_one_step(spikewright):
    done = spikewright("bench", "busy", "--shape", "digits", "--lanes", 128, "--steps", 1, "--json")
    assert done.status == 0, done.err
    (found,) = json.loads(done.out)["networks"].values()
    assert found["lanes"] <= 128
    layer = next(row for row in found["layers"] if row["layer"] == "block.0.fc1")
    assert layer["lanes"] == layer["pe"] * layer["simd"]


def test_busy_of_an_export_as_a_table(spikewright, run, tmp_path):
    done = spikewright("bench", "busy", run / "export", "--out", tmp_path / "busy.md")
    assert done.status == 0, done.err
    assert "| block.0.q |" in (tmp_path / "busy.md").read_text()
    assert "block.0" in done.out
    assert "interval" in done.out


def test_unknown_shapes_are_refused(spikewright):
    done = spikewright("bench", "busy", "--shape", "cube")
    assert done.status == 1
    assert "Shape is 'cube'; allowed are digits, fashion, mnist." in done.err


def test_skip_lists_random_and_real_spikes(spikewright, run):
    done = spikewright("bench", "skip", run / "export", "--json")
    assert done.status == 0, done.err
    sources = {row["source"] for row in json.loads(done.out)["rows"]}
    assert {"random", "tokenizer.0.pool", "block.0.fc1_lif"} <= sources
