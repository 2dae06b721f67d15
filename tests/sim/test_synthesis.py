"""Synthesis and placing of the toy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import boards
from ir.errors import SpikewrightError
from ir.manifest import listing
from ir.strict import dump_json
from sim.pictures import CELLS
from sim.place import wrap
from sim.synthesis import synthesize

BOARD = boards.load("ulx3s-85f")


@pytest.fixture
def toy(tmp_path):
    folder = tmp_path / "verilog"
    folder.mkdir()
    verilog = (Path(__file__).parent / "toy.v").read_bytes()
    (folder / "accelerator.v").write_bytes(verilog)
    files = listing({"accelerator.v": verilog})
    (folder / "manifest.json").write_text(dump_json({"files": files}))
    return folder


def test_counts_only(toy, tmp_path):
    found = synthesize(toy, BOARD, tmp_path / "build")
    assert found["fmax_mhz"] is None
    (fabric,) = found["resources"].values()
    assert fabric["board"]["budget"].keys() == fabric["total"].keys() == CELLS.keys()
    assert fabric["board"]["budget"]["lut"] == 83640
    assert fabric["multipliers"] == {}
    assert fabric["total"]["ff"] > 60
    assert fabric["total"] == fabric["modules"]["accelerator"]


@pytest.mark.slow
def test_further_fabrics(toy, tmp_path):
    found = synthesize(toy, boards.load("icebreaker"), tmp_path, fabrics=["xc7", "ice40"])
    assert found["resources"].keys() == {"ice40", "xc7"}
    assert found["resources"]["ice40"]["board"]["name"] == "icebreaker"
    assert "board" not in found["resources"]["xc7"]
    assert 0 < found["resources"]["xc7"]["total"]["carry"] < found["resources"]["ice40"]["total"]["carry"]
    with pytest.raises(SpikewrightError, match=r"Fabric 'vax' is unknown"):
        synthesize(toy, BOARD, tmp_path, fabrics=["vax"])


@pytest.mark.slow
def test_another_clock(toy, tmp_path):
    asked = synthesize(toy, BOARD, tmp_path, fabrics=["xc7"], clock_hz=80e6)["resources"]
    assert {name: used["clock_mhz"] for name, used in asked.items()} == {"xc7": 80, "ecp5": 80}
    own = synthesize(toy, BOARD, tmp_path, fabrics=["xc7"])["resources"]
    assert {name: used["clock_mhz"] for name, used in own.items()} == {"xc7": 100, "ecp5": 25}
    with pytest.raises(SpikewrightError, match=r"^Clock is -1 MHz; allowed is above 0, "):
        synthesize(toy, BOARD, tmp_path, clock_hz=-1e6)


def test_placed(toy, tmp_path):
    told = []
    found = synthesize(
        toy, BOARD, tmp_path / "build", seeds=3, progress=lambda *stage: told.append(stage)
    )
    fmax = found["fmax_mhz"]
    assert 50 < fmax["low"] <= fmax["median"] <= fmax["high"] < 1000
    assert [trial["seed"] for trial in fmax["seeds"]] == [1, 2, 3]
    assert all(trial["used"]["TRELLIS_FF"] > 60 for trial in fmax["seeds"])
    assert told[-1] == ("place", 4, 4)
    again = synthesize(toy, BOARD, tmp_path / "build", seeds=3)
    assert json.dumps(again) == json.dumps(found)


@pytest.mark.parametrize(
    "name", ["icebreaker", pytest.param("ice40-hx8k-b-evn", marks=pytest.mark.slow)]
)
def test_placed_on_ice40(toy, tmp_path, name):
    fmax = synthesize(toy, boards.load(name), tmp_path / "build", seeds=2)["fmax_mhz"]
    assert 10 < fmax["low"] <= fmax["median"] <= fmax["high"] < 1000
    assert all(trial["used"]["ICESTORM_LC"] > 60 for trial in fmax["seeds"])


def test_what_cannot_be_placed(toy, tmp_path):
    with pytest.raises(SpikewrightError, match=r"^Board arty-a7-35t has part XC7A35T; placing allows LFE5U-25F, "):
        synthesize(toy, boards.load("arty-a7-35t"), tmp_path / "build", seeds=1)


def test_seeds(toy, tmp_path):
    with pytest.raises(SpikewrightError, match=r"Seeds are -1; allowed are 0\.\.64\."):
        synthesize(toy, BOARD, tmp_path, seeds=-1)


def test_harness_connects_every_port():
    widths = {"clk": 1, "rst": 1, "i__payload": 5, "i__valid": 1, "o__ready": 1, "o__payload": 20}
    text = wrap(widths, "accelerator")
    assert all(f".{name}(" in text for name in widths)
    assert "reg [7:0] in;" in text
