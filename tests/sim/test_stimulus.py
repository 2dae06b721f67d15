"""Input words equal those that the twins of single stations pack."""

import numpy as np
import pytest

from ir.plan import Link
from ir.types import IntType
from sim.stimulus import pack
from tests.hw import bench


@pytest.mark.parametrize("steps", [None, 1, 3])
@pytest.mark.parametrize("lanes", [1, 2, 4])
@pytest.mark.parametrize("high", [1, 15, 255, 65535])
def test_words_of_samples(steps, lanes, high):
    shape = (2, *([steps] if steps else []), 4, 2, 3)
    images = np.random.default_rng(0).integers(0, high + 1, shape)
    link = Link("input", 6 * 4 // lanes, lanes, steps or 1, IntType(0, high))
    words = [int.from_bytes(row.tobytes(), "little") for row in pack(images, link)]
    frames = images.reshape(2, steps or 1, 4, 6).swapaxes(2, 3)
    assert words == [word for sample in frames for word in bench.pack(sample, link)]
