"""Cells of whole generated designs, flattened and mapped in one piece.

    python benchmarks/whole.py [--fabric xc7] [--json] VERILOG...

Each VERILOG is a directory that ``spikewright generate`` (or ``demo``) wrote. ``spikewright
synthesize`` maps engine by engine instead, which keeps their borders and counts a little more.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import asdict
from pathlib import Path

from sim.fabrics import fabric
from sim.resources import parts
from sim.testbench import TOP
from sim.yosys import Design
from spikewright.screen import print_rows


def measure(folder: Path, name: str) -> dict[str, object]:
    """Return one row of the table."""
    chosen = fabric(name)
    with tempfile.TemporaryDirectory() as build:
        found = parts(Design.read(folder), [TOP], chosen, build_dir=Path(build))[TOP]
    return {"design": str(folder), "fabric": name, **asdict(found.usage)}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verilog", nargs="+", type=Path, metavar="VERILOG")
    parser.add_argument("--fabric", default="xc7", help="ecp5, ice40, gowin or xc7")
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    given = parser.parse_args()
    rows = [measure(folder, given.fabric) for folder in given.verilog]
    print_rows({"rows": rows}, given.json)


if __name__ == "__main__":
    main()
