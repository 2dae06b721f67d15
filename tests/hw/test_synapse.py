import pytest

from ir.types import IntType
from tests.hw import checks
from tests.hw.bench import STALLS

KINDS = {
    "shift, spikes": ("pot3", IntType(0, 1)),
    "shift, multi-bit": ("pot4", IntType(0, 4)),
    "integer, spikes": ("u2", IntType(0, 1)),
    "integer, narrow": ("u3", IntType(0, 3)),
    "integer, wide": ("u4", IntType(0, 16)),
}


@pytest.mark.parametrize("sink", STALLS)
@pytest.mark.parametrize("source", STALLS)
@pytest.mark.parametrize("kind", KINDS)
def test_stalls_change_nothing(kind: str, source: str, sink: str) -> None:
    checks.synapse(*KINDS[kind], stalls=f"{source}/{sink}")


@pytest.mark.parametrize("folds", [(1, 1), (1, 4), (3, 1), (4, 4)])
@pytest.mark.parametrize("kind", KINDS)
def test_folds(kind: str, folds: tuple[int, int]) -> None:
    checks.synapse(*KINDS[kind], pe=3, simd=2, folds=folds)
    checks.synapse(*KINDS[kind], pe=1, simd=1, folds=folds, steps=1, stalls="flowing/one_in_four")


@pytest.mark.parametrize("stalls", ["flowing/flowing", "one_in_four/mostly_stalled"])
@pytest.mark.parametrize("slices", [2, 3])
@pytest.mark.parametrize("folds", [(1, 1), (1, 4), (3, 1), (3, 4)])
def test_slices_of_time(folds: tuple[int, int], slices: int, stalls: str) -> None:
    checks.synapse("u3", IntType(0, 1), folds=folds, slices=slices, stalls=stalls)
    checks.synapse("pot3", IntType(0, 3), folds=folds, slices=slices, steps=1, stalls=stalls)
