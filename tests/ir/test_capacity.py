from __future__ import annotations

import pytest

from ir.capacity import Memory, capacity, ceiling, on_chip
from ir.layers import Readout, Synapse
from ir.usage import Usage
from tests.networks import digits_network

NETWORK = digits_network()
BITS = {
    layer.name: layer.weight.size * layer.scheme.bits
    for layer in NETWORK.layers
    if isinstance(layer, (Synapse, Readout))
}
WHOLE = sum(BITS.values())


def chip(bits: int) -> Memory:
    return Memory("block RAM", -(-bits // 8), 1000)


def test_all_stay_where_they_fit():
    found = capacity(NETWORK, chip(WHOLE), [Memory("SDRAM", 1, 1)])
    assert [(each.layer, each.bits) for each in found.weights] == list(BITS.items())
    assert found.streams == () and found.weights[-1].cumulative_bits == WHOLE
    assert found.rates[0].frames_per_second == 8000 / WHOLE
    assert found.rates[1].bits == 0 and found.rates[1].frames_per_second is None


def test_what_does_not_fit_streams_and_smaller_ones_stay():
    names = list(BITS)
    largest = max(BITS, key=lambda name: BITS[name])
    room = sum(BITS[name] for name in names[: names.index(largest) + 1]) - 8
    external = [Memory("SDRAM", WHOLE, 10**6), Memory("tiny", 1, 10**6)]
    found = capacity(NETWORK, chip(room), external)
    assert found.streams[0] == largest and names[names.index(largest) + 1] not in found.streams
    assert found.weights[-1].cumulative_bits <= room + 7
    streamed = sum(BITS[name] for name in found.streams)
    held, sdram, tiny = found.rates
    assert held.bits + sdram.bits == WHOLE and sdram.bits == tiny.bits == streamed
    assert sdram.frames_per_second == 8e6 / streamed
    assert not tiny.fits and tiny.frames_per_second is None


def test_a_known_design_keeps_all():
    assert capacity(NETWORK, chip(0), resident=True).streams == ()
    assert set(capacity(NETWORK, chip(0)).streams) == set(BITS)


@pytest.mark.parametrize(
    "fabric, bits", [("ecp5", 18432), ("ice40", 4096), ("gowin", 18432), ("xc7", 18432)]
)
def test_block_ram(fabric, bits):
    assert on_chip(fabric, 8, 1e6).bytes == bits


def test_more_than_all_luts_and_block_ram_never_fit():
    assert ceiling("xc7", Usage(lut=3, block_ram=2, ff=9)) == 3 * 64 + 2 * 18432
    assert capacity(NETWORK, chip(0)).bits == WHOLE
