"""The bench around a hand-made accelerator: equal data, planted mismatches, stalls, a hang."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ir import golden
from ir.errors import SpikewrightError
from ir.layers import Add, Input, Readout
from ir.network import Network
from ir.plan import Join, Link, Plan
from ir.readout import Classify
from ir.scheme import Scheme
from ir.types import IntType
from sim.cosimulate import cosimulate
from sim.shard import Stalls

TOY = (Path(__file__).parent / "toy.v").read_text()
NETWORK = Network(
    1,
    (
        Input("input", (), (2, 2, 2), 15),
        Add("double", ("input", "input")),
        Readout(
            "head",
            ("double",),
            Scheme.parse("u2"),
            np.eye(2, dtype=np.int8),
            np.zeros(2, np.int64),
        ),
    ),
)
SOURCE = Link("input", 4, 2, 1, IntType(0, 15), "input")
DOUBLE = Link("double", 4, 2, 1, IntType(0, 30), "double")
SINK = Link("head", 2, 1, 1, IntType(0, 120), "head")
STATIONS = (
    Join("double", (SOURCE, SOURCE), (DOUBLE,)),
    Classify("head", (DOUBLE,), (SINK,), 2, IntType(0, 0)),
)
PLAN = Plan(1, STATIONS, SOURCE, SINK)
IMAGES = np.random.default_rng(0).integers(0, 16, (9, 2, 2, 2))


@pytest.fixture
def toy(tmp_path):
    folder = tmp_path / "verilog"
    folder.mkdir()
    (folder / "accelerator.v").write_text(TOY)
    return folder


@dataclass
class Changed:
    """A golden model with some values changed."""

    changes: dict[tuple[str, tuple[int, ...]], int]

    def __call__(self, images):
        trace = golden.run(NETWORK, images)
        for (layer, index), change in self.changes.items():
            trace.outputs[layer][index] += change
        return trace


def run(toy, builds, **options):
    return cosimulate(
        toy, PLAN, NETWORK, IMAGES, build_dir=builds, checksums=False, **options
    )


def test_everything_is_equal(toy, builds, tmp_path):
    seen = []
    result = run(toy, builds, progress=lambda *stage: seen.append(stage), run_dir=tmp_path / "run")
    expected = golden.run(NETWORK, IMAGES)
    assert (result.mismatches, result.first_difference) == (0, None)
    assert result.images == 9
    assert result.values_compared == 9 * (8 + 8 + 2 + 1)
    assert result.labels == expected.labels.tolist()
    assert result.logits == expected.logits(NETWORK).tolist()
    assert result.layers == ["input", "double", "head"]
    assert [item.samples for item in result.runs] == [5, 4]
    assert (result.cycles.latency, result.cycles.interval) == (5, 6)
    assert result.runs[0].counters["samples"] == 5
    assert seen[0] == ("build", 0, 1)
    assert seen[-1] == ("compare", 9, 9)
    assert (tmp_path / "run" / "shard1" / "probe_double.bin").is_file()


def test_planted_mismatches_are_named(toy, builds):
    changes = {("double", (2, 0, 3, 1)): 1, ("double", (2, 0, 1, 0)): -3, ("head", (1, 0, 0, 1)): 7}
    result = run(toy, builds, golden_model=Changed(changes), shards=1)
    value = 2 * int(IMAGES[2, 0, 0, 1])
    logit = int(golden.run(NETWORK, IMAGES).outputs["head"][1, 0, 0, 1])
    assert result.mismatches in (3, 4)  # the changed logit may change the label, too
    assert result.first_difference == (
        f"Layer head, sample 1, class 1: expected {logit + 7}, got {logit}."
    )
    del changes["head", (1, 0, 0, 1)]
    result = run(toy, builds, golden_model=Changed(changes), shards=1)
    assert result.mismatches == 2
    assert result.first_difference == (
        "Layer double, sample 2, time step 0, token 1 (x 1, y 0), channel 0: "
        f"expected {value - 3}, got {value}."
    )


@pytest.mark.parametrize("seed", range(3))
def test_stalls_change_only_time(toy, builds, seed):
    free, stalled = run(toy, builds), run(toy, builds, stalls=Stalls(0.4, 0.7, seed))
    assert stalled.mismatches == 0
    assert stalled.logits == free.logits
    for a, b in zip(free.runs, stalled.runs, strict=True):
        assert b.gaps > 0
        assert b.stalls > 0
        assert a.cycles.total < b.cycles.total <= a.cycles.total + b.gaps + b.stalls


def files(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.bin")}


@pytest.mark.parametrize("stalls", [None, Stalls(0.4, 0.7, 1)], ids=["ideal", "stalled"])
def test_cocotb_and_the_loop_record_the_same(toy, builds, tmp_path, stalls):
    results = []
    for driver in (None, "sim.bench"):
        folder = tmp_path / str(driver)
        found = run(toy, builds, cocotb=driver, run_dir=folder, stalls=stalls, shards=1)
        assert (folder / "shard0" / "results.xml").exists() == (driver is not None)
        assert (folder / "shard0" / "progress").read_text() == "9\n"
        results.append((files(folder / "shard0"), found.logits, found.runs))
    assert set(results[0][0]) == {"stimulus.bin", "i.bin", "o.bin", "probe_double.bin"}
    assert results[0] == results[1]


def test_a_failing_cocotb_test_is_a_failed_simulation(toy, builds, tmp_path, monkeypatch):
    (tmp_path / "giving_up.py").write_text(
        "import cocotb\n@cocotb.test()\nasync def give_up(dut):\n    assert False\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SpikewrightError, match=r"^The simulation failed; its output is in "):
        run(toy, builds, cocotb="giving_up", run_dir=tmp_path / "run", shards=1)


@pytest.mark.parametrize("driver", [None, "sim.bench"])
def test_fault_in_the_hardware_is_seen(toy, builds, driver):
    (toy / "accelerator.v").write_text(TOY.replace("{i__payload[7:4],", "{i__payload[7:4] & 4'd7,"))
    result = run(toy, builds, cocotb=driver, shards=1)
    sample, channel, y, x = map(int, np.argwhere(IMAGES[:, 1:] > 7)[0])
    value = int(IMAGES[sample, 1, y, x])
    assert result.mismatches > 0
    assert f"channel 1: expected {2 * value}, got {2 * (value - 8)}." in result.first_difference


def test_without_probes_only_the_answers_are_compared(toy, builds, tmp_path):
    result = run(toy, builds, probes=False, run_dir=tmp_path, shards=1)
    assert result.layers == ["input", "head"]
    assert result.mismatches == 0
    assert not (tmp_path / "shard0" / "probe_double.bin").exists()
    changed = run(toy, builds, probes=False, golden_model=Changed({("head", (1, 0, 0, 1)): 7}))
    assert changed.mismatches >= 1


def test_hang_is_a_sentence(toy, builds):
    text = TOY.replace(
        "assign i__ready = count < 4;", "assign i__ready = count < 4 && samples < 2;"
    )
    (toy / "accelerator.v").write_text(text)
    with pytest.raises(SpikewrightError) as caught:
        run(toy, builds, limit=50)
    assert str(caught.value) == (
        "The accelerator hung: no transfer for 50 cycles after cycle 11, "
        "with 2 of 5 samples finished. Layer double offers word 0 of sample 2, which nothing takes."
    )


def test_hang_behind_lost_words_is_a_sentence(toy, builds):
    text = TOY.replace("assign o__valid = count >= 4;", "assign o__valid = count >= 4 && samples < 1;")
    text = text.replace("probe_double__valid = i__valid", "probe_double__valid = i__valid && i__ready")
    (toy / "accelerator.v").write_text(text.replace("count < 4;", "count < 4 || samples == 1;"))
    with pytest.raises(SpikewrightError) as caught:
        run(toy, builds, limit=50, cocotb="sim.bench")
    assert str(caught.value).endswith(
        "with 1 of 5 samples finished. "
        "No layer offers a word; all monitored layers are complete, answers are missing."
    )


def test_lost_word_is_a_sentence(toy, builds):
    text = TOY.replace("double__valid = i__valid", "double__valid = samples != 3 & i__valid")
    (toy / "accelerator.v").write_text(text)
    with pytest.raises(SpikewrightError, match=r"Layer double made 16 transfers; expected are 20"):
        run(toy, builds)


def test_broken_verilog_is_a_sentence(toy, builds):
    (toy / "accelerator.v").write_text(TOY.replace("wire second", "wire wire second"))
    with pytest.raises(SpikewrightError, match=r"^Verilator failed on module bench; .*\.log\.$"):
        run(toy, builds)


def test_no_images(toy, builds):
    with pytest.raises(SpikewrightError, match="no images"):
        cosimulate(toy, PLAN, NETWORK, IMAGES[:0], build_dir=builds)


def test_second_build_is_cached(toy, builds):
    run(toy, builds)
    assert run(toy, builds).build_seconds < 1


@pytest.mark.parametrize("gaps", [-0.1, 1.0])
def test_stall_density(gaps):
    with pytest.raises(SpikewrightError, match=r"allowed are 0 to 0\.95"):
        Stalls(gaps)
