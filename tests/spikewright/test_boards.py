"""``spikewright boards`` and ``spikewright plan``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import boards as shipped
from ir.fold import Hardware
from ir.store import save
from tests.networks import digits_network, random_samples

BOARDS = Path(__file__).parents[2] / "boards"


@pytest.fixture(scope="module")
def export(tmp_path_factory) -> Path:
    """Return an export of a small network with random weights."""
    path = tmp_path_factory.mktemp("plan") / "export"
    network = digits_network()
    save(path, network, Hardware(64, network.steps), random_samples(network, 0, 4))
    return path


def test_boards_as_json(spikewright):
    done = spikewright("boards", "--json")
    assert done.status == 0, done.err
    found = {row["name"]: row for row in json.loads(done.out)["boards"]}
    assert sorted(found) == shipped.names() and len(found) == 13
    board = found["ulx3s-85f"]
    assert (board["fabric"], board["part"], board["clock_hz"]) == ("ecp5", "LFE5U-85F", 25_000_000)
    assert board["budget"]["lut"] == 71094
    assert board["pins"]["uart"] == {"rx": "M1", "tx": "L4"}
    assert found["kv260"]["pins"] is None and found["kv260"]["counted_as"] == "xc7"


def test_boards_for_people(spikewright):
    done = spikewright("boards", "icebreaker")
    assert done.status == 0, done.err
    assert "4,488" in done.out and "ulx3s" not in done.out


def test_a_wrong_pin_is_refused(spikewright, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text((BOARDS / "icebreaker.yaml").read_text().replace("rx: 6", "rx: 99"))
    done = spikewright("boards", path)
    assert done.status == 1
    assert "Board icebreaker has pin 99 for uart_rx; iCE40UP5K in SG48 allows 2, 3, " in done.err


def test_import(spikewright, tmp_path):
    source, out = "amaranth_boards.icebreaker:ICEBreakerPlatform", tmp_path / "my_board.yaml"
    done = spikewright("boards", "--import", source, "--out", out)
    assert done.status == 0, done.err
    assert shipped.load(out).name == "my-board"
    assert shipped.load(out).pins == shipped.load("icebreaker").pins
    done = spikewright("boards", "--import", source)
    assert done.status == 1 and "--import and --out are allowed together only." in done.err


def test_a_plan_of_what_fits(spikewright, export):
    done = spikewright("plan", export, "--board", "ulx3s-25f", "--json")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found["fits"] and found["streams"] == "nothing"
    assert all(found["used"][kind] <= found["budget"][kind] for kind in found["budget"])
    assert found["frames_per_second"] == round(25e6 / found["interval"], 1)
    assert "block.0.attention" in found["folds"]
    assert {each["kind"] for each in found["buffers"].values()} == {"buffer", "window"}
    weights = {each["layer"]: each for each in found["weights"]}
    assert weights["head"]["cumulative_bits"] == sum(each["bits"] for each in weights.values())
    assert found["memories"][0]["bits_per_frame"] == weights["head"]["cumulative_bits"]
    assert found["memories"][1]["frames_per_second"] is None  # nothing streams
    done = spikewright("fold", export, "--board", "ulx3s-25f", "--json")
    assert json.loads(done.out)["interval"] == found["interval"]


def test_a_plan_for_a_rate(spikewright, export):
    command = ("plan", export, "--board", "kv260", "--fps", 2000, "--clock", 50, "--json")
    done = spikewright(*command)
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found["frames_per_second"] >= 2000
    assert found["stops"] == "nothing: the rate is reached"
    assert (found["fabric"], found["counted_as"]) == ("xcup", "xc7")


def test_what_does_not_fit_is_planned_and_refused(spikewright, export, tmp_path):
    path = tmp_path / "small.yaml"
    text = (BOARDS / "ulx3s_25f.yaml").read_text().replace("lut: 24288", "lut: 2000")
    path.write_text(text.replace("block_ram: 56", "block_ram: 0"))
    done = spikewright("plan", export, "--board", path, "--json")
    found = json.loads(done.out)
    assert done.status == 1
    assert found["stops"] in done.err and found["stops"].startswith("Budget leaves ")
    assert not found["fits"] and found["interval"] is None
    bits = sum(each["bits"] for each in found["weights"])
    chip, sdram = found["memories"]
    assert chip["bits_per_frame"] == 0 and sdram["bits_per_frame"] == bits
    assert sdram["frames_per_second"] == round(332e6 * 8 / bits, 1)
    done = spikewright("plan", export, "--board", path)
    assert done.status == 1
    assert "tokenizer.0" in done.out and "SDRAM" in done.out


def test_more_weights_than_the_chip_holds_are_refused_at_once(spikewright, export, tmp_path):
    path = tmp_path / "small.yaml"
    text = (BOARDS / "icebreaker.yaml").read_text().replace("lut: 5280", "lut: 100")
    path.write_text(text.replace("block_ram: 30", "block_ram: 0"))
    done = spikewright("plan", export, "--board", path)
    assert done.status == 1
    assert " bit; board icebreaker holds at most 1360." in done.err


def test_refusals(spikewright, export):
    for words, sentence in (
        (("--fill", 0), "Fill is 0.0; allowed is above 0, up to 1."),
        (("--clock", -1), "Clock is -1 MHz; allowed is above 0."),
        (("--fps", -1), "Frames per second are -1; allowed is above 0"),
        (("--board", "vax"), "Board 'vax' is unknown; allowed are "),
    ):
        done = spikewright("plan", export, *words)
        assert done.status == 1 and sentence in done.err and not done.out
