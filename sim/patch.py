"""New weights in a finished bitstream, without synthesis and without placing it again.

A build that can be patched is made with random contents in all memories that have an image, which
then lie in block RAM: no tool can simplify them, and every bit can be found in the placed design
(:mod:`sim.block_ram`). Weights are written over them there, the result is packed, unpacked again
and compared.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from boards.board import Board
from hw.memory import ROM_NAME
from hw.tool import tool
from ir.errors import SpikewrightError
from ir.image import Image
from ir.strict import new_directory, read_text
from sim.bitstream import SUFFIXES, packer
from sim.block_ram import LEAST, Blocks
from sim.yosys import cut, run

UNPACKERS = {
    "ecp5": lambda: [tool("yowasp-ecpunpack"), "packed", "unpacked"],
    "ice40": lambda: [tool("yowasp-iceunpack"), "packed", "unpacked"],
}
"""Fabrics that can be patched, and the command that makes ``unpacked`` of ``packed``."""
ROUTED = "routed.txt"
"""Placed design with random contents, as the packer reads it."""
_MOST_BYTES = 1 << 27
_ROM = f"""\
module {ROM_NAME} #(
  parameter WIDTH = 1,
  parameter DEPTH = 1,
  parameter IMAGE = ""
) (
  input clk,
  input enable,
  input [(DEPTH > 1 ? $clog2(DEPTH) : 1) - 1:0] address,
  output reg [WIDTH - 1:0] data
);
  localparam PADDED = DEPTH > {LEAST} ? DEPTH : {LEAST};
  (* ram_style = "block" *)
  reg [WIDTH - 1:0] words [0:PADDED - 1];
  initial $readmemh(IMAGE, words);
  always @(posedge clk)
    if (enable) data <= words[address];
endmodule
"""


def check(board: Board) -> None:
    """Refuse a board whose bitstreams the open tools cannot take apart again.

    Raises
    ------
    SpikewrightError
    """
    if board.fabric not in UNPACKERS:
        raise SpikewrightError(
            f"Board {board.name} has fabric {board.fabric}; bitstreams can be patched on "
            f"{', '.join(UNPACKERS)}."
        )


def randomise(verilog: Path, out: Path, contents: Mapping[str, Image], seed: int = 0) -> None:
    """Write a design again, its memories in block RAM, longer where they are short, and random.

    Parameters
    ----------
    verilog : Path
        Of what ``hw.emit`` wrote.
    out : Path
        Appears whole or not at all.
    contents : mapping of name to ir.image.Image
        Of all memories, as they are stored.
    seed : int
    """
    rng = np.random.default_rng(seed)
    with new_directory(out) as folder:
        for path in verilog.glob("*.v"):
            text = path.read_text()
            (folder / path.name).write_text(_ROM if ROM_NAME in cut(text) else text)
        (folder / "images").mkdir()
        for image in contents.values():
            rows = rng.integers(0, 2, (max(LEAST, len(image.words)), image.width), np.uint8)
            words = tuple(_packed(row) for row in rows)
            (folder / "images" / image.name).write_text(
                Image(image.station, image.width, words).text()
            )
        (folder / "manifest.json").write_text("{}\n")


def patch(
    folder: Path, board: Board, contents: Mapping[str, Image], kept: Path
) -> dict[str, int | bool]:
    """Write contents into ``FOLDER/BOARD.bit`` (``.bin``), and read them back.

    Parameters
    ----------
    folder : Path
        Of a build that can be patched: ``randomised/images`` and :data:`ROUTED`.
    board : Board
    contents : mapping of name to ir.image.Image
        Of all memories, as they are stored.
    kept : Path
        Folder for the logs of tools that fail.

    Returns
    -------
    dict
        ``memories``, ``words``, ``bits`` and ``read_back``.

    Raises
    ------
    SpikewrightError
        If a memory is not found in the placed design, a tool fails, or the finished bitstream holds
        something else than was written.
    """
    check(board)
    text = read_text(folder / ROUTED, _MOST_BYTES)
    blocks = Blocks.read(text, board.fabric)
    places, wanted, taken = {}, blocks.bits.reshape(-1).copy(), 0
    for name, image in contents.items():
        made = _read(folder / "randomised" / "images" / image.name, image)
        places[name] = blocks.find(name, _bits(made))[: len(image.words)]
        wanted[places[name]] = _bits(image)
        taken += image.width * len(image.words)
    if len(np.unique(np.concatenate([each.reshape(-1) for each in places.values()]))) != taken:
        raise SpikewrightError(f"Build {folder} has memories that share bits of block RAM.")
    patched = Blocks(board.fabric, blocks.names, wanted.reshape(blocks.bits.shape))
    with tempfile.TemporaryDirectory(prefix=".patch-", dir=folder) as inside:
        work = Path(inside)
        (work / "routed").write_text(patched.write(text))
        run(packer(board), work, "pack.log", kept / "pack.log")
        run(UNPACKERS[board.fabric](), work, "unpack.log", kept / "unpack.log")
        back = Blocks.read(read_text(work / "unpacked", _MOST_BYTES), board.fabric)
        _compare(folder, back, patched)
        os.replace(work / "packed", folder / f"{board.name}.{SUFFIXES[board.fabric]}")
    words = sum(len(image.words) for image in contents.values())
    return {"memories": len(contents), "words": words, "bits": taken, "read_back": True}


def _compare(folder: Path, back: Blocks, wanted: Blocks) -> None:
    """Refuse a bitstream whose block RAM is not what was written."""
    known = dict(zip(back.names, back.bits, strict=True))
    for name, bits in zip(wanted.names, wanted.bits, strict=True):
        found = known.get(name, np.zeros_like(bits))
        if (found != bits).any():
            raise SpikewrightError(
                f"Bitstream of {folder} holds {int((found != bits).sum())} wrong bits in block RAM "
                f"{name}."
            )


def _read(path: Path, image: Image) -> Image:
    depth = max(LEAST, len(image.words))
    return Image.parse(image.station, image.width, depth, read_text(path, _MOST_BYTES))


def _bits(image: Image) -> np.ndarray:
    """Return the bits of all words, uint8 (depth, width), the lowest first."""
    size = -(-image.width // 8)
    data = b"".join(word.to_bytes(size, "little") for word in image.words)
    table = np.frombuffer(data, np.uint8).reshape(len(image.words), size)
    return np.unpackbits(table, axis=1, bitorder="little")[:, : image.width]


def _packed(row: np.ndarray) -> int:
    return int.from_bytes(np.packbits(row, bitorder="little").tobytes(), "little")
