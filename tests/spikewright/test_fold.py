"""``spikewright fold``: folds for a board, and an export that has them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture(scope="module")
def board(tmp_path_factory) -> Path:
    """Return a board on which the tiny network is short of LUTs."""
    text = (CONFIGS.parent / "boards" / "ulx3s_25f.yaml").read_text()
    path = tmp_path_factory.mktemp("boards") / "small.yaml"
    path.write_text(text.replace("lut: 24288", "lut: 6000").replace("ulx3s-25f", "small"))
    return path


def test_an_export_with_folds_for_a_board(spikewright, run, board, tmp_path):
    out = tmp_path / "folded"
    done = spikewright("fold", run / "export", "--board", board, "--out", out, "--json")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found["bound"].split(" need more ")[1].startswith("lut, most of it in layer ")
    assert found["gap"] >= 0
    assert all(found["used"][kind] <= found["budget"][kind] for kind in found["budget"])
    assert found["frames_per_second"] == round(25e6 / found["interval"], 1)
    done = spikewright("generate", out, "--out", tmp_path / "verilog", "--json")
    assert done.status == 0, done.err
    folds = json.loads(done.out)["folds"]
    assert folds == {
        name: {"pe": fold["pe"], "simd": fold["simd"]} for name, fold in found["folds"].items()
    }


def test_area_for_frames_per_second(spikewright, run):
    command = ("fold", run / "export", "--board", "ulx3s-25f", "--aim", "area")
    done = spikewright(*command, "--fps", 5000, "--clock", 50, "--json")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found["interval"] <= 10_000
    assert found["frames_per_second"] >= 5000
    assert found["bound"] == "none: the aim was reached"


def test_a_table_for_people(spikewright, run):
    done = spikewright("fold", run / "export", "--board", "arty-a7-35t", "--aim", "latency")
    assert done.status == 0, done.err
    assert "bound: " in done.out
    assert "block.0.attention" in done.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--fill", 0), "Fill is 0.0; allowed is above 0, up to 1."),
        (("--fill", 0.05), "Budget leaves lut "),
        (("--aim", "speed"), "Aim is 'speed'; allowed are throughput, area, latency."),
        (("--aim", "area"), "only area takes one, and needs it"),
        (("--aim", "area", "--fps", -1), "Frames per second are -1; allowed is above 0"),
        (("--aim", "area", "--fps", 5e6), "Aim area has 5 cycles per sample; this network needs"),
        (("--clock", -1), "Clock is -1 MHz; allowed is above 0."),
    ],
)
def test_refusals(spikewright, run, tmp_path, words, sentence):
    out = tmp_path / "folded"
    done = spikewright("fold", run / "export", "--board", "ulx3s-25f", "--out", out, *words)
    assert done.status == 1
    assert sentence in done.err
    assert not out.exists()
