"""New weights in finished bitstreams: the same as if they had been built in."""

from __future__ import annotations

import json
import shutil

import pytest

import boards
from hw.emit import network_digest
from ir.fold import Hardware
from ir.store import save
from sim import patch
from sim.bitstream import bitstream
from sim.block_ram import LEAST, Blocks
from sim.shapes import perceptron
from spikewright import stages
from spikewright.patch import BUILT, describe, wrapper
from tests.networks import random_samples


def exported(folder, seed, hidden=32):
    network = perceptron(64, [hidden], 10, high=15, seed=seed)
    save(folder, network, Hardware(16, 4), random_samples(network, 0, 4))
    return network


@pytest.mark.slow
@pytest.mark.parametrize("name", ["icebreaker", "ulx3s-25f"])
def test_a_patched_bitstream_is_that_of_a_build_with_those_weights(spikewright, tmp_path, name):
    exported(tmp_path / "one", 0)
    other = exported(tmp_path / "other", 1)
    exported(tmp_path / "wider", 1, hidden=16)
    out, board = tmp_path / "out", boards.load(name)
    done = spikewright("build", tmp_path / "one", "--board", name, "--out", out, "--patchable", "--json")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found["patch"]["read_back"] and found["patch"]["memories"] == 5
    before = (out / found["bitstream"].rpartition("/")[2]).read_bytes()
    done = spikewright("patch", out, tmp_path / "other", "--board", name, "--json")
    assert done.status == 0, done.err
    assert json.loads(done.out)["network"] == network_digest(other)
    patched = (out / found["bitstream"].rpartition("/")[2]).read_bytes()
    assert patched != before

    # The same placement, with the other weights in it from the start.
    direct = tmp_path / "direct"
    shutil.copytree(out / "randomised", direct)
    verilog = spikewright("generate", tmp_path / "other", "--out", tmp_path / "verilog", "--widths", "format")
    assert verilog.status == 0, verilog.err
    (tmp_path / "verilog/images/registers_network.mem").write_text(f"{network_digest(other)[:8]}\n")
    for image in (direct / "images").iterdir():
        own, filled = (tmp_path / "verilog/images" / image.name).read_text(), image.read_text().splitlines()
        image.write_text(own + "".join(f"{line}\n" for line in filled[own.count("\n") :]))
    built = bitstream(direct, board, tmp_path / "again", tmp_path / "build", routed=tmp_path / "routed")
    assert built.path.read_bytes() == patched
    blocks = Blocks.read((tmp_path / "routed").read_text(), board.fabric)
    assert len(blocks.names) >= 5 and LEAST <= 64

    done = spikewright("patch", out, tmp_path / "wider", "--board", name)
    assert done.status == 1 and "the build has" in done.err
    assert (out / built.path.name).read_bytes() == patched


def test_a_patched_build_shows_the_network_that_it_holds(spikewright, tmp_path, monkeypatch):
    """All but the bitstream, in whose place a function notes what would be written."""
    exported(tmp_path / "one", 0)
    other = exported(tmp_path / "other", 1)
    out, board = tmp_path / "out", boards.load("icebreaker")
    written = []
    monkeypatch.setattr(patch, "patch", lambda *given: written.append(given[2]) or {})
    export = stages.load_export(tmp_path / "one", widths="format")
    plan = stages.make_plan(export)
    save(out / BUILT, export.network, export.hardware, export.samples)
    first = describe(out, export.network, plan, wrapper(board, 115200))
    before = (out / "images/fc0.coe").read_text()
    (out / patch.ROUTED).write_text("")
    (out / "build.json").write_text('{"board": "icebreaker", "baud": 115200}')
    done = spikewright("patch", out, tmp_path / "other", "--board", "icebreaker", "--json")
    assert done.status == 0, done.err
    told = json.loads((out / "verilog/manifest.json").read_text())
    assert told["network"] == network_digest(other) != first["network"]
    assert {key: told[key] for key in ("input", "output")} == {key: first[key] for key in ("input", "output")}
    assert json.loads((out / "build.json").read_text())["network"] == network_digest(other)
    spikewright("generate", tmp_path / "other", "--out", tmp_path / "own", "--widths", "format")
    shown = sorted(path.name for path in (tmp_path / "own/images").iterdir())
    assert (out / "images/fc0.coe").read_text() != before
    assert len(written[0]) == len(shown) + 1  # the network's digest too
    for name in shown:
        assert (out / "verilog/images" / name).read_text() == (tmp_path / "own/images" / name).read_text()


def test_what_cannot_be_patched_is_refused(spikewright, run, tmp_path):
    done = spikewright("build", run / "export", "--board", "tang-nano-9k", "--out", tmp_path / "x", "--patchable")
    assert done.status == 1 and "Board tang-nano-9k has fabric gowin; bitstreams can be patched on ecp5, ice40." in done.err
    assert not (tmp_path / "x").exists()
    done = spikewright("patch", tmp_path, run / "export", "--board", "ulx3s-25f")
    assert done.status == 1 and f"Directory {tmp_path} holds no build that can be patched" in done.err
    (tmp_path / patch.ROUTED).write_text("")
    (tmp_path / "build.json").write_text('{"board": "ulx3s-25f"}')
    done = spikewright("patch", tmp_path, run / "export", "--board", "ulx3s-85f")
    assert done.status == 1 and "was made for board ulx3s-25f; board ulx3s-85f is not allowed." in done.err
    assert patch.UNPACKERS.keys() == {"ecp5", "ice40"}
