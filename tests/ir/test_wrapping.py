"""What comes around an accelerator, before it is built."""

import pytest

from ir.planner import build
from ir.wrapping import around, predict, top
from tests.networks import random_hardware, random_network


@pytest.mark.parametrize("fabric", ["ecp5", "xc7"])
@pytest.mark.parametrize("bus", ["axi", "wishbone", "uart", "spi"])
def test_a_board_around_pins_is_counted_with_a_uart_alone(bus, fabric):
    network = random_network(3)
    plan = build(network, random_hardware(network, 3))
    bare, whole = predict(plan, bus, fabric), around(plan, bus, fabric)
    assert bare.lut > 0 and bare.ff > 0 and top().lut > 0
    assert whole == (bare + top() if bus == "uart" else bare)
