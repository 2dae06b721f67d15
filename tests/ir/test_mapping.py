"""Where memories go, against what Yosys 0.70 did with them."""

from __future__ import annotations

import pytest

from ir.mapping import Mapped, place


@pytest.mark.parametrize(
    "fabric, depth, width, rom, synchronous, found",
    [
        # windows, buffers and weight memories of random networks, as counted by Yosys
        ("ecp5", 20, 5, False, True, Mapped(lut_ram=4, selected_bits=5)),
        ("ecp5", 116, 2, False, True, Mapped(lut_ram=8, selected_bits=14)),
        ("ecp5", 23, 4, False, False, Mapped(lut_ram=2, selected_bits=4)),
        ("ecp5", 36, 24, True, True, Mapped(logic_bits=864)),
        ("ecp5", 512, 16, True, True, Mapped(block_ram=1)),
        ("ice40", 72, 1, False, True, Mapped(logic_bits=72, muxed_bits=71)),
        ("ecp5", 144, 24, True, True, Mapped(block_ram=1)),
        ("gowin", 12, 8, False, True, Mapped(lut_ram=2)),
        ("xc7", 12, 8, False, True, Mapped(lut_ram=8)),
        ("xc7", 116, 2, False, True, Mapped(lut_ram=8, selected_bits=2)),
        ("ice40", 20, 5, False, True, Mapped(block_ram=1)),
        ("ice40", 23, 4, False, False, Mapped(logic_bits=92, muxed_bits=88)),
        ("xc7", 2048, 112, False, True, Mapped(block_ram=13)),
        ("xc7", 50_000, 60, False, True, Mapped(block_ram=175, selected_bits=24 * 60)),
        ("xc7", 18, 768, True, True, Mapped(block_ram=22)),
        ("xc7", 54, 96, True, True, Mapped(block_ram=3)),
        ("xc7", 1024, 36, True, True, Mapped(block_ram=2)),
        ("xc7", 0, 4, False, False, Mapped()),
    ],
)
def test_place(fabric, depth, width, rom, synchronous, found):
    assert place(fabric, depth, width, rom=rom, synchronous=synchronous) == found
