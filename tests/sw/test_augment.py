"""Augmentation moves sideways by what it says, and nothing else."""

import torch

from sw.augment import slant


def test_slant_moves_rows_by_one_pixel_and_leans():
    image = torch.zeros(1, 2, 5, 7, dtype=torch.uint8)
    image[0, 0, :, 3] = 9
    image[0, 1, 2, 6] = 7
    moved = slant(image.expand(800, -1, -1, -1), torch.Generator().manual_seed(0))
    assert moved.shape == (800, 2, 5, 7)
    assert moved.dtype == torch.uint8
    assert (moved[:, 0].sum(2) == 9).all()
    places = moved[:, 0].argmax(2) - 3
    # Slope -1, -0.5, 0, 0.5, 1 rounds half to even, to -1, 0, 0, 0, 1.
    expected = {
        (m + s, m, m, m, m - s): (1 + (m == 0)) * (1 + (s == 0)) / 16
        for m in (-1, 0, 1)
        for s in (-1, 0, 1)
    }
    rows = [tuple(row) for row in places.tolist()]
    assert set(rows) == set(expected)
    for row, share in expected.items():
        assert abs(rows.count(row) / 800 - share) < 0.05


def test_what_moves_out_is_lost_and_channels_move_together():
    image = torch.full((1, 3, 2, 4), 5, dtype=torch.uint8)
    moved = slant(image.expand(200, -1, -1, -1), torch.Generator().manual_seed(1))
    assert set(moved.unique().tolist()) == {0, 5}
    assert torch.equal(moved[:, 0], moved[:, 2])
    assert (moved.sum((1, 2, 3)) == image.sum()).any()


def test_generator_decides():
    images = torch.randint(0, 17, (20, 1, 8, 8), dtype=torch.uint8)
    left, same, other = (slant(images, torch.Generator().manual_seed(s)) for s in (3, 3, 4))
    assert torch.equal(left, same)
    assert not torch.equal(left, other)
