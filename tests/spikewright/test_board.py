"""The verbs of boards, from an export."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.boards.test_vivado import read


@pytest.mark.parametrize(
    "flags, sentence",
    [
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
    assert "module spikewright_board" in (tmp_path / "top.v").read_text()
    told(tmp_path, "spikewright_board", found)


@pytest.mark.parametrize("board", ["kv260", "pynq-z2"])
def test_a_system_around_a_processor(spikewright, run, tmp_path, board):
    done = spikewright("build", run / "export", "--board", board, "--out", tmp_path, "--json")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert (found["bus"], found["baud"], found["bitstream"]) == ("axi", None, None)
    told(tmp_path, "system_wrapper", found)
    compile((tmp_path / "overlay.py").read_text(), "overlay.py", "exec")


def told(folder, top, found):
    """The scripts run to their end on commands that know what there is, in the folder of a build."""
    if shutil.which("tclsh") is None:
        pytest.skip("no Tcl interpreter")
    manifest = json.loads((folder / "verilog/manifest.json").read_text())
    ports = ["clk", "rst", *(port["name"] for port in manifest["wrapper"]["ports"])]
    done = read(folder, top, ports=ports)
    assert done.returncode == 0, done.stderr
    assert (folder / f"{found['board']}.bit").read_text() == "bits"


def test_a_simulated_board_gives_the_golden_answers(spikewright, run):
    done = spikewright("run", run / "export", "--port", "simulated", "--samples", 4, "--json")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert (found["samples"], found["mismatches"], found["tries"]) == (4, 0, 4)
    assert found["counters"]["samples"] == 4
