import pytest

from ir.types import IntType
from tests.hw import tiles

ACTIVATIONS = {
    "spikes": IntType(0, 1),
    "counts": IntType(0, 5),
    "ternary": IntType(-1, 1),
    "signs": IntType(-1, 0),
}


PAIRS = ["flowing/bursts", "mostly_stalled/flowing", "one_in_four/mostly_stalled"]


@pytest.mark.parametrize("stalls", PAIRS)
def test_stalls_change_nothing(stalls: str) -> None:
    tiles.tile(stalls=stalls)
    tiles.tile("pot3", IntType(-2, 1), visits=4, stalls=stalls)


@pytest.mark.parametrize("scheme", ["u2", "u8", "pot2", "pot4"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_formats(scheme: str, activation: str) -> None:
    tiles.tile(scheme, ACTIVATIONS[activation], pe=3, simd=9, folds=(1, 2), loaders=3, visits=3)


@pytest.mark.parametrize("folds", [(1, 1), (2, 1), (1, 2), (1, 3), (3, 2)])
@pytest.mark.parametrize("visits", [1, 2, 9])
def test_folds(folds: tuple[int, int], visits: int) -> None:
    tiles.tile("u3", folds=folds, visits=visits)
    tiles.tile("u3", IntType(0, 3), simd=1, pe=1, folds=folds, visits=visits, loaders=1)


@pytest.mark.parametrize("fabric", ["ecp5", "gowin", "xc7"])
def test_fabrics(fabric: str) -> None:
    tiles.tile("u4", simd=20, fabric=fabric)
    tiles.tile("pot4", IntType(-3, 3), simd=13, pe=3, fabric=fabric)
