"""The verbs of boards, from an export."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from ir.store import load, save
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


@pytest.mark.slow
def test_a_reload_of_a_simulated_board(spikewright, run, tmp_path):
    """The board is built of one export; another, whose channels are in another order, is loaded."""
    export = load(run / "export")
    lif = next(layer for layer in export.network.layers if layer.kind == "lif")
    other = replace(lif, threshold=lif.threshold[::-1], bias=lif.bias[::-1])
    layers = [other if layer is lif else layer for layer in export.network.layers]
    changed = replace(export.network, layers=tuple(layers))
    save(tmp_path / "other", changed, export.hardware, export.samples)
    words = ("run", tmp_path / "other", "--port", "simulated", "--samples", 2, "--json")
    done = spikewright(*words, "--built", run / "export")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert (found["samples"], found["mismatches"]) == (2, 0)
    told = found["reloaded"]
    assert told["memories"] == told["tries"] > 10
    assert told["words"] > 100
    assert told["checksums"] == "match"
    assert "seconds" in told


def test_a_network_that_the_build_has_no_room_for(spikewright, run, tmp_path):
    export = load(run / "export")
    lif = next(layer for layer in export.network.layers if layer.kind == "lif")
    other = replace(lif, bias=lif.bias + (1 << 30))
    layers = [other if layer is lif else layer for layer in export.network.layers]
    save(tmp_path / "other", replace(export.network, layers=tuple(layers)), export.hardware, export.samples)
    done = spikewright("run", tmp_path / "other", "--port", "simulated", "--built", run / "export")
    assert done.status == 1
    assert f"spikewright: Layer {lif.name} has " in done.err
    assert "; the build allows " in done.err


@pytest.mark.slow
def test_what_was_built_with_a_reload_is_kept(spikewright, run, tmp_path):
    words = ("build", run / "export", "--board", "arty-a7-35t", "--out", tmp_path, "--json")
    done = spikewright(*words, "--reload")
    assert done.status == 0, done.err
    assert load(tmp_path / "export").hardware.reload
    assert load(tmp_path / "export").hardware.fabric == "xc7"
    assert "RELOAD_CHECKSUM" in (tmp_path / "verilog/registers.md").read_text()
    manifest = json.loads((tmp_path / "verilog/manifest.json").read_text())
    stems = [each["station"].replace(".", "_") for each in manifest["reload"]]
    assert sorted(stems) == sorted(path.stem for path in (tmp_path / "verilog/images").iterdir())
