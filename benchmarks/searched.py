"""Searched networks beside the line from all u2 to all u4 in the plane of accuracy and energy.

    python benchmarks/searched.py RUN... [--json]

RUN is what ``spikewright search --baselines`` left, one for each seed. Every test image is
classified again by each trained network, so that networks are compared image by image. ``above`` is
how many points the accuracy lies above the line at the network's energy; ``above held`` is the same
where the line does not fall further left of all u2: a network that costs less must then beat all u2
itself. Its range is that of 95 % of 10,000 draws of test images with replacement; p is McNemar's
exact test, two-sided, against all u2 and against fp32. Means over several runs, of seeds or folds,
follow with their standard errors.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from ir.energy import FLOAT
from ir.strict import parse_json, read_text
from sim.search_pictures import trained
from spikewright.screen import print_rows
from sw import export
from sw.trace import batches
from sw.train import Training

DRAWS = 10_000
LEFT, RIGHT = "u2", "u4"


def right(directory: Path, mode: str) -> np.ndarray:
    """Return for every test image whether the trained network is right, bool (images,)."""
    settings, model, dataset = export.load(directory)
    if mode == "float":  # the statistics that finished training holds are those of integers
        training = Training(settings, directory, dataset)
        training.phase = training.model.mode = mode
        training.settle()
        model = training.model
    images = dataset.preparation(settings.model).apply(dataset.test_images)
    found = [trace["head"][:, 0, 0].argmax(1) for trace in batches(model, mode, images)]
    return np.concatenate(found) == dataset.test_labels


def mcnemar(one: np.ndarray, other: np.ndarray) -> float:
    """Return the two-sided p of as many images for one as for the other."""
    wins, losses = int((one & ~other).sum()), int((other & ~one).sum())
    return float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0


def compare(run: Path) -> list[dict[str, Any]]:
    """Return one row for each network of a run that was trained."""
    known = parse_json(read_text(run / "sweep.json", 1 << 26), str(run / "sweep.json"))["rows"]
    known = [row for row in known if row["accuracy"] is not None]
    hits = {
        row["network"]: right(trained(run, row), "float" if row["network"] == FLOAT else "folded")
        for row in known
    }
    energy = {row["network"]: row["energy45"] for row in known}
    rows = []
    for row in known:
        name = row["network"]
        if hits[name].mean() != row["accuracy"]:
            raise RuntimeError(f"Network {name} of {run} is not the one that was trained.")
        share = (energy[name] - energy[LEFT]) / (energy[RIGHT] - energy[LEFT])
        above = hits[name] - (1 - share) * hits[LEFT] - share * hits[RIGHT]
        held = hits[name] - (1 - max(share, 0)) * hits[LEFT] - max(share, 0) * hits[RIGHT]
        low, high = _range(held)
        rows.append(
            {
                "run": run.name,
                "network": name,
                "energy [uJ]": round(energy[name] / 1e6, 3),
                "bits": row["bits"],
                "accuracy %": round(100 * row["accuracy"], 2),
                "drop to fp32": round(100 * (hits[FLOAT].mean() - row["accuracy"]), 2),
                "p to fp32": f"{mcnemar(hits[name], hits[FLOAT]):.2g}",
                "above": round(100 * above.mean(), 2),
                "above held": round(100 * held.mean(), 2),
                "95 %": f"{low:+.2f}..{high:+.2f}",
                "p to u2": f"{mcnemar(hits[name], hits[LEFT]):.2g}",
            }
        )
    return rows


def means(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return for each network the means over runs, with their standard errors."""
    found = []
    for name in dict.fromkeys(row["network"] for row in rows):
        same = [row for row in rows if row["network"] == name]
        entry: dict[str, Any] = {"network": name, "runs": len(same)}
        for key in ("accuracy %", "drop to fp32", "above held", "bits", "energy [uJ]"):
            values = np.array([row[key] for row in same])
            error = values.std(ddof=1) / np.sqrt(len(values))
            entry[key] = f"{values.mean():.2f} ± {error:.2f}"
        found.append(entry)
    return found


def _range(differences: np.ndarray) -> Sequence[float]:
    """Return the range of 95 % of the mean difference [points] over draws of images."""
    generator = np.random.default_rng(0)
    # Images that differ in the same way are alike: draw how many of each kind.
    kinds, counts = np.unique(differences, return_counts=True)
    total = len(differences)
    means = generator.multinomial(total, counts / total, DRAWS) @ kinds / total
    return [float(value) for value in 100 * np.quantile(means, [0.025, 0.975])]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    given = parser.parse_args()
    rows = [row for run in given.runs for row in compare(run)]
    means_of = means(rows) if len(given.runs) > 1 else []
    print_rows({"rows": rows, "means": means_of}, given.json)
    if means_of and not given.json:
        print_rows({"rows": means_of}, False)


if __name__ == "__main__":
    main()
