"""Cells per lane, load cycles and Fmax of table synapse cores of 512 lanes (pe 8, simd 64).

    python benchmarks/tables.py FABRIC [--schemes u2,u4] [--banks 1,2] [--loaders 8]
                                [--adders plain] [--group 4] [--constant] [--place 1,2,3]

FABRIC is ecp5, gowin, xc7, or with --constant ice40 too. --place gives nextpnr seeds (ecp5,
minutes each). Prints one JSON row per core; :mod:`sim.lanes` says what is counted. Netlists and
placements are kept in build/lanes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ir.scheme import Scheme
from sim.lanes import measure_constant, measure_table

PE, SIMD = 8, 64
BUILD = Path("build/lanes")


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fabric")
    for name, default in (("schemes", "u2,u4"), ("banks", "1,2"), ("loaders", "8"), ("place", "")):
        parser.add_argument(f"--{name}", default=default)
    parser.add_argument("--adders")
    parser.add_argument("--group", type=int, default=4)
    parser.add_argument("--simd", type=int, default=SIMD)
    parser.add_argument("--constant", action="store_true")
    options = parser.parse_args()
    seeds = tuple(int(seed) for seed in options.place.split(",") if seed)
    for scheme in map(Scheme.parse, options.schemes.split(",")):
        common = {"place_seeds": seeds, "build_dir": BUILD}
        if options.constant:
            row = measure_constant(options.fabric, scheme, PE, options.simd, **common)
            print(json.dumps(row), flush=True)
            continue
        for banks in map(int, options.banks.split(",")):
            for loaders in map(int, options.loaders.split(",")):
                row = measure_table(
                    options.fabric,
                    scheme,
                    PE,
                    options.simd,
                    group=options.group,
                    loaders=loaders,
                    banks=banks,
                    adders=options.adders,
                    **common,
                )
                print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
