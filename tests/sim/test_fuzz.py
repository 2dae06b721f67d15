"""Random topologies on Verilator, shrinking, logs of campaigns, and what the fuzzer once found."""

from __future__ import annotations

import json
import re
import secrets
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from amaranth.hdl import Module

from ir.errors import SpikewrightError
from ir.planner import build as plan
from sim import icarus
from sim.campaign import Campaign, Failure, attempt, failure, replay, store
from sim.case import CONTENTS, Case, Subject, draw_case
from sim.draw import MOST_WORK, draw, work
from sim.gates import FABRICS, netlist
from sim.shrink import shrink
from sim.topology import build

needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="no Icarus Verilog")
FOUND = sorted((Path(__file__).parent / "found").glob("*.yaml"))
SMALL = {
    "seed": 3,
    "steps": 2,
    "widths": "format",
    "pass": 0,
    "input": {"channels": 1, "height": 2, "width": 3, "high": 3, "moving": False},
    "parts": [
        {
            "kind": "unit",
            "channels": 2,
            "kernel": 1,
            "stride": 1,
            "padding": 0,
            "scheme": "u3",
            "fold": 0,
            "loaders": 0,
            "slice": 0,
            "neuron": {"reset": "subtract", "initial": 5},
        }
    ],
    "head": {"classes": 2, "scheme": "pot3", "fold": 0},
}


def test_a_fresh_sample_is_right(tmp_path, builds):
    seed = secrets.randbelow(1 << 32)
    found = Campaign(seed, 100, tmp_path, builds).run()
    assert found["networks"] == 5
    assert found["cases"] == 100
    kept = "\n".join(Path(path).read_text() for path in found["failures"])
    assert not found["mismatches"], f"seed {seed}:\n{kept}"


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_what_was_found_once_stays_right(path, builds):
    assert replay(path, builds) is None


def test_topologies_can_be_built_and_come_again():
    for index in range(40):
        topology = draw(5, index)
        assert topology == draw(5, index)
        assert yaml.safe_load(yaml.safe_dump(topology)) == topology
        network, hardware = build(topology)
        assert work(network) <= MOST_WORK
        assert plan(network, hardware).steps == network.steps
    assert draw(5, 0) != draw(6, 0)


def test_topologies_hold_every_engine_format_and_neuron():
    topologies = [draw(1, index) for index in range(150)]
    plans = [plan(*build(topology)) for topology in topologies]
    kinds = {station.kind for each in plans for station in each.stations}
    assert {
        "synapse",
        "tile",
        "attend",
        "correlate",
        "recall",
        "align",
        "maximum",
        "window",
    } <= kinds
    text = json.dumps(topologies)
    for word in ("u2", "u8", "pot2", "pot4", "binary", "ternary", "subtract", "none", "shift", ">"):
        assert f'"{word}"' in text, word
    networks = [build(topology)[0] for topology in topologies]
    assert {1, 16} <= {network.steps for network in networks}
    assert any(network.input.moving for network in networks)
    assert any(min(network.input.shape[1:]) == 1 for network in networks)


def test_cases_come_again_and_only_fill_what_they_may():
    drawn = [draw_case(0, index, 1, "format") for index in range(60)]
    assert drawn == [draw_case(0, index, 1, "format") for index in range(60)]
    assert {case.contents for case in drawn} == set(CONTENTS)
    assert {0.0, 1.0} <= {case.density for case in drawn}
    assert any(case.gaps and case.stalls for case in drawn)
    assert {draw_case(0, index, 1, "actual").contents for index in range(60)} == {"own"}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"colour": 1}, "Case has unknown key 'colour'"),
        ({"images": 2.0}, "Case has images 2.0; allowed is int"),
        ({"images": 1}, "Case has density 0.5 and 1 images"),
        ({"density": 1.5}, "Case has density 1.5"),
        ({"contents": "hers"}, "Case has contents 'hers'; allowed are own"),
        ({"target": "modelsim"}, "Case has target 'modelsim'; allowed are verilator, icarus, amaranth, ecp5"),
    ],
)
def test_damaged_cases_are_refused(values, sentence):
    with pytest.raises(SpikewrightError, match=sentence):
        Case.of(values)


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 0},
        {"steps": None},
        {"head": {}},
        {"parts": [{"kind": "nothing"}]},
        {"parts": [{"kind": "unit"}]},
        {"parts": 7},
        {"seed": "seven"},
    ],
)
def test_damaged_topologies_are_refused(change):
    with pytest.raises(SpikewrightError):
        build(SMALL | change)


@pytest.mark.parametrize("contents", CONTENTS)
def test_every_kind_of_contents_is_right(contents, tmp_path, builds):
    with Subject(SMALL, tmp_path, builds) as subject:
        case = Case(contents, 1, 0.7, 3, 1, 0.5, 0.5, 1)
        assert subject.failure(case) is None
        network, _ = subject.filled(case)
        same = (network["part0.conv"].weight == subject.network["part0.conv"].weight).all()
        assert same == (contents == "own")


def test_a_wrong_golden_model_is_seen_and_shrunk(tmp_path, builds, monkeypatch):
    topology = draw(2, 3)
    case = Case("random", 3, 0.5, 4, 77, 0.5, 0.1, 9)
    calls = []

    def wrong(candidate, trial):
        # A fault that any neuron of reset subtract shows, in a simulator that costs nothing.
        calls.append(candidate)
        return "subtract" in repr(candidate) and trial.density > 0

    topology["parts"][0]["neuron"] = {**draw_neuron(), "reset": "subtract"}
    small, least, tried = shrink(topology, case, wrong)
    assert tried == len(calls) < 400
    assert wrong(small, least)
    network, _ = build(small)
    assert len(network.layers) == 4
    assert max(edge.channels for edge in network.edges.values()) == 1
    assert network.steps == 1
    assert (least.images, least.gaps, least.stalls, least.contents) == (2, 0, 0, "own")


def draw_neuron():
    return {
        "charge": "shift",
        "fire": ">",
        "reset": "none",
        "leak_shift": 2,
        "frac_bits": 4,
        "membrane_bits": 16,
        "initial": 3,
    }


def test_shrinking_stops_at_its_limit():
    topology = draw(2, 3)
    same, case, tried = shrink(topology, Case(), lambda candidate, trial: False, most=7)
    assert (same, case, tried) == (topology, Case(), 7)


def test_failures_say_what_they_are(tmp_path, builds, monkeypatch):
    with Subject(SMALL, tmp_path, builds) as subject:
        assert failure(subject, Case()) is None
        monkeypatch.setattr(subject, "failure", lambda case: "layer x differs")
        assert failure(subject, Case()) == Failure("mismatch", "layer x differs")
        monkeypatch.setattr(subject, "failure", lambda case: "A transfer came in another cycle.")
        assert failure(subject, Case()).sort == "cycle"
        monkeypatch.setattr(subject, "failure", lambda case: 1 / 0)
        assert failure(subject, Case()) == Failure("ZeroDivisionError", "division by zero")
    assert attempt(SMALL | {"steps": 0}, Case(), builds).sort == "SpikewrightError"


def test_campaigns_go_on_where_they_were_killed(tmp_path, builds, monkeypatch):
    monkeypatch.setattr("sim.campaign.examine", _nothing)
    monkeypatch.setattr("sim.campaign.ProcessPoolExecutor", _Here)
    monkeypatch.setattr("sim.campaign.as_completed", list)
    first = Campaign(1, 50, tmp_path, builds).run()
    assert (first["networks"], first["cases"], first["mismatches"]) == (3, 50, 0)
    log = tmp_path / "fuzz.jsonl"
    lines = log.read_text().splitlines()
    assert len(lines) == 4
    log.write_text("\n".join([*lines[:2], lines[2][:9]]))
    seen = []
    more = Campaign(1, 70, tmp_path, builds).run(tell=lambda stage, done, total: seen.append(done))
    assert (more["networks"], more["cases"]) == (4, 70)
    assert seen == [20, 40, 60, 70]
    with pytest.raises(SpikewrightError, match="was run with other numbers"):
        Campaign(2, 50, tmp_path, builds)


def _nothing(seed, build_dir, share):
    return {
        "index": share.index,
        "ran": {"verilator": share.cases, **dict.fromkeys(share.others, 1)},
        "builds": 1,
        "spikes": 5,
        "failed": [],
        "stations": ["synapse"],
        "seconds": 0.0,
    }


class _Here:
    """An executor that works at once, in this process, where patches hold."""

    def __init__(self, jobs):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *failed):
        pass

    def submit(self, function, *given):
        from concurrent.futures import Future

        task = Future()
        task.set_result(function(*given))
        return task


def test_failures_are_kept_and_replayed(tmp_path, builds, monkeypatch):
    store(tmp_path / "a.yaml", SMALL, Case(), "layer x differs")
    assert replay(tmp_path / "a.yaml", builds) is None
    (tmp_path / "b.yaml").write_text("found: nothing\n")
    with pytest.raises(SpikewrightError, match="holds no topology and case"):
        replay(tmp_path / "b.yaml", builds)
    monkeypatch.setattr("sim.campaign.ProcessPoolExecutor", _Here)
    monkeypatch.setattr("sim.campaign.as_completed", list)
    monkeypatch.setattr("sim.case.Subject.failure", lambda subject, case: "layer x differs")
    monkeypatch.setattr("sim.campaign.draw", lambda seed, index: SMALL)
    found = Campaign(1, 2, tmp_path / "run", builds, cases=2).run(smaller=False)
    assert found["mismatches"] == 2
    (path,) = found["failures"]
    kept = yaml.safe_load(Path(path).read_text())
    assert kept["topology"] == SMALL
    assert kept["case"] == draw_case(1, 0, 0, "format").to_dict()
    assert kept["found"] == "layer x differs"


def test_campaigns_ask_other_simulators_too(tmp_path, builds, monkeypatch):
    monkeypatch.setattr("sim.campaign.examine", _nothing)
    monkeypatch.setattr("sim.campaign.ProcessPoolExecutor", _Here)
    monkeypatch.setattr("sim.campaign.as_completed", list)
    found = Campaign(1, 100, tmp_path, builds, icarus=2, netlists=4).run()
    assert (found["networks"], found["cases"]) == (5, 100)
    assert [found[name] for name in ("icarus", "ecp5", "ice40", "xc7")] == [2, 2, 1, 1]


def test_topologies_that_cannot_be_generated_are_failures(tmp_path, builds, monkeypatch):
    monkeypatch.setattr("sim.campaign.ProcessPoolExecutor", _Here)
    monkeypatch.setattr("sim.campaign.as_completed", list)
    monkeypatch.setattr("sim.campaign.draw", lambda seed, index: SMALL)
    monkeypatch.setattr("sim.case.emit", lambda *given: 1 / 0)
    found = Campaign(1, 3, tmp_path, builds).run()
    assert (found["networks"], found["cases"], found["mismatches"]) == (1, 0, 1)
    kept = yaml.safe_load(Path(found["failures"][0]).read_text())
    assert kept["found"] == "division by zero"
    assert kept["topology"]["input"]["height"] == 1
    again = Campaign(1, 3, tmp_path, builds)
    assert again.summary() == found


@pytest.mark.parametrize(
    "fabric", [pytest.param(f, marks=[pytest.mark.slow] if f == "xc7" else []) for f in FABRICS]
)
def test_netlists_after_synthesis_are_right(fabric, tmp_path, builds):
    case = Case("own", 0, 0.7, 3, 1, 0.5, 0.5, 1, fabric)
    with Subject(SMALL, tmp_path, builds) as subject:
        assert subject.failure(case) is None
        assert subject.spikes == 0
        verilog = tmp_path / f"own-{fabric}" / "accelerator.v"
        text = verilog.read_text()
        assert {"ecp5": "LUT4", "ice40": "SB_LUT4", "xc7": "LUT"}[fabric] in text
        # Wrong contents of a single LUT are seen.
        verilog.write_text(_upset(text))
        assert failure(subject, case) is not None


def _upset(text):
    """Return a netlist in which most LUTs have other contents."""
    return re.sub(r"(16'h)([0-9a-f]{4})", lambda found: found[1] + found[2][::-1], text)


def test_fabrics_without_models_are_refused(tmp_path):
    with pytest.raises(
        SpikewrightError, match="Fabric 'gowin' has no cell models; allowed are ecp5"
    ):
        netlist(tmp_path, "gowin", tmp_path / "out")


@pytest.mark.parametrize("paused", [0.0, 0.5])
@pytest.mark.parametrize("target", [pytest.param("icarus", marks=needs_icarus), "amaranth"])
def test_other_simulators_agree(target, paused, tmp_path, builds):
    with Subject(SMALL, tmp_path, builds) as subject:
        case = Case("random", 1, 0.7, 3, 1, paused, paused, 1, target)
        assert subject.failure(case) is None
        assert subject.spikes > 0
        assert subject.builds == 0


def test_amaranth_runs_the_contents_of_the_case(tmp_path, builds):
    """A bit of an image that is flipped behind the golden model's back is seen."""
    with Subject(SMALL, tmp_path, builds) as subject:
        image = subject.own[subject.network.readout.name]
        path = subject.verilog / "images" / image.name
        path.write_text(replace(image, words=(image.words[0] ^ 1, *image.words[1:])).text())
        assert "expected" in failure(subject, Case(target="amaranth")).sentence


def test_amaranth_says_when_a_design_hangs(tmp_path, builds, monkeypatch):
    with Subject(SMALL, tmp_path, builds) as subject:
        monkeypatch.setattr("hw.accumulate.Accumulate.elaborate", lambda self, platform: Module())
        with pytest.raises(SpikewrightError, match="The accelerator hung"):
            subject.failure(Case(target="amaranth"))


@needs_icarus
def test_icarus_sees_values_that_are_neither(tmp_path, builds):
    with Subject(SMALL, tmp_path, builds) as subject:
        path = subject.verilog / "accelerator.v"
        text = path.read_text()
        damaged = re.sub(r"assign o__payload = (.*?);", r"assign o__payload = (\1) + 1'bx;", text)
        assert damaged != text
        path.write_text(damaged)
        found = failure(subject, Case(target="icarus"))
        assert found.sort == "SpikewrightError"
        assert "neither 0 nor 1" in found.sentence


@needs_icarus
def test_icarus_says_when_a_design_hangs(tmp_path, builds):
    with Subject(SMALL, tmp_path, builds) as subject:
        path = subject.verilog / "accelerator.v"
        text = path.read_text()
        damaged = re.sub(r"assign o__valid = (.*?);", "assign o__valid = 1'b0;", text)
        assert damaged != text
        path.write_text(damaged)
        with pytest.raises(SpikewrightError, match="The accelerator hung"):
            subject.failure(Case(target="icarus"))


def test_missing_icarus_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(SpikewrightError, match="apt-get install iverilog"):
        icarus.build({}, "bench", tmp_path)


@needs_icarus
def test_verilog_that_icarus_refuses_is_named(tmp_path):
    with pytest.raises(SpikewrightError, match="Icarus failed on module bench"):
        icarus.build({"bench.v": "module bench"}, "bench", tmp_path)
