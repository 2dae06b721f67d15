import numpy as np
import pytest

from hw.constant import Constant
from tests.hw import tables as checks
from tests.networks import SCHEMES, SIGNS


@pytest.mark.parametrize("scheme", [*SCHEMES, *SIGNS])
@pytest.mark.parametrize("fabric", ["plain", "ecp5", "ice40", "gowin", "xc7"])
def test_every_format(scheme: str, fabric: str) -> None:
    checks.constant(scheme, fabric=fabric)


@pytest.mark.parametrize("pe, simd, group", [(1, 1, 4), (2, 5, 3), (1, 17, 1), (4, 28, 6)])
def test_odd_shapes(pe: int, simd: int, group: int) -> None:
    for fabric in ("ecp5", "xc7"):
        checks.constant("u4", pe, simd, fabric, group)


def test_weights_that_are_all_zero() -> None:
    core = Constant(np.zeros((2, 9), int))
    assert core.offsets == [0, 0]
    assert core.sum_width == 1


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="allowed is a matrix"):
        Constant(np.zeros(3, int))
    with pytest.raises(ValueError, match="'asic' is unknown"):
        Constant(np.zeros((1, 3), int), "asic")
