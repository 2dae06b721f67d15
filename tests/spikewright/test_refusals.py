"""Damaged or hostile input: one sentence, a non-zero exit, nothing half written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from ir.manifest import listing

CONFIG = Path(__file__).parents[2] / "configs" / "digits.yaml"


def truncate(export: Path) -> None:
    file = export / "arrays.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def edit(export: Path, change) -> None:
    """Change network.json and give it a right checksum again."""
    file = export / "network.json"
    description = json.loads(file.read_text())
    change(description)
    file.write_text(json.dumps(description, indent=1, sort_keys=True) + "\n")
    sign(export)


def sign(export: Path) -> None:
    files = json.loads((export / "manifest.json").read_text())["files"]
    signed = listing({name: (export / name).read_bytes() for name in files if "/" not in name})
    (export / "manifest.json").write_text(json.dumps({"files": signed}, indent=1, sort_keys=True))


def arrays(export: Path, name: str, change) -> None:
    file = export / name
    found = load_file(file)
    change(found)
    save_file(found, file)
    sign(export)


def version(export: Path) -> None:
    edit(export, lambda d: d.update(version=99))


def nan(export: Path) -> None:
    def change(found):
        found["head.weight"] = np.full(found["head.weight"].shape, np.nan, np.float32)

    arrays(export, "arrays.safetensors", change)


def negative_shape(export: Path) -> None:
    edit(export, lambda d: d["layers"][0].update(shape=[1, -8, 8]))


def traversal(export: Path) -> None:
    edit(export, lambda d: d["layers"][1].update(name="../../escape"))


def manifest_traversal(export: Path) -> None:
    file = export / "manifest.json"
    found = json.loads(file.read_text())
    found["files"]["../../etc/passwd"] = found["files"]["network.json"]
    file.write_text(json.dumps(found))


def image_size(export: Path) -> None:
    arrays(export, "samples.safetensors", lambda f: f.update(images=f["images"][:, :, :5].copy()))


def image_range(export: Path) -> None:
    arrays(export, "samples.safetensors", lambda f: f["images"].__setitem__(0, 17))


def unknown_key(export: Path) -> None:
    edit(export, lambda d: d.update(surprise=1))


def deep(export: Path) -> None:
    (export / "network.json").write_text("[" * 100_000)
    sign(export)


DAMAGE = (
    truncate,
    version,
    nan,
    negative_shape,
    traversal,
    manifest_traversal,
    image_size,
    image_range,
    unknown_key,
    deep,
)


def refused(done, *words: str) -> None:
    """Check for exactly one sentence on standard error that holds ``words``."""
    assert done.status == 1, done.out + done.err
    lines = [line for line in done.err.splitlines() if line.startswith("spikewright: ")]
    assert len(lines) == 1, done.err
    assert "Traceback" not in done.err
    assert lines[0].endswith("."), lines[0]
    for word in words:
        assert word in lines[0], lines[0]


@pytest.mark.parametrize("verb", ["generate", "simulate", "synthesize"])
@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_damaged_export(spikewright, run, tmp_path, damage, verb):
    export = tmp_path / "export"
    shutil.copytree(run / "export", export)
    damage(export)
    refused(spikewright(verb, export, "--out", tmp_path / "out"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export"]


@pytest.mark.parametrize(
    "text, word",
    [
        ("a: &a [x]\nb: [*a, *a]\n", "alias"),
        ("name: digits\nname: twice\n", "twice"),
        ("{" * 60 + "}" * 60, "nesting"),
        ("- a list\n", "mapping"),
        ("name: [unclosed\n", "YAML"),
        ("x: 1\n", "x"),
    ],
)
def test_hostile_run_file(spikewright, tmp_path, text, word):
    config = tmp_path / "run.yaml"
    config.write_text(text)
    refused(spikewright("train", config, "--run", tmp_path / "run"), word)
    assert not (tmp_path / "run").exists()


def test_missing_and_unknown_keys_are_named(spikewright, tmp_path):
    text = CONFIG.read_text()
    config = tmp_path / "run.yaml"
    config.write_text(text.replace("  batch_size: 64\n", ""))
    refused(spikewright("train", config, "--run", tmp_path / "run"), "training.batch_size")
    config.write_text(text.replace("  batch_size: 64\n", "  batch_size: 64\n  batchsize: 1\n"))
    refused(spikewright("train", config, "--run", tmp_path / "run"), "training.batchsize")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "words, said",
    [
        (("--set", "training.epochs=1"), "training.epochs"),
        (("--set", "nonsense"), "KEY=VALUE"),
        (("--set", "quantization.layers.head=u9"), "u9"),
        (("--set", "model.heads=5"), "heads"),
        (("--set", "model.image.height=9"), "9"),
    ],
)
def test_bad_flags(spikewright, tmp_path, words, said):
    refused(spikewright("train", CONFIG, "--run", tmp_path / "run", *words), said)
    assert not (tmp_path / "run" / "train").exists()


def test_nan_in_a_checkpoint(spikewright, run, tmp_path):
    from safetensors.torch import load_file as load_tensors
    from safetensors.torch import save_file as save_tensors

    shutil.copytree(run / "train", tmp_path / "train")
    checkpoint = tmp_path / "train" / "checkpoint.safetensors"
    from safetensors import safe_open

    with safe_open(checkpoint, "pt") as file:
        metadata = file.metadata()
    tensors = load_tensors(checkpoint)
    name = next(name for name in tensors if name.startswith("model.") and tensors[name].ndim > 1)
    tensors[name].view(-1)[0] = float("nan")
    save_tensors(tensors, checkpoint, metadata)
    refused(spikewright("export", tmp_path / "train", "--out", tmp_path / "out"))
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    refused(spikewright("export", tmp_path / "train", "--out", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_output_that_is_somebody_elses_is_left_alone(spikewright, run, tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    refused(spikewright("generate", run / "export", "--out", tmp_path), str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


@pytest.mark.parametrize(
    "words, said",
    [
        (("--lanes", 1), "lanes"),
        (("--widths", "wide"), "widths"),
    ],
)
def test_bad_hardware(spikewright, run, tmp_path, words, said):
    refused(spikewright("generate", run / "export", "--out", tmp_path / "out", *words), said)
    assert not (tmp_path / "out").exists()


def test_too_many_images(spikewright, run, tmp_path):
    done = spikewright("simulate", run / "export", "--out", tmp_path / "out", "--images", 361)
    refused(done, "361", "360")
    assert not (tmp_path / "out").exists()


def test_unknown_board(spikewright, run, tmp_path):
    words = ("--out", tmp_path / "out", "--board", "nowhere")
    refused(spikewright("synthesize", run / "export", *words), "nowhere")
    assert not (tmp_path / "out").exists()
