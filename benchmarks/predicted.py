"""Predicted LUTs of searched networks beside those that Yosys counts.

    python benchmarks/predicted.py SEARCHED... [--fabric ecp5] [--json]

SEARCHED is a folder ``RUN/lambda-L`` of a search. Every network is built with the folds that its
run file asks for; no coefficient of the cost model was fitted to any of them.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from boards import load as load_board
from ir.store import Export
from spikewright import stages
from spikewright.screen import print_rows
from sw import export


def row(place: Path, fabric: str) -> dict[str, Any]:
    """Return what was predicted of one searched network, and what was counted."""
    settings, model, _ = export.load(place / "train")
    made = Export(export.convert(model, settings, {}), settings.hardware.request, None)
    plan, board = stages.make_plan(made), load_board(settings.synthesis.board)
    with tempfile.TemporaryDirectory(prefix="spikewright-") as folder:
        out = Path(folder)
        stages.generate(made, plan, out / "verilog")
        found = stages.synthesize(out / "verilog", out, plan, board=board, fabrics=[fabric])
    used = found["resources"][fabric]
    counted, predicted = used["total"]["lut"], used["predicted"]["lut"]
    return {
        "network": "/".join(place.parts[-2:]),
        "formats": " ".join(made.network.quantization.values()),
        "counted": counted,
        "predicted": predicted,
        "error %": round(100 * (predicted / counted - 1), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("searched", nargs="+", type=Path)
    parser.add_argument("--fabric", default="ecp5")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    print_rows({"rows": [row(place, given.fabric) for place in given.searched]}, given.json)


if __name__ == "__main__":
    main()
