import pytest

from hw.loops import Loop, steps
from ir.types import IntType
from tests.hw import checks
from tests.hw.bench import STALLS

SHAPES = [
    (kernel, stride, padding)
    for kernel in (1, 2, 3)
    for stride in (1, 2)
    for padding in (0, 1)
    if 2 * padding < kernel
]


@pytest.mark.parametrize("spare", [0, 1, 17])
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_and_capacities(shape: tuple[int, int, int], spare: int) -> None:
    checks.window((5, 3), shape, 2, spare=spare)
    checks.window((3, 4), shape, 1, order="group", spare=spare, stalls="one_in_four/one_in_four")


@pytest.mark.parametrize("order", ["tap", "group"])
@pytest.mark.parametrize("shape", [(1, 1, 0), (1, 2, 0), (2, 2, 0), (3, 2, 1)])
def test_repeats(shape: tuple[int, int, int], order: str) -> None:
    checks.window((3, 3), shape, 3, repeats=2, order=order, samples=3)


@pytest.mark.parametrize("stalls", [f"{source}/{sink}" for source in STALLS for sink in STALLS])
def test_stalls(stalls: str) -> None:
    checks.window((3, 3), (3, 1, 1), 2, spare=1, stalls=stalls)


def test_single_pixel_maps() -> None:
    checks.window((1, 1), (1, 1, 0), 3, repeats=4, samples=4)
    checks.window((1, 1), (3, 1, 1), 1, samples=4)
    checks.window((1, 5), (1, 3, 0), 1, samples=4)


def test_large_kernel() -> None:
    checks.window((6, 5), (5, 2, 2), 1)


def test_steps_of_a_loop_nest() -> None:
    nest = [Loop(3, address=1), Loop(2, address=8), Loop(0, address=100)]
    assert steps(nest, "address") == [1, 6, 90]


def test_padding_below_every_value() -> None:
    checks.window(type=IntType(-6, 5), fill=-6)
    checks.window(shape=(2, 1, 0), type=IntType(-6, 5), fill=-6)


@pytest.mark.parametrize("order", ["tap", "group"])
@pytest.mark.parametrize("shape", [(1, 1, 0), (1, 2, 0), (2, 2, 0), (3, 2, 1)])
@pytest.mark.parametrize(("count", "repeats"), [(1, 1), (1, 2), (3, 1), (2, 2)])
def test_slices_of_time(shape: tuple[int, int, int], order: str, count: int, repeats: int) -> None:
    options = {"order": order, "slices": 3, "spare": 1}
    checks.window((3, 3), shape, count, repeats, **options)
    checks.window((3, 2), shape, count, repeats, stalls="one_in_four/bursts", **options)
