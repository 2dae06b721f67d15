"""Augmentation moves sideways by what it says, and nothing else."""

import pytest
import torch

from sw.augment import mirror, sway, warp


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


@pytest.mark.parametrize("move", [sway, warp, mirror])
def test_generator_decides(move):
    images = torch.randint(0, 17, (20, 1, 8, 8), dtype=torch.uint8)
    left, same, other = (move(images, torch.Generator().manual_seed(s)) for s in (3, 3, 4))
    assert left.dtype == torch.uint8
    assert left.shape == images.shape
    assert torch.equal(left, same)
    assert not torch.equal(left, other)


def test_warp_moves_a_little_every_way():
    image = torch.zeros(1, 1, 29, 29, dtype=torch.uint8)
    image[0, 0, 13:16, 13:16] = 200
    image[0, 0, 13:16, 23:26] = 100
    moved = warp(image.expand(600, -1, -1, -1), torch.Generator().manual_seed(0)).double()
    axis = torch.arange(29.0, dtype=torch.float64)
    centre, arm = moved.clone(), moved.clone()
    centre[..., 20:], arm[..., :20] = 0, 0

    def place(x):
        mass = x.sum((1, 2, 3))
        return (x.sum((1, 3)) @ axis) / mass, (x.sum((1, 2)) @ axis) / mass

    rows, columns = place(centre)
    for found in (rows, columns):
        assert (found - 14).abs().max() < 1.2
        assert (found - 14).std() > 0.4
    down, right = place(arm)
    # 10 pixels from the centre, 8 degrees are 1.4 pixels, and 8 % are 0.8.
    assert 0.5 < (down - rows).std() < 1.2
    assert (down - rows).abs().max() < 1.8
    assert 9 < (right - columns).min() < (right - columns).max() < 11
    assert (right - columns).std() > 0.2


def test_half_are_mirrored():
    images = torch.arange(6, dtype=torch.uint8).view(1, 1, 2, 3).expand(500, -1, -1, -1)
    found = mirror(images, torch.Generator().manual_seed(0))
    turned = (found == images.flip(3)).all(3).all(2).all(1)
    assert torch.equal(found[~turned], images[~turned])
    assert 200 < turned.sum() < 300
