from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

import boards
from boards.board import FABRICS
from boards.pins import Reset
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
    with pytest.raises(
        SpikewrightError, match=r"is unknown; allowed are .*, ulx3s-85f, zcu104, or the path"
    ):
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
            "Board PATH has fabric 'vax'; allowed are ecp5, ice40, gowin, xc7, xcup.",
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


def test_pins_and_what_else_a_board_has():
    board = boards.load("icebreaker")
    pins = board.wired()
    assert pins.ports == {
        "clk": "35", "uart_rx": "6", "uart_tx": "9", "led[0]": "11", "led[1]": "37",
    }  # fmt: skip
    assert pins.leds.active == "low" and pins.reset is None
    assert boards.load("arty-a7-35t").wired().reset == Reset("C2", "low")
    assert board.program("x.bin") == ["iceprog", "x.bin"]
    assert board.memories[0].name == "SPRAM"
    assert board.block_ram.bytes == 30 * 512


def test_boards_whose_processor_gives_the_clock():
    board = boards.load("kv260")
    assert (board.fabric, board.counted_as) == ("xcup", "xc7")
    with pytest.raises(
        SpikewrightError,
        match=r"^Board kv260 names no pins, for .* allowed for boards with pins\.$",
    ):
        board.wired()
    with pytest.raises(
        SpikewrightError, match=r"^Board kv260 has no programmer; its YAML allows one"
    ):
        board.program("x.bit")


@pytest.mark.parametrize(
    "old, new, sentence",
    [
        ("clock: G2", "clocks: G2", "Board PATH, pins, has unknown keys: clocks."),
        ("  clock: G2\n", "", "Board PATH, pins, lacks keys: clock."),
        ("clock: G2", "clock: G 2", "Board PATH, pins, has clock 'G 2'; allowed are letters, digits and dashes, up to 64."),
        ("clock: G2", "clock: true", "Board PATH, pins, has clock True; allowed are letters, digits and dashes, up to 64."),
        ("clock: G2", "clock: L4", "Board PATH, pins, has L4 for clk and uart_tx; allowed is one use of a pin."),
        ("{rx: M1, tx: L4}", "[M1, L4]", "Board PATH, pins, uart, is ['M1', 'L4']; allowed is a mapping."),
        ("tx: L4", "tx: [L4]", "Board PATH, pins, uart, has tx ['L4']; allowed are letters, digits and dashes, up to 64."),
        ("active: high", "active: up", "Board PATH, pins, leds, has active 'up'; allowed are high, low."),
        ("[B2, C2, C1, D2, D1, E2, E1, H3]", "[]", "Board PATH, pins, leds, has pins []; allowed is a list of 1..64."),
        ('"{bitstream}"', '"{file}"', "Board PATH has programmer openFPGALoader --board ulx3s {file}; allowed is a command with one {bitstream}."),
        ("--board, ulx3s", "--board, a;b", "Board PATH has programmer word 'a;b'; allowed are letters, digits and .:/=-_, up to 64."),
        ("name: SDRAM, ", "", "Board PATH, memories, lacks keys: name."),
        ("bytes: 33554432", "bytes: 0", "Board PATH, memories, has bytes 0; allowed are 1..1125899906842624."),
        ("pins:\n", "pin: 3\nother:\n", "Board PATH has unknown keys: other, pin."),
    ],
)  # fmt: skip
def test_refusals_of_pins(tmp_path, old, new, sentence):
    assert old in TEXT
    assert refusal(tmp_path, TEXT.replace(old, new, 1)) == sentence
