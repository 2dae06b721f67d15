"""What searched networks take when they are built: LUTs by Yosys and cycles by Verilator.

    python benchmarks/axes.py RUNFILE SEARCHED... [--images 8] [--json]

RUNFILE is what was searched with, SEARCHED a folder ``RUN/lambda-L`` of each search. Every network
is built twice: with the folds that the run file's lanes give, the same for all formats, and with
the fastest fold of each layer that takes no more LUTs than the run file's own format does, as the
cost ``cycles`` counts them. What is simulated is compared with the golden model, spike by spike.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from boards import load as load_board
from ir.energy import report
from ir.fold import Fold, Hardware
from ir.network import Network
from ir.store import Export, Samples
from ir.strict import parse_json, read_text
from spikewright import stages
from spikewright.screen import print_rows
from sw import config, data, export
from sw.costs import LANES, costs
from sw.train import METRICS

HARDWARE = {"search.costs": {"cycles": 1.0}, "search.budgets": {}}


def folds(settings: config.Config, dataset: data.Dataset) -> dict[str, dict[str, Fold]]:
    """Return the fastest folds by layer and format, for every format that has hardware."""
    assert settings.search is not None
    built = [name for name in settings.search.candidates if name != "fp32"]
    asked = config.override(settings, {**HARDWARE, "search.candidates": built})
    return {layer: dict(each) for layer, each in costs(asked, dataset)["cycles"].folds.items()}


def build(
    network: Network, hardware: Hardware, samples: Samples, images: int, board: str
) -> dict[str, int]:
    """Return what one design was measured to take."""
    made = Export(network, hardware, samples)
    with tempfile.TemporaryDirectory(prefix="spikewright-") as folder:
        out = Path(folder)
        plan = stages.make_plan(made)
        found = stages.simulate(made, plan, out, images=images, shards=1, stall_images=0)
        if found["cosim"]["mismatches"]:
            raise RuntimeError(f"RTL differs: {found['cosim']['first_difference']}")
        counted = stages.synthesize(out / "verilog", out, plan, board=load_board(board))
    fabric = next(iter(counted["resources"]))
    return {
        "LUT": counted["resources"][fabric]["total"]["lut"],
        "predicted": counted["resources"][fabric]["predicted"]["lut"],
        "cycles": found["cycles"]["measured"],
        "spikes": found["cosim"]["spikes_compared"],
    }


def row(
    place: Path, settings: config.Config, fastest: dict[str, dict[str, Fold]], images: int
) -> dict[str, Any]:
    """Return what one searched network is, and what both of its designs take."""
    chosen, model, dataset = export.load(place / "train")
    network = export.convert(model, chosen, {})
    pixels = dataset.preparation(chosen.model).apply(dataset.test_images[:images])
    samples = Samples(pixels, dataset.test_labels[:images])
    assert settings.search is not None
    spent = report(network, settings.search.energy.energy)["quantized"]
    metrics = parse_json(read_text(place / "train" / METRICS), METRICS)
    same = settings.hardware.request
    chosen_folds = {layer: fastest[layer][name] for layer, name in network.quantization.items()}
    quick = replace(same, lanes=LANES, folds=chosen_folds)
    board = settings.synthesis.board
    one, two = (build(network, each, samples, images, board) for each in (same, quick))
    return {
        "search": "/".join(place.parts[-2:]),
        "accuracy %": round(100 * metrics["accuracy"]["folded"], 2),
        "bits": spent["bits_per_weight"],
        "energy [uJ]": round(spent["energy_pj"] / 1e6, 3),
        "LUT, same folds": one["LUT"],
        "predicted": one["predicted"],
        "cycles, same folds": one["cycles"],
        "LUT, fastest": two["LUT"],
        "predicted, fastest": two["predicted"],
        "cycles, fastest": two["cycles"],
        "spikes compared": one["spikes"] + two["spikes"],
        "formats": " ".join(network.quantization.values()),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runfile", type=Path)
    parser.add_argument("searched", nargs="+", type=Path, metavar="SEARCHED")
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    given = parser.parse_args()
    settings = config.load(given.runfile)
    fastest = folds(settings, data.of(settings))
    rows = [row(place, settings, fastest, given.images) for place in given.searched]
    print_rows({"rows": rows}, given.json)


if __name__ == "__main__":
    main()
