"""What ``plan`` foresees is what ``build`` makes: LUTs within a tenth, memory and cycles exactly."""

from __future__ import annotations

from pathlib import Path

import pytest

import boards
from hw.emit import emit
from hw.wrap import Wrapper
from ir.fold import Hardware
from ir.store import Export
from sim.bitstream import SUFFIXES, count
from sim.cosimulate import cosimulate
from sim.fabrics import of_board
from sim.resources import count as count_parts
from sim.shapes import perceptron
from spikewright import stages
from spikewright.boards import folded, foresee
from tests.networks import digits_network, random_images

# The second is so small that its cost is mostly that of the UART; without one, the accelerator's few
# hundred LUTs are predicted up to a quarter too high on 7-series (engines of one lane).
NETWORKS = {
    "spikformer": (digits_network(seed=3), Hardware(48, 2)),
    "perceptron": (perceptron(64, [32, 16], 10, high=15), Hardware(24, 4)),
}
SIMULATORS = Path(__file__).parents[2] / "build" / "simulators"  # kept between test runs
BOARDS = [boards.load(name) for name in boards.names()]
# Boards of one part or fabric at one clock map alike; these are met every time, the rest if asked.
ALWAYS = {("perceptron", "icebreaker")}


def cases():
    for network in NETWORKS:
        for board in BOARDS:
            if network == "perceptron" and board.bus != "uart":
                continue
            marks = () if (network, board.name) in ALWAYS else (pytest.mark.slow,)
            yield pytest.param(network, board, marks=marks, id=f"{network}-{board.name}")


def built(export, board, folder):
    """Return what a board's design takes, as it is built, and its interval and latency measured."""
    plan, verilog = stages.make_plan(export), folder / "verilog"
    emit(export.network, plan, verilog, Wrapper(board.bus, float(board.clock_hz), baud=115200))
    if board.fabric in SUFFIXES:
        used = count(verilog, board, folder / "build")
    else:
        top = f"spikewright_{board.bus}"
        used = count_parts(verilog, fabric=of_board(board), build_dir=folder / "build", wrapper=top).total
    emit(export.network, plan, folder / "bare")
    images = random_images(export.network, 0, 6)
    found = cosimulate(folder / "bare", plan, export.network, images, build_dir=SIMULATORS, shards=1)
    assert found.mismatches == 0
    return used, found.cycles


@pytest.mark.parametrize("name, board", list(cases()))
def test_a_board_gets_what_was_planned(name, board, tmp_path):
    network, hardware = NETWORKS[name]
    export = Export(network, hardware)
    plan = foresee(export, board, refold=False)
    used, measured = built(folded(export, board, board.budget(), refold=False)[0], board, tmp_path)
    assert plan["used"]["lut"] == pytest.approx(used.lut, rel=0.1)
    assert plan["used"]["block_ram"] == used.block_ram
    assert (plan["interval"], plan["latency"]) == (measured.interval, measured.latency)


@pytest.mark.slow
def test_a_small_board_that_is_filled(tmp_path):
    board = boards.load("icebreaker")
    network, hardware = NETWORKS["perceptron"]
    export = Export(network, hardware)
    plan = foresee(export, board)
    used, measured = built(folded(export, board, board.budget())[0], board, tmp_path)
    assert plan["fits"] and used.lut < board.resources.lut
    assert plan["used"]["lut"] == pytest.approx(used.lut, rel=0.1)
    assert plan["used"]["block_ram"] == used.block_ram
    assert (plan["interval"], plan["latency"]) == (measured.interval, measured.latency)


@pytest.mark.slow
def test_what_does_not_fit_is_said_with_either_folds():
    network, hardware = NETWORKS["spikformer"]
    board = boards.load("icebreaker")
    given = foresee(Export(network, hardware), board, refold=False)
    assert not given["fits"] and given["stops"].startswith("Folds take lut ")
    assert given["used"]["lut"] > given["budget"]["lut"]
