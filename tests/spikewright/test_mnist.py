"""The fully connected network of ``configs/mnist.yaml`` from IDX files to Verilator."""

import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from sw import config

MNIST = Path(__file__).parents[2] / "configs" / "mnist.yaml"
TINY = {
    "model.image.height": 6,
    "model.image.width": 4,
    "model.hidden": [8],
    "training.float_epochs": 2,
    "training.quantized_epochs": 10,
    "training.folded_epochs": 1,
    "training.batch_size": 16,
    "hardware.folds": {"hidden.0.fc": {"pe": 2, "simd": 6}, "head": {"pe": 1, "simd": 1}},
}


def write_idx(path: Path, array: np.ndarray) -> None:
    header = b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


@pytest.fixture
def bars(tmp_path, monkeypatch) -> Path:
    """Set the data folder to one of noisy pictures: a bar in one of three places."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "data"
    folder.mkdir()
    for part, count in (("train", 300), ("t10k-first5000", 24)):
        labels = rng.integers(0, 3, count)
        images = rng.integers(0, 120, (count, 6, 4))
        for image, label in zip(images, labels, strict=True):
            image[2 * label : 2 * label + 2] += 130
        write_idx(folder / f"{part}-images-idx3-ubyte", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte", labels)
    monkeypatch.setenv("SPIKEWRIGHT_DATA", str(folder))
    return folder


def test_small_mlp_from_idx_files_through_verilator(spikewright, bars, tmp_path):
    flags = [part for key, value in TINY.items() for part in ("--set", f"{key}={value}")]
    run = tmp_path / "run"
    done = spikewright("train", MNIST, "--run", run, *flags, "--json")
    assert done.status == 0, done.err
    trained = json.loads(done.out)
    assert trained["spikes"]["golden"]["differing"] == 0
    assert trained["accuracy"]["folded"] > 0.8
    assert spikewright("export", run / "train", "--out", run / "export").status == 0
    network = json.loads((run / "export" / "network.json").read_text())
    assert network["preprocessing"]["shift_right"] == 7
    assert network["preprocessing"]["input_shape"] == "24x1x1"
    flags = ["--images", 24, "--shards", 1, "--stall-images", 4, "--json"]
    done = spikewright("simulate", run / "export", "--out", run / "cosim", *flags)
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found["cosim"]["mismatches"] == 0
    assert found["cosim"]["cycles_as_predicted"]
    assert found["cosim"]["spikes_compared"] == 24 * 8 * 4
    assert found["accuracy"]["rtl"] == found["accuracy"]["golden"] == trained["accuracy"]["folded"]


def test_missing_data_are_refused_in_a_sentence(spikewright, tmp_path, monkeypatch):
    monkeypatch.delenv("SPIKEWRIGHT_DATA", raising=False)
    done = spikewright("demo", MNIST, "--run", tmp_path / "run")
    assert done.status == 1
    assert done.err.strip().endswith("set SPIKEWRIGHT_DATA to the one with its IDX files.")
    assert not (tmp_path / "run").exists()


def test_the_fast_design_differs_in_its_folds_alone():
    small, fast = config.load(MNIST), config.load(MNIST.with_name("mnist-fast.yaml"))
    assert small.learned == fast.learned
    assert small.hardware.folds != fast.hardware.folds


@pytest.mark.slow
@pytest.mark.skipif("SPIKEWRIGHT_DATA" not in os.environ, reason="needs MNIST's files")
@pytest.mark.parametrize("name, luts, cycles", [("mnist", 1200, 5000), ("mnist-fast", 3000, 1500)])
def test_mnist_is_read_through_rtl(spikewright, tmp_path, name, luts, cycles):
    run = tmp_path / "run"
    done = spikewright("demo", MNIST.with_name(f"{name}.yaml"), "--run", run, "--json")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found["cosim"]["mismatches"] == 0
    assert found["cosim"]["images"] >= 5000
    assert found["accuracy"]["rtl"] >= 0.975
    assert found["cycles"]["measured"] == found["cycles"]["predicted"] <= cycles
    assert found["resources"]["xc7"]["total"]["lut"] <= luts
    assert found["resources"]["xc7"]["total"]["dsp"] == 0
