"""Training reports the accuracy of the hardware, and survives a kill."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from ir.errors import SpikewrightError
from sw import checkpoint, config, data, export, golden
from sw.quant import to_int
from sw.trace import compare
from sw.train import train


@pytest.fixture(autouse=True)
def few_samples(monkeypatch):
    """Learn 192 digits instead of all."""
    whole = data.load("digits")
    few = dataclasses.replace(
        whole,
        train_images=whole.train_images[:192],
        train_labels=whole.train_labels[:192],
        test_images=whole.test_images[:100],
        test_labels=whole.test_labels[:100],
    )
    monkeypatch.setattr(data, "load", lambda name, folder=None: few)


class Killed(Exception):
    pass


def without_seconds(metrics):
    return {key: value for key, value in metrics.items() if key != "seconds"}


def test_reported_accuracy_is_that_of_the_golden_model(tiny, tmp_path):
    changes = {"float_epochs": 4, "batch_size": 32, "learning_rate": 0.02}
    settings = config.override(tiny, {f"training.{key}": changes[key] for key in changes})
    metrics = train(settings, tmp_path / "train")
    assert json.loads((tmp_path / "train" / "metrics.json").read_text()) == metrics
    assert set(metrics["accuracy"]) == {"float", "quantized", "rounded", "folded"}
    assert metrics["accuracy"]["float"] > 0.2
    assert metrics["spikes"]["golden"]["differing"] == 0
    assert 0 <= metrics["spikes"]["rounding"]["differing"] < metrics["spikes"]["rounding"]["total"]
    export.export(tmp_path / "train", tmp_path / "export")
    _, model, dataset = export.load(tmp_path / "train")
    network = export.convert(model, settings, {})
    labels, _ = golden.predict(network, dataset.test_images)
    assert metrics["accuracy"]["folded"] == np.mean(labels == dataset.test_labels)
    log = [json.loads(line) for line in (tmp_path / "train" / "log.jsonl").read_text().splitlines()]
    assert [entry["phase"] for entry in log] == ["float"] * 4 + ["quantized", "folded"]
    assert log[3]["loss"] < log[0]["loss"]


def test_killed_training_resumes_to_the_same_result(tiny, tmp_path):
    def kill(entry):
        raise Killed

    whole = train(tiny, tmp_path / "whole")
    for _ in range(3):
        with pytest.raises(Killed):
            train(tiny, tmp_path / "killed", on_epoch=kill)
    resumed = train(tiny, tmp_path / "killed", on_epoch=kill)
    assert without_seconds(resumed) == without_seconds(whole)
    paths = [tmp_path / name / "checkpoint.safetensors" for name in ("whole", "killed")]
    left, right = (checkpoint.load(path)[0] for path in paths)
    assert left.keys() == right.keys()
    for name, tensor in left.items():
        assert torch.equal(tensor, right[name]), name
    logs = [(tmp_path / name / "log.jsonl").read_text() for name in ("whole", "killed")]
    assert logs[0] == logs[1]
    assert not list((tmp_path / "killed").glob(".*"))


def test_statistics_are_those_of_all_unmoved_training_images(tiny, tmp_path):
    quick = config.override(tiny, {"training.float_epochs": 0, "training.folded_epochs": 0})
    train(quick, tmp_path / "train")
    _, model, dataset = export.load(tmp_path / "train")
    cell = model.tokenizer[0].cell
    images = torch.from_numpy(dataset.train_images).float()
    with torch.no_grad():
        integers, scale = to_int(cell.conv.weight, cell.scheme)
        sums = torch.nn.functional.conv2d(images, integers * scale, padding=1)
    torch.testing.assert_close(cell.norm.running_mean, sums.mean((0, 2, 3)))
    torch.testing.assert_close(cell.norm.running_var, sums.var((0, 2, 3)))
    assert cell.norm.momentum == 0.1


def test_seeds_differ(tiny, tmp_path):
    quick = config.override(tiny, {"training.quantized_epochs": 0, "training.folded_epochs": 0})
    train(quick, tmp_path / "a")
    train(config.override(quick, {"seed": 7}), tmp_path / "b")
    losses = [(tmp_path / name / "log.jsonl").read_text() for name in "ab"]
    assert losses[0] != losses[1]


def test_directory_of_another_run_is_refused(tiny, tmp_path):
    nothing = {f"training.{phase}_epochs": 0 for phase in ("float", "quantized", "folded")}
    tiny = config.override(tiny, nothing)
    train(tiny, tmp_path / "train")
    before = (tmp_path / "train" / "config.yaml").read_text()
    with pytest.raises(SpikewrightError, match="belongs to another run file"):
        train(config.override(tiny, {"seed": 7}), tmp_path / "train")
    assert (tmp_path / "train" / "config.yaml").read_text() == before
    train(config.override(tiny, {"hardware.lanes": 9}), tmp_path / "train")
    assert "lanes: 9" in (tmp_path / "train" / "config.yaml").read_text()


@pytest.mark.parametrize("noun", ["phase", "epoch", "history", "metrics"])
def test_checkpoint_without_its_state_is_refused(tiny, tmp_path, noun):
    nothing = {f"training.{phase}_epochs": 0 for phase in ("float", "quantized", "folded")}
    tiny = config.override(tiny, nothing)
    path = tmp_path / "train" / "checkpoint.safetensors"
    state = {
        "version": 1,
        "config": tiny.learned,
        "phase": "float",
        "epoch": 0,
        "history": [],
        "metrics": {},
    }
    checkpoint.save(path, {"x": torch.zeros(1)}, {**state, noun: None})
    with pytest.raises(SpikewrightError, match=f"damaged: it lacks {noun}"):
        train(tiny, tmp_path / "train")


def test_wrong_image_leaves_no_directory(tiny, tmp_path):
    wrong = config.override(tiny, {"model.image.height": 9})
    with pytest.raises(SpikewrightError, match="asks for 1 x 9 x 8"):
        train(wrong, tmp_path / "train")
    assert not (tmp_path / "train").exists()


def test_comparison_counts_spikes_only():
    left = {"a.lif": np.zeros((2, 3)), "a.conv": np.zeros(4), "block.0.q_lif": np.ones(5)}
    right = {"a.lif": np.eye(2, 3), "a.conv": np.ones(4), "block.0.q_lif": np.ones(5)}
    assert compare([left, left], [right, left]) == {"differing": 2, "total": 22}


def test_checkpoint_without_averages_is_refused(tiny, tmp_path):
    nothing = {f"training.{phase}_epochs": 0 for phase in ("float", "quantized", "folded")}
    tiny = config.override(tiny, nothing)
    train(tiny, tmp_path / "train")
    path = tmp_path / "train" / "checkpoint.safetensors"
    tensors, state = checkpoint.load(path)
    kept = {name: value for name, value in tensors.items() if not name.startswith("average.")}
    assert len(kept) < len(tensors)
    checkpoint.save(path, kept, state)
    with pytest.raises(SpikewrightError, match="damaged: it lacks averages"):
        train(tiny, tmp_path / "train")


def test_folded_phase_keeps_the_integer_weights(tiny, tmp_path):
    short = config.override(tiny, {"training.float_epochs": 0, "training.folded_epochs": 0})
    train(short, tmp_path / "short")
    train(config.override(short, {"training.folded_epochs": 1}), tmp_path / "long")
    left, right = (
        checkpoint.load(tmp_path / name / "checkpoint.safetensors")[0] for name in ("short", "long")
    )
    changed = {name for name in left if name[:6] == "model." and not left[name].equal(right[name])}
    assert "model.position.norm.weight" in changed
    assert not {name for name in changed if "conv" in name or "running" in name}
