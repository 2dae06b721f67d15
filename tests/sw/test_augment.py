"""Augmentation moves sideways by what it says, and nothing else."""

import torch

from sw.augment import sway


def test_a_third_is_moved_sideways_by_one_pixel():
    image = torch.zeros(1, 2, 5, 7, dtype=torch.uint8)
    image[0, 0, :, 3] = 9
    image[0, 1, 2, 6] = 7
    moved = sway(image.expand(900, -1, -1, -1), torch.Generator().manual_seed(0))
    assert moved.shape == (900, 2, 5, 7)
    assert moved.dtype == torch.uint8
    places = moved[:, 0].argmax(2)
    assert (places == places[:, :1]).all()
    assert (moved[:, 0].sum(2) == 9).all()
    counts = torch.bincount(places[:, 0], minlength=7).tolist()
    for place, share in ((2, 1 / 6), (3, 4 / 6), (4, 1 / 6)):
        assert abs(counts[place] / 900 - share) < 0.05
    assert sum(counts[2:5]) == 900
    lost = moved[:, 1].sum((1, 2)) == 0
    assert torch.equal(lost, places[:, 0] == 4)


def test_generator_decides():
    images = torch.randint(0, 17, (20, 1, 8, 8), dtype=torch.uint8)
    left, same, other = (sway(images, torch.Generator().manual_seed(s)) for s in (3, 3, 4))
    assert torch.equal(left, same)
    assert not torch.equal(left, other)
