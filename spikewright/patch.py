"""The verb ``patch``: new weights in a finished bitstream."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ir.errors import SpikewrightError
from spikewright import stages

if TYPE_CHECKING:
    from boards import Board
    from hw.wrap import Wrapper
    from ir.image import Image
    from ir.network import Network
    from ir.plan import Plan

BUILT = "export"
"""Folder below a build with the export that it was made of."""


def patch(
    folder: Annotated[Path, typer.Argument(metavar="BUILD", help="Of build --patchable.")],
    path: Annotated[Path, typer.Argument(metavar="EXPORT", help="Whose weights are taken.")],
    board: Annotated[str, typer.Option(help="Board by name or YAML path, as it was built for.")],
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write an export's weights into a finished bitstream, and read them back."""
    from boards import load
    from spikewright.screen import show, working

    chosen = load(board)
    with working("patch"):
        found = apply(folder, path, chosen)
    show(found, json)


def apply(folder: Path, path: Path, board: Board) -> dict[str, Any]:
    """Write an export's weights into a build; return what was written and read back.

    Raises
    ------
    SpikewrightError
        If the folder holds no build that can be patched, the network's numbers lie outside the
        ranges that were built, or what is read back is something else.
    """
    import time

    from ir import bounds
    from ir.strict import dump_json, parse_json, read_text, write_text
    from sim import patch as work

    if not (folder / work.ROUTED).is_file():
        raise SpikewrightError(
            f"Directory {folder} holds no build that can be patched; allowed are those of "
            f"build --patchable."
        )
    known = parse_json(read_text(folder / "build.json"), "File build.json")
    if known.get("board") != board.name:
        raise SpikewrightError(
            f"Build {folder} was made for board {known.get('board')!s:.64}; board {board.name} is "
            f"not allowed."
        )
    baud = known.get("baud")
    if not (baud is None or (type(baud) is int and baud > 0)):
        raise SpikewrightError(
            f"Build {folder} says baud {baud!r:.40}; allowed are integers from 1."
        )
    began = time.monotonic()
    export, built = stages.load_export(path), stages.load_export(folder / BUILT)
    bounds.check(export.network, built)
    plan = stages.make_plan(built)
    contents, digest = memories(export.network, plan)
    found = work.patch(folder, board, contents, stages.cache() / "netlists")
    describe(folder, export.network, plan, wrapper(board, baud))
    write_text(folder / "build.json", dump_json(known | {"network": digest}))
    seconds = round(time.monotonic() - began, 1)
    return {"board": board.name, "network": digest, **found, "seconds": seconds}


def wrapper(board: Board, baud: int | None, *, patchable: bool = True) -> Wrapper:
    """Return what a build puts around the accelerator."""
    from hw.wrap import BAUD, Wrapper

    return Wrapper(board.bus, float(board.clock_hz), baud or BAUD, patchable=patchable)


def describe(folder: Path, network: Network, plan: Plan, around: Wrapper) -> dict[str, Any]:
    """Write ``verilog`` and ``images`` of a build; return the manifest."""
    from hw.emit import emit
    from ir.image import images, stored
    from ir.image_text import WRITERS
    from ir.strict import write_text

    manifest = emit(network, plan, folder / "verilog", around)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for image in images(network, plan).values():
        for suffix, writer in WRITERS.items():
            name = f"{Path(image.name).stem}.{suffix}"
            write_text(folder / "images" / name, writer(stored(image, plan)))
    return manifest


def memories(network: Network, plan: Plan) -> tuple[dict[str, Image], str]:
    """Return the contents of all memories that are patched, as they are stored, and the digest."""
    from hw.emit import network_digest
    from ir.image import images, network_image, stored

    digest = network_digest(network)
    found = {name: stored(image, plan) for name, image in images(network, plan).items()}
    own = network_image(digest)
    return found | {own.station: own}, digest
