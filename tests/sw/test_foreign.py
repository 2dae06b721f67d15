"""Files of every format become samples of an export; what does not fit is refused."""

from pathlib import Path

import numpy as np
import pytest

from ir.errors import SpikewrightError
from ir.layers import Input, Readout
from ir.network import Network
from ir.scheme import Scheme
from sw import data, event_sets, foreign
from tests.recordings import cifar10_dvs, gesture, ncaltech101, nmnist
from tests.sw.test_cifar import write as write_cifar
from tests.sw.test_data import write_idx

MAKERS = {
    "nmnist": (nmnist, (2, 34, 34)),
    "dvs128_gesture": (gesture, (2, 128, 128)),
    "cifar10_dvs": (cifar10_dvs, (2, 128, 128)),
    "ncaltech101": (ncaltech101, (2, 180, 240)),
}


def network(shape, high=15, moving=False, classes=11, **record):
    """Return a network of a readout alone."""
    weight = np.ones((classes, shape[0]), np.int8)
    readout = Readout("head", ("input",), Scheme.parse("u2"), weight, np.zeros(classes, np.int64))
    return Network(4, (Input("input", (), shape, high, moving), readout), record)


@pytest.mark.parametrize("split", data.SPLITS)
@pytest.mark.parametrize("outer", [True, False])
@pytest.mark.parametrize("name", MAKERS)
def test_recordings_are_found_and_cut_into_frames(tmp_path, name, outer, split):
    make, shape = MAKERS[name]
    make(tmp_path / name)
    taker = network(shape, moving=True, dataset=name, frames="time")
    path = tmp_path if outer else tmp_path / name
    images, labels, found = foreign.samples(taker, path, split)
    whole = event_sets.load(name, tmp_path / name, 4, "time")
    side = {"train": "train", "test": "test"}[split]
    np.testing.assert_array_equal(images, getattr(whole, f"{side}_frames"))
    np.testing.assert_array_equal(labels, getattr(whole, f"{side}_labels"))
    assert found == name
    still, *_ = foreign.samples(network(shape), tmp_path / name, split, name)
    assert still.shape == (len(images), *shape)


@pytest.mark.parametrize("name", MAKERS)
def test_recordings_are_recognised_without_a_record(tmp_path, name):
    make, shape = MAKERS[name]
    make(tmp_path)
    assert foreign.samples(network(shape), tmp_path, "test")[2] == name


def test_one_side_alone_is_enough(tmp_path):
    rng = np.random.default_rng(0)
    pixels, labels = rng.integers(0, 256, (5, 4, 6)), np.arange(5)
    write_idx(tmp_path / "idx" / "t10k-images-idx3-ubyte.gz", pixels)
    write_idx(tmp_path / "idx" / "t10k-labels-idx1-ubyte.gz", labels)
    taker = network((1, 4, 6), high=31, dataset="fashion_mnist", shift_right=3, raw_shape="1x4x6")
    images, found, name = foreign.samples(taker, tmp_path / "idx", "test")
    np.testing.assert_array_equal(images[:, 0], pixels // 8)
    assert (found.tolist(), name) == ([0, 1, 2, 3, 4], "fashion_mnist")
    with pytest.raises(SpikewrightError, match="lacks the file train-images"):
        foreign.samples(taker, tmp_path / "idx", "train")
    # A network that takes all pixels as one position reads them row by row.
    flat = network((24, 1, 1), high=31, shift_right=3, raw_shape="1x4x6")
    laid, _, name = foreign.samples(flat, tmp_path / "idx", "test")
    np.testing.assert_array_equal(laid[:, :, 0, 0], pixels.reshape(5, 24) // 8)
    assert name == "mnist"
    colours = rng.integers(0, 256, (7, 3, 32, 32))
    write_cifar(tmp_path / "cifar" / "test_batch.bin", colours, np.arange(7))
    images, found, name = foreign.samples(network((3, 32, 32), 255), tmp_path / "cifar", "test")
    np.testing.assert_array_equal(images, colours)
    assert (found.tolist(), name) == (list(range(7)), "cifar10")


def test_digits_need_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images, labels, name = foreign.samples(network((1, 8, 8), 16), Path(data.EMBEDDED), "test")
    assert (images.shape, len(labels), name) == ((360, 1, 8, 8), 360, "digits")


@pytest.mark.parametrize(
    "shape, changes, split, format, said",
    [
        ((1, 4, 4), {}, "test", None, "are 1 x 4 x 6; the export takes 1 x 4 x 4"),
        ((1, 4, 6), {"high": 15}, "test", None, "have values up to 255 after a shift by 0"),
        ((1, 4, 6), {"classes": 4}, "test", None, "have label 4; the export knows 0..3"),
        ((1, 4, 6), {}, "valid", None, "Split is 'valid'; allowed are train and test"),
        ((1, 4, 6), {}, "test", "png", "Format is 'png'; allowed are digits, mnist"),
        ((1, 4, 6), {"moving": True}, "test", None, "still images in the format of mnist"),
        ((1, 4, 6), {"raw_shape": "4x6"}, "test", None, "Export has raw_shape '4x6'"),
        ((1, 4, 6), {"raw_shape": "1x4x7"}, "test", None, "as many pixels as its input has"),
        ((1, 4, 6), {"shift_right": 99}, "test", None, "Export has shift_right 99"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, shape, changes, split, format, said):
    pixels = np.full((5, 4, 6), 255)
    write_idx(tmp_path / "t10k-images-idx3-ubyte", pixels)
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", np.arange(5))
    taker = network(shape, **({"high": 255} | changes))
    with pytest.raises(SpikewrightError) as caught:
        foreign.samples(taker, tmp_path, split, format)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_folders_without_samples_are_refused(tmp_path):
    taker = network((1, 4, 6), 255)
    with pytest.raises(SpikewrightError, match="is no folder; allowed are folders and digits"):
        foreign.samples(taker, tmp_path / "nowhere", "test")
    with pytest.raises(SpikewrightError, match="holds no files of the known formats, mnist"):
        foreign.samples(taker, tmp_path, "test")
    write_idx(tmp_path / "t10k-images-idx3-ubyte", np.zeros((0, 4, 6)))
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", np.zeros(0))
    with pytest.raises(SpikewrightError, match=r"images of shape \(0, 4, 6\)"):
        foreign.samples(taker, tmp_path, "test")
