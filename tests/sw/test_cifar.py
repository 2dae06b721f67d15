"""CIFAR-10 batches: written here in the published format."""

import numpy as np
import pytest

from ir.errors import SpikewrightError
from sw import cifar, data


def write(path, images, labels):
    path.parent.mkdir(parents=True, exist_ok=True)
    records = np.concatenate([labels[:, None], images.reshape(len(images), -1)], 1)
    path.write_bytes(records.astype(np.uint8).tobytes())


def random_batch(seed, count=20):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (count, 3, 32, 32)), generator.integers(0, 10, count)


@pytest.mark.parametrize(
    "place", ["", "cifar10", "cifar-10-batches-bin", "cifar10/cifar-10-batches-bin"]
)
def test_batches_are_read_in_order(tmp_path, place):
    batches = [random_batch(n) for n in range(6)]
    for name, batch in zip((*cifar.TRAIN, *cifar.TEST), batches, strict=True):
        write(tmp_path / place / name, *batch)
    found = data.load("cifar10", tmp_path)
    assert (found.classes, found.high, found.train_images.dtype) == (10, 255, np.uint8)
    np.testing.assert_array_equal(found.train_images, np.concatenate([b[0] for b in batches[:5]]))
    np.testing.assert_array_equal(found.train_labels, np.concatenate([b[1] for b in batches[:5]]))
    np.testing.assert_array_equal(found.test_images, batches[5][0])
    np.testing.assert_array_equal(found.test_labels, batches[5][1])


def test_damaged_batches_are_refused(tmp_path):
    path = tmp_path / "a.bin"
    with pytest.raises(SpikewrightError, match="cannot be read"):
        cifar.read(path)
    write(path, *random_batch(0))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SpikewrightError, match=r"allowed are 1..10000 records of 3073 bytes"):
        cifar.read(path)
    path.write_bytes(b"")
    with pytest.raises(SpikewrightError, match="holds 0 bytes"):
        cifar.read(path)
    images, labels = random_batch(1)
    labels[3] = 10
    write(path, images, labels)
    with pytest.raises(SpikewrightError, match=r"holds label 10; allowed are 0..9"):
        cifar.read(path)
