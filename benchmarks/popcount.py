"""LUTs per lane of AND-popcounts of every style, and of the control that skipping needs.

python benchmarks/popcount.py [--json]
"""

from __future__ import annotations

import argparse
import json

from rich.console import Console
from rich.table import Table

from sim.luts import FABRICS
from sim.popcount import measure_popcount
from sim.skip import control_rows


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    as_json = parser.parse_args().json
    sizes = (8, 16, 32, 64, 128)
    rows = [row for fabric in FABRICS for n in sizes for row in measure_popcount(fabric, n)]
    control = control_rows()
    if as_json:
        print(json.dumps({"rows": rows, "control": control}, indent=1))
        return
    for each in (rows, control):
        table = Table(*each[0])
        for row in each:
            table.add_row(*map(str, row.values()))
        Console(width=100).print(table)


if __name__ == "__main__":
    main()
