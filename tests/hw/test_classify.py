import pytest

from tests.hw import checks
from tests.hw.bench import STALLS


@pytest.mark.parametrize("stalls", [f"{source}/{sink}" for source in STALLS for sink in STALLS])
def test_stalls(stalls: str) -> None:
    checks.classify(stalls=stalls)


@pytest.mark.parametrize("classes", [1, 2, 10])
def test_classes(classes: int) -> None:
    checks.classify(classes)
