"""Files as samples: pictures and arrays, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from ir import golden
from ir.errors import SpikewrightError
from ir.layers import Input
from ir.store import load
from spikewright.picture import read

GREY = Input("input", (), (1, 3, 4), 15)


def test_a_picture_becomes_grey_and_as_high_as_the_input(tmp_path):
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4) * 23
    Image.fromarray(grey).save(tmp_path / "grey.png")
    found = read(tmp_path / "grey.png", GREY)
    assert (found == np.round(grey[None] * (15 / 255))).all() and found.dtype == np.uint16
    Image.fromarray(np.repeat(grey[..., None], 3, 2)).save(tmp_path / "rgb.bmp")
    assert (read(tmp_path / "rgb.bmp", GREY) == found).all()
    colour = np.random.default_rng(0).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    Image.fromarray(colour).save(tmp_path / "colour.png")
    layer = Input("input", (), (3, 3, 4), 255)
    assert (read(tmp_path / "colour.png", layer) == colour.transpose(2, 0, 1)).all()


def test_an_array_goes_in_as_it_is(tmp_path):
    values = np.random.default_rng(0).integers(0, 16, (3, 4))
    np.save(tmp_path / "x.npy", values)
    assert (read(tmp_path / "x.npy", GREY) == values[None]).all()
    np.save(tmp_path / "x.npy", values[None].astype(np.uint8))
    assert (read(tmp_path / "x.npy", GREY) == values[None]).all()


@pytest.mark.parametrize(
    "content, sentence",
    [
        (np.zeros((4, 3), int), r"x.npy holds int64 \(4, 3\); allowed are 1 x 3 x 4 integers, or a picture of 3 x 4"),
        (np.zeros((3, 4)), r"x.npy holds float64 \(1, 3, 4\); allowed are 1 x 3 x 4 integers"),
        (np.full((3, 4), 16), r"x.npy has values 16..16; allowed are 0..15\.$"),
        (np.array([[{}]]), r"x.npy cannot be read as an image \(Array can't be memory-mapped: Python objects"),
        (b"", r"x.npy cannot be read as an image \("),
        (b"PK\x03\x04" + bytes(40), r"x.npy cannot be read as an image \("),  # numpy would unpack it
    ],
)
def test_what_is_no_sample_is_refused(tmp_path, content, sentence):
    path = tmp_path / "x.npy"
    path.write_bytes(content) if isinstance(content, bytes) else np.save(path, content)
    with pytest.raises(SpikewrightError, match=sentence):
        read(path, GREY)


def test_what_is_no_picture_is_refused(tmp_path):
    path = tmp_path / "x.png"
    for content in (None, b"", b"\x89PNG\r\n\x1a\n" + b"x" * 50):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(SpikewrightError, match=r"x.png cannot be read as an image \(.*\); allowed are PNG, "):
            read(path, GREY)
    Image.new("L", (4, 4)).save(path)
    with pytest.raises(SpikewrightError, match=r"x\.png holds a picture of 4 x 4 pixels; allowed are 1 x 3 x 4"):
        read(path, GREY)
    with pytest.raises(SpikewrightError, match="Network takes a frame per time step"):
        read(path, Input("input", (), (1, 4, 4), 1, moving=True))


def test_pictures_go_to_a_board(spikewright, run, tmp_path):
    export = load(run / "export")
    pixels = export.samples.images[:2]
    for n, image in enumerate(pixels):
        np.save(tmp_path / f"{n}.npy", image)
    files = [tmp_path / "0.npy", tmp_path / "1.npy"]
    done = spikewright("run", run / "export", *files, "--port", "simulated", "--json")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    logits = golden.run(export.network, pixels).outputs[export.network.readout.name][:, 0, 0]
    assert [row["logits"] for row in found["images"]] == logits.tolist()
    assert [row["image"] for row in found["images"]] == list(map(str, files))
    assert found["mismatches"] == 0 and "accuracy" not in found
