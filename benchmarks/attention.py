"""LUTs and cycles of the attention of the digits network, in both orders and several folds (ECP5).

python benchmarks/attention.py [--json]
"""

from __future__ import annotations

import argparse

from hw.top import engine
from ir.fold import Fold, Hardware
from ir.folding import cycles
from ir.planner import build
from sim.luts import luts
from sim.shapes import SHAPES
from spikewright.screen import print_rows

LAYER = "block.0.attention"
KINDS = ("attend", "window", "recall", "correlate", "mix")
FOLDS = (
    Fold(1, 1, "kv"),
    Fold(1, 8, "kv"),
    Fold(1, 1, "qk"),
    Fold(8, 1, "kv"),
    Fold(4, 2, "qk"),
)


def measure(fold: Fold) -> dict[str, object]:
    """Return one row of the table."""
    network = SHAPES["digits"]()
    plan = build(network, Hardware(1 << 10, network.steps, {LAYER: fold}))
    stations = [s for s in plan.stations if s.layer == LAYER and s.kind in KINDS]
    return {
        "first": fold.first,
        "pe": fold.pe,
        "simd": fold.simd,
        "lanes": sum(s.lanes for s in stations),
        "cycles": cycles(network[LAYER], fold, network),
        "memory_bits": sum(s.memory_bits for s in stations),
        "luts": sum(luts(engine(s, {}), "ecp5") for s in stations),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    as_json = parser.parse_args().json
    rows = [measure(fold) for fold in FOLDS]
    print_rows({"rows": rows}, as_json)


if __name__ == "__main__":
    main()
