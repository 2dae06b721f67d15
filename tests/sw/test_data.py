"""Samples: a fixed split, raw pixels, and damaged files refused."""

import gzip
import hashlib
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from ir.errors import SpikewrightError
from sw import data, idx
from sw.config import load
from sw.sections import Image, MlpModel, SpikformerModel

DIGITS = Path(__file__).parents[2] / "configs" / "digits.yaml"

# SHA-256 of the held-back images and labels: the split must never change.
HELD_BACK = "3ea49a6c5c1f0810a1e9f1178f9d79a4469c14576fbaaec2880a46a2f2a8928b"


def write_idx(path, array):
    header = b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    content = header + array.astype(np.uint8).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return content


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


def test_digits_are_raw_and_split_as_ever(digits):
    assert digits.train_images.shape == (1437, 1, 8, 8)
    assert digits.test_images.shape == (360, 1, 8, 8)
    assert digits.train_images.dtype == digits.test_images.dtype == np.uint8
    assert digits.train_labels.dtype == np.int64
    assert (digits.train_images.min(), digits.train_images.max()) == (0, digits.high)
    held_back = digits.test_images.tobytes() + digits.test_labels.tobytes()
    assert hashlib.sha256(held_back).hexdigest() == HELD_BACK


def test_digits_are_split_without_overlap_and_by_class(digits):
    train, test = (
        {image.tobytes() for image in images}
        for images in (digits.train_images, digits.test_images)
    )
    assert len(train) + len(test) == 1797
    assert not train & test
    counts = np.bincount(digits.test_labels)
    whole = counts + np.bincount(digits.train_labels)
    assert np.abs(counts - whole * 360 / 1797).max() < 1


def test_first_images_are_taken(digits):
    few = digits.first(5)
    np.testing.assert_array_equal(few.train_images, digits.train_images[:5])
    np.testing.assert_array_equal(few.train_labels, digits.train_labels[:5])
    assert len(few.test_images) == 360
    assert len(digits.first(None).train_images) == len(digits.first(1437).train_images) == 1437
    with pytest.raises(SpikewrightError, match=r"data\.images is 1438; dataset digits has 1437"):
        digits.first(1438)


def digits_model(**changes):
    entries = yaml.safe_load(DIGITS.read_text())["model"]
    entries["image"] |= changes
    return SpikformerModel.model_validate(entries)


def test_image_of_the_run_file_must_fit(digits):
    digits.preparation(digits_model())
    with pytest.raises(SpikewrightError, match=r"asks for 1 x 8 x 9 .* has 1 x 8 x 8 values 0"):
        digits.preparation(digits_model(width=9))
    with pytest.raises(SpikewrightError, match=r"values 0\.\.255; dataset"):
        digits.preparation(digits_model(high=255))
    with pytest.raises(SpikewrightError, match=r"values 0\.\.3; dataset"):
        digits.preparation(digits_model(high=3))


def test_pixels_are_shifted_and_laid_out_as_recorded(digits):
    same = digits.preparation(digits_model())
    np.testing.assert_array_equal(same.apply(digits.test_images), digits.test_images)
    image = Image(channels=1, height=8, width=8, high=4)
    model = MlpModel(kind="mlp", steps=2, image=image, hidden=(3,))
    found = digits.preparation(model)
    pixels = found.apply(digits.test_images)
    assert pixels.shape == (360, 64, 1, 1)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels[:, :, 0, 0], digits.test_images.reshape(360, 64) // 4)
    assert found.record == {
        "dataset": "digits",
        "raw_shape": "1x8x8",
        "shift_right": 2,
        "low": 0,
        "high": 4,
        "mean_subtraction": "none",
        "input_shape": "64x1x1",
    }
    torch_pixels = found.apply(torch.from_numpy(digits.test_images))
    np.testing.assert_array_equal(torch_pixels.numpy(), pixels)


def test_first_half_of_the_test_set_is_found(tmp_path):
    rng = np.random.default_rng(0)
    for part, count in (("train", 7), ("t10k-first5000", 5)):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte.gz", rng.integers(0, 256, (count, 4, 4)))
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte.gz", np.arange(count))
    assert len(data.load("mnist", tmp_path).test_images) == 5
    # The whole test set comes first.
    write_idx(tmp_path / "t10k-images-idx3-ubyte", np.zeros((6, 4, 4)))
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", np.arange(6))
    assert len(data.load("mnist", tmp_path).test_images) == 6


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("parent", ["", "mnist"])
def test_mnist_is_read_from_idx_files(tmp_path, monkeypatch, suffix, parent):
    rng = np.random.default_rng(0)
    images = {part: rng.integers(0, 256, (7, 5, 4)) for part in ("train", "t10k")}
    for part, value in images.items():
        write_idx(tmp_path / parent / f"{part}-images-idx3-ubyte{suffix}", value)
        write_idx(tmp_path / parent / f"{part}-labels-idx1-ubyte{suffix}", np.arange(7))
    monkeypatch.setenv(data.FOLDER_VARIABLE, str(tmp_path))
    found = data.load("mnist")
    np.testing.assert_array_equal(found.train_images[:, 0], images["train"])
    np.testing.assert_array_equal(found.test_images[:, 0], images["t10k"])
    assert (found.high, found.classes) == (255, 7)
    with pytest.raises(SpikewrightError, match="Dataset mnist lacks the file train-images"):
        data.load("mnist", tmp_path / "elsewhere")


def test_mismatched_files_are_refused(tmp_path):
    for part in ("train", "t10k"):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", np.zeros((7, 5, 4)))
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", np.zeros(6))
    with pytest.raises(SpikewrightError, match="labels of shape"):
        data.load("fashion_mnist", tmp_path)


def test_missing_folder_and_unknown_name_are_refused(monkeypatch):
    monkeypatch.delenv(data.FOLDER_VARIABLE, raising=False)
    with pytest.raises(SpikewrightError, match="set SPIKEWRIGHT_DATA"):
        data.load("mnist")
    with pytest.raises(SpikewrightError, match=r"'\.\./mnist' is unknown"):
        data.load("../mnist")


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_every_truncation_is_refused(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    write_idx(path, np.arange(12).reshape(2, 3, 2))
    content = path.read_bytes()
    np.testing.assert_array_equal(idx.read(path).ravel(), np.arange(12))
    for length in range(len(content) - (8 if suffix else 0)):
        path.write_bytes(content[:length])
        with pytest.raises(SpikewrightError):
            idx.read(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\0\0\x0d\1\0\0\0\1\0\0\0\0", "no IDX file of unsigned bytes"),
        (b"\0\0\x08\0", "no IDX file"),
        (b"\0\0\x08\3" + b"\xff" * 12, "its header declares"),
        (b"\0\0\x08\1\0\0\0\1ab", "holds 2 values; its header declares 1"),
    ],
)
def test_damaged_headers_are_refused(tmp_path, content, words):
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(SpikewrightError, match=words):
        idx.read(path)


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(SpikewrightError, match="cannot be read"):
        idx.read(tmp_path / "x.gz")


def test_parts_hold_every_sample_back_once(digits):
    parts = [digits.fold(index, 5) for index in range(5)]
    held = np.concatenate([part.test_images for part in parts])
    whole = np.concatenate([digits.train_images, digits.test_images])
    assert sorted(image.tobytes() for image in held) == sorted(image.tobytes() for image in whole)
    for part in parts:
        assert len(part.train_labels) + len(part.test_labels) == len(whole)
        counts = np.bincount(part.test_labels)
        assert counts.max() - counts.min() <= 3
        again = np.concatenate([part.train_images, part.test_images])
        assert sorted(map(bytes, again)) == sorted(map(bytes, whole))


def test_a_run_file_names_its_part(tmp_path):
    text = DIGITS.read_text().replace("name: digits\nmodel", "name: digits\n  fold: {index: 4, of: 5}\nmodel")
    assert "fold" in text
    (tmp_path / "run.yaml").write_text(text)
    settings = load(tmp_path / "run.yaml")
    found = data.of(settings)
    assert np.array_equal(found.test_labels, data.load("digits").fold(4, 5).test_labels)
    for wrong, sentence in (
        ("{index: 5, of: 5}", r"data.fold.index is 5; allowed are 0..4"),
        ("{index: 0, of: 1}", r"data.fold.of"),
    ):
        (tmp_path / "wrong.yaml").write_text(text.replace("{index: 4, of: 5}", wrong))
        with pytest.raises(SpikewrightError, match=sentence):
            load(tmp_path / "wrong.yaml")


def test_more_parts_than_samples_of_a_label_are_refused(digits):
    few = digits.first(100)
    few = replace(few, test_images=few.test_images[:10], test_labels=few.test_labels[:10])
    with pytest.raises(SpikewrightError, match=r"data.fold.of is 100; a label .* has only \d+ samples"):
        few.fold(0, 100)
