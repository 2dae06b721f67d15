import pytest

from ir.scheme import Scheme
from ir.types import IntType
from tests.hw import checks

SCHEMES = [f"u{b}" for b in range(2, 9)] + ["pot2", "pot3", "pot4", "binary", "ternary"]
TYPES = [(0, 1), (0, 2), (-1, 1), (-4, 3), (0, 9), (-1, 0), (0, 16), (-9, 20)]


@pytest.mark.parametrize("low, high", TYPES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_code_times_every_activation(scheme: str, low: int, high: int) -> None:
    checks.products(scheme, IntType(low, high))


@pytest.mark.parametrize("low, high", TYPES)
@pytest.mark.parametrize("scheme", ["u2", "u4", "pot2", "pot3", "pot4", "binary"])
def test_several_lanes(scheme: str, low: int, high: int) -> None:
    checks.products(scheme, IntType(low, high), lanes=5, count=60)


def test_extremes_together() -> None:
    for scheme in SCHEMES:
        parsed = Scheme.parse(scheme)
        assert parsed.code_type.low < 0
        checks.products(scheme, IntType(-4, 3), lanes=2, count=200)
