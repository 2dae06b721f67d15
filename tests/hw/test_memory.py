from pathlib import Path

import pytest
from amaranth.back import rtlil

from hw.emit import yosys
from hw.memory import ROM_SOURCE, Memory
from tests.hw import words

WRAPPER = """
module gate(input clk, input rst, input enable, input [{top}:0] address, output [{bits}:0] data);
  spikewright_rom #(.WIDTH({width}), .DEPTH({depth}), .IMAGE("x.mem")) rom
    (.clk(clk), .enable(enable), .address(address), .data(data));
endmodule
"""
PROOF = """
read_verilog rom.v
hierarchy -top gate
flatten
read_rtlil gold.il
proc
memory
opt_clean
miter -equiv -make_assert -flatten gold gate miter
hierarchy -top miter
sat -verify -prove-asserts -seq 1 -set-init-undef -tempinduct miter
"""


@pytest.mark.parametrize("depth", [1, 2, 5, 16])
def test_simulator_face(depth: int) -> None:
    words.memory(depth)


def prove(depth: int, width: int, words: list[int], image: list[int]) -> str:
    """Ask Yosys whether the simulator's face with ``words`` is the Verilog one with ``image``."""
    memory = Memory(width, depth, "x.mem", words)
    Path("gold.il").write_text(rtlil.convert(memory, name="gold", emit_src=False))
    Path("x.mem").write_text("".join(f"{word:x}\n" for word in image))
    top, bits = len(memory.address) - 1, width - 1
    wrapper = WRAPPER.format(width=width, depth=depth, top=top, bits=bits)
    Path("rom.v").write_text(ROM_SOURCE + wrapper)
    return yosys(PROOF)


@pytest.mark.parametrize("depth, width", [(2, 3), (8, 5)])
def test_both_faces_are_the_same_memory(
    depth: int, width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [(11 * n + 6) % (1 << width) for n in range(depth)]
    prove(depth, width, words, words)
    damaged = [words[0] ^ 1, *words[1:]]
    with pytest.raises(ValueError, match="Yosys failed"):
        prove(depth, width, words, damaged)


def test_wrong_contents_are_refused() -> None:
    with pytest.raises(ValueError, match="gets 1 words; allowed are 2"):
        Memory(3, 2, "x.mem", [1])
    with pytest.raises(ValueError, match="beyond 3 bits"):
        Memory(3, 2, "x.mem", [1, 8])
