import pytest

from hw.table import Table
from ir.errors import SpikewrightError
from ir.scheme import Scheme
from ir.tables import Tables
from tests.hw import tables as checks
from tests.networks import SCHEMES, SIGNS

FABRICS = ("plain", "ecp5", "gowin", "xc7")


@pytest.mark.parametrize("scheme", [*SCHEMES, *SIGNS])
@pytest.mark.parametrize("fabric", ["ecp5", "xc7"])
def test_every_format(scheme: str, fabric: str) -> None:
    checks.table(scheme, fabric=fabric)


@pytest.mark.parametrize("simd", [1, 4, 5, 17])
@pytest.mark.parametrize("pe", [1, 3])
@pytest.mark.parametrize("loaders", [1, 3])
@pytest.mark.parametrize("banks", [1, 2])
def test_odd_shapes(simd: int, pe: int, loaders: int, banks: int) -> None:
    fabric = FABRICS[(simd + pe + loaders + banks) % 4]
    checks.table("u3", pe, simd, 4, loaders, banks, fabric, loads=2)


@pytest.mark.parametrize("group", [1, 2, 3, 5, 6])
def test_other_groups(group: int) -> None:
    checks.table("pot3", 2, 11, group, 3, 2, "xc7", loads=2)


def test_unknown_fabrics_are_refused() -> None:
    tables = Tables(Scheme.parse("u4"), 1, 4)
    with pytest.raises(SpikewrightError, match="ice40 has no LUT RAM"):
        Table(tables, "ice40")
    with pytest.raises(SpikewrightError, match="'asic' is unknown"):
        Table(tables, "asic")
