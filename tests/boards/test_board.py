from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

import boards
from boards.board import FABRICS
from ir.errors import SpikewrightError

TEXT = (Path(boards.__file__).parent / "ulx3s_85f.yaml").read_text()


def refusal(tmp_path, text):
    path = tmp_path / "board.yaml"
    path.write_text(text)
    with pytest.raises(SpikewrightError) as caught:
        boards.load(path)
    return str(caught.value).replace(str(path), "PATH")


def test_every_board_loads_under_its_name():
    assert {"ulx3s-85f", "icebreaker", "tang-nano-9k", "arty-a7-35t"} < set(boards.names())
    for name in boards.names():
        assert boards.load(name).name == name
    assert {boards.load(name).fabric for name in boards.names()} == set(FABRICS)


def test_values():
    board = boards.load("ulx3s-85f")
    assert (board.part, board.package, board.speed_grade) == ("LFE5U-85F", "CABGA381", 6)
    assert board.resources == boards.Resources(83640, 83640, 41820, 208, 10455, 156)
    with pytest.raises(FrozenInstanceError):
        board.name = "other"


def test_by_path(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT.replace("ulx3s-85f", "mine"))
    assert boards.load(path).name == boards.load(str(path)).name == "mine"


@pytest.mark.parametrize("name", ["arty", "../ulx3s_85f", ""])
def test_unknown_board(name):
    with pytest.raises(SpikewrightError, match=r"is unknown; allowed are .*, ulx3s-85f, zcu104, or the path"):
        boards.load(name)


@pytest.mark.parametrize(
    "old, new, sentence",
    [
        ("part:", "parts:", "Board PATH has unknown keys: parts."),
        ("part: LFE5U-85F\n", "", "Board PATH lacks keys: part."),
        ("  dsp: 156\n", "", "Board PATH, resources, lacks keys: dsp."),
        ("lut: 83640", "lut: -1", "Board PATH has resources.lut -1; allowed are 0..10000000."),
        (
            "fabric: ecp5",
            "fabric: vax",
            "Board PATH has fabric 'vax'; allowed are ecp5, ice40, gowin, xc7.",
        ),
        (
            "fabric: ecp5",
            "fabric: gowin",
            "Board PATH has speed_grade 6; allowed on gowin are C5/I4, C6/I5, C7/I6, C8/I7.",
        ),
        ("25000000", "fast", "Board PATH has clock_hz 'fast'; allowed are 1..1000000000."),
        (
            "speed_grade: 6",
            "speed_grade: yes",
            "Board PATH has speed_grade True; allowed on ecp5 are 6, 7, 8.",
        ),
    ],
)
def test_refusals(tmp_path, old, new, sentence):
    assert old in TEXT
    assert refusal(tmp_path, TEXT.replace(old, new, 1)) == sentence


def test_damaged_files(tmp_path):
    for text in ("a: [", "- 1", "a: &a [1]\nb: *a", "name: x\nname: y", ""):
        assert refusal(tmp_path, text).startswith("File PATH ")
    assert refusal(tmp_path, TEXT.split("resources")[0] + "resources: 3\n").endswith(
        "has resources 3; allowed is a mapping."
    )
    with pytest.raises(SpikewrightError, match="cannot be read"):
        boards.load(tmp_path / "missing.yaml")


def test_a_budget_leaves_room():
    board = boards.load("ulx3s-25f")
    budget = board.budget(0.5)
    assert (budget.lut, budget.ff, budget.carry) == (12144, 12144, 6072)
    assert (budget.block_ram, budget.lut_ram, budget.dsp) == (53, 2884, 26)
    for fill in (0, -1, 1.01, float("nan")):
        with pytest.raises(SpikewrightError, match="allowed is above 0, up to 1"):
            board.budget(fill)
