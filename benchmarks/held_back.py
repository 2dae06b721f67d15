"""Accuracy on held-back training images: for choices that must not look at the test images.

    python benchmarks/held_back.py RUNFILE [KEY=VALUE...] [--count 5000] [--json]

A network is trained as the run file says, but without the first ``count`` of its training images in
a fixed shuffled order, and judged on them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import yaml

from sw import config, data
from sw.train import Training

_ORDER = 123  # seed of the shuffled order


def held_back(whole: data.Dataset, count: int) -> data.Dataset:
    """Return the dataset without its test samples, ``count`` training samples in their place."""
    order = np.random.default_rng(_ORDER).permutation(len(whole.train_images))
    judged, learned = order[:count], order[count:]
    return replace(
        whole,
        train_images=whole.train_images[learned],
        train_labels=whole.train_labels[learned],
        test_images=whole.train_images[judged],
        test_labels=whole.train_labels[judged],
    )


def main() -> None:
    """Train and print the accuracies."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runfile", type=Path)
    parser.add_argument("changes", nargs="*", metavar="KEY=VALUE")
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    pairs = (change.partition("=") for change in given.changes)
    changes = {key: yaml.safe_load(value) for key, _, value in pairs}
    settings = config.override(config.load(given.runfile), changes)
    torch.set_num_threads(settings.training.threads)
    dataset = held_back(data.load(settings.data.name), given.count).first(settings.data.images)
    with tempfile.TemporaryDirectory() as folder:
        found = Training(settings, Path(folder), dataset).run(not given.json, None)["accuracy"]
    if given.json:
        print(json.dumps({"changes": given.changes, "held_back": given.count, **found}))
        return
    for form, accuracy in found.items():
        print(f"{form}: {accuracy:.2%}")


if __name__ == "__main__":
    main()
