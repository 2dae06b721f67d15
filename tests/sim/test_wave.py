"""Waveforms: the sample asked for, or the first that differs, under the names of the network."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from ir.errors import SpikewrightError
from sim.case import Case, Subject, pixels
from sim.draw import draw
from sim.view import COUNTED, TRACED
from sim.wave import MARGIN, wave
from tests.sim.test_small import SEED, SMALL

CASE = Case(images=4, images_seed=3, density=0.6)


@pytest.fixture(scope="module")
def subject(tmp_path_factory, builds):
    with Subject(draw(SEED, SMALL[5]), tmp_path_factory.mktemp("wave"), builds) as found:
        yield found


def traced(subject, out, builds, verilog=None, **more):
    images = pixels(subject.network, CASE)
    return wave(
        verilog or subject.verilog, subject.plan, subject.network, images, out, builds, **more
    )


@pytest.mark.slow
def test_a_sample_is_traced_with_a_view_of_every_layer(subject, builds, tmp_path):
    found = traced(subject, tmp_path, builds, sample=2)
    assert (found["sample"], found["mismatches"], found["first_difference"]) == (2, 0, None)
    assert 0 < found["begin"] < found["end"]
    assert {p.name for p in tmp_path.iterdir()} == {"wave.fst", "wave.gtkw", "wave.sucl"}
    assert (tmp_path / "wave.fst").stat().st_size > 1000
    gtkwave, surfer = ((tmp_path / f"wave.{end}").read_text() for end in ("gtkw", "sucl"))
    assert '[dumpfile] "wave.fst"' in gtkwave
    assert surfer.startswith("load_file wave.fst\n")
    for layer, link in subject.plan.probes.items():
        name = layer.replace(".", "_")
        assert f"divider_add {name}" in surfer and f"-{name}\n" in gtkwave
        for signal in ("valid", "ready", *COUNTED, *(f"t{t}" for t in range(link.steps))):
            assert f"variable_add TOP.bench.view.layer_{name}.{signal}\n" in surfer
            assert f"TOP.bench.view.layer_{name}.{signal}" in gtkwave


@pytest.mark.skipif(shutil.which("fst2vcd") is None, reason="GTKWave's fst2vcd is not installed")
def test_the_names_are_in_the_waveform_and_count(subject, builds, tmp_path):
    found = traced(subject, tmp_path, builds, sample=1)
    done = subprocess.run(
        ["fst2vcd", tmp_path / "wave.fst"], capture_output=True, text=True, check=True
    )
    scopes, signals, changes = [], {}, {}
    for line in done.stdout.splitlines():
        if line.startswith("$scope"):
            scopes.append(line.split()[2])
        elif line.startswith("$upscope"):
            scopes.pop()
        elif line.startswith("$var"):
            _, _, _, code, name, *_ = line.split()
            signals[".".join([*scopes, name])] = code
        elif match := re.fullmatch(r"b([01x]+) (\S+)", line):
            changes.setdefault(match[2], []).append(match[1])
    for layer in subject.plan.probes:
        scope = f"TOP.bench.view.layer_{layer.replace('.', '_')}"
        assert {f"{scope}.{name}" for name in COUNTED} <= set(signals)
    assert {f"TOP.bench.{name}" for name in TRACED} <= set(signals)
    cycles = [int(value, 2) for value in changes[signals["TOP.bench.cycle"]]]
    assert min(cycles) >= found["begin"] - MARGIN - 1
    assert max(cycles) <= found["end"] + MARGIN + 1
    assert {found["begin"], found["end"]} <= set(cycles)


def test_without_a_sample_the_first_that_differs(subject, builds, tmp_path):
    damaged = tmp_path / "damaged"
    shutil.copytree(subject.verilog, damaged)
    image = next((damaged / "images").glob("*lif*.mem"))
    image.write_text(re.sub("[0-9a-f]", "0", image.read_text()))
    found = traced(subject, tmp_path / "out", builds, damaged, checksums=False)
    assert found["mismatches"] > 0
    assert f"sample {found['sample']}," in found["first_difference"]


def test_no_such_sample(subject, builds, tmp_path):
    with pytest.raises(SpikewrightError, match=r"^Sample is 4; allowed are 0\.\.3\.$"):
        traced(subject, tmp_path, builds, sample=4)
