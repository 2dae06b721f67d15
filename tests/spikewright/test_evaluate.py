"""The verb ``evaluate``: exports on files that they were not trained on."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sw import data
from tests.sw.test_data import write_idx


@pytest.fixture
def files(tmp_path):
    """Return a folder of IDX files that hold some held-back digits, and their labels."""
    images, labels = data.read("digits", None, "test")
    write_idx(tmp_path / "files" / "t10k-images-idx3-ubyte.gz", images[:60, 0])
    write_idx(tmp_path / "files" / "t10k-labels-idx1-ubyte.gz", labels[:60])
    return tmp_path / "files", labels[:60]


def test_the_own_test_set_gives_the_accuracy_of_training(spikewright, run):
    done = spikewright("evaluate", run / "export", "--data", "digits", "--json")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    trained = json.loads((run / "train" / "metrics.json").read_text())["accuracy"]["folded"]
    assert (found["samples"], found["format"], found["rtl"]) == (360, "digits", None)
    assert found["accuracy"] == trained
    confusion = np.array(found["confusion"])
    assert np.trace(confusion) / confusion.sum() == trained
    rows = found["per_class"]
    assert [row["samples"] for row in rows] == confusion.sum(1).tolist()
    right = [row["samples"] * row["recall"] for row in rows]
    np.testing.assert_allclose(right, np.diag(confusion))
    assert all(0 <= rate <= 1 for rate in found["firing_rates"].values())
    assert "tokenizer.0.lif" in found["firing_rates"]


def test_foreign_files_through_golden_model_and_rtl(spikewright, run, files):
    folder, labels = files
    done = spikewright("evaluate", run / "export", "--data", folder, "--rtl", 4, "--json")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert (found["samples"], found["format"]) == (60, "mnist")
    assert [row["samples"] for row in found["per_class"]] == np.bincount(labels).tolist()
    rtl = found["rtl"]
    assert (rtl["images"], rtl["mismatches"], rtl["cycles_as_predicted"]) == (4, 0, True)
    assert rtl["accuracy"]["golden"] == rtl["accuracy"]["rtl"]
    assert rtl["spikes_compared"] > 0


def test_the_table_names_what_is_mistaken(spikewright, run, files):
    folder, _ = files
    # A data set without one of the classes.
    images, labels = data.read("digits", None, "test")
    known = labels[:60] != 3
    write_idx(folder / "t10k-images-idx3-ubyte.gz", images[:60][known, 0])
    write_idx(folder / "t10k-labels-idx1-ubyte.gz", labels[:60][known])
    done = spikewright("evaluate", run / "export", "--data", folder)
    assert done.status == 0, done.err
    assert f"of {known.sum()} samples (test, format of mnist)" in done.out
    assert "else most often" in done.out


@pytest.mark.parametrize(
    "words, said",
    [
        (("--split", "dev"), "Split is 'dev'; allowed are train and test."),
        (("--split", "train"), "Dataset mnist lacks the file train-images-idx3-ubyte(.gz)"),
        (("--format", "cifar10"), "test_batch.bin cannot be read"),
        (("--rtl", "61"), "Option --rtl is 61; allowed are 4..60 samples."),
    ],
)
def test_refusals_are_one_sentence(spikewright, run, files, words, said):
    done = spikewright("evaluate", run / "export", "--data", files[0], *words, "--json")
    assert (done.status, done.out) == (1, "")
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_another_shape_is_refused(spikewright, run, tmp_path):
    write_idx(tmp_path / "t10k-images-idx3-ubyte", np.zeros((3, 9, 8)))
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", np.zeros(3))
    done = spikewright("evaluate", run / "export", "--data", tmp_path)
    assert (done.status, done.out) == (1, "")
    assert "are 1 x 9 x 8; the export takes 1 x 8 x 8." in done.err
