"""The verbs of boards, from an export."""

from __future__ import annotations

import json

import pytest


@pytest.mark.parametrize(
    "flags, sentence",
    [
        (("--board", "kv260"), "Board kv260 names no pins, for the processor on its part gives the clock"),
        (("--board", "ulx3s-25f", "--baud", 6000000), "UART has 6000000 baud at a clock of 25000000 Hz; allowed"),
        (("--board", "ulx3s"), "Board 'ulx3s' is unknown; allowed are "),
    ],
)
def test_what_cannot_be_built_is_refused(spikewright, run, tmp_path, flags, sentence):
    done = spikewright("build", run / "export", *flags, "--out", tmp_path / "out")
    assert done.status == 1
    assert sentence in done.err
    assert not (tmp_path / "out").exists()


def test_verilog_and_constraints_where_no_open_tool_makes_bitstreams(spikewright, run, tmp_path):
    done = spikewright("build", run / "export", "--board", "arty-a7-35t", "--out", tmp_path, "--json")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found["bitstream"] is None
    assert "PACKAGE_PIN E3" in (tmp_path / "arty-a7-35t.xdc").read_text()
    stems = {path.stem for path in (tmp_path / "verilog/images").iterdir()}
    names = {path.name for path in (tmp_path / "images").iterdir()}
    assert names == {f"{stem}.{suffix}" for stem in stems for suffix in ("hex", "coe", "mif")}
    assert "NETWORK" in (tmp_path / "verilog/registers.md").read_text()


def test_a_simulated_board_gives_the_golden_answers(spikewright, run):
    done = spikewright("run", run / "export", "--port", "simulated", "--samples", 4, "--json")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert (found["samples"], found["mismatches"], found["tries"]) == (4, 0, 4)
    assert found["counters"]["samples"] == 4
