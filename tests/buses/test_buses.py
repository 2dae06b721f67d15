"""Every wrapper in Verilator, driven by bus models of others."""

from pathlib import Path

import pytest

from tests.buses.pins import drive

BUSES = ["axi", "wishbone", "uart", "spi"]


@pytest.fixture(scope="session")
def builds() -> Path:
    """Return the cache of compiled simulators, kept between test runs; keys are contents."""
    return Path(__file__).parents[2] / "build" / "simulators"


@pytest.mark.parametrize("bus", ["axi", "uart", *(pytest.param(bus, marks=pytest.mark.slow) for bus in ("wishbone", "spi"))])
def test_bus(bus, tmp_path, builds):
    drive(bus, tmp_path, builds)


@pytest.mark.slow
@pytest.mark.parametrize("bus", BUSES)
def test_bus_for_long(bus, tmp_path, builds):
    drive(bus, tmp_path, builds, SPIKEWRIGHT_LONG="1")
