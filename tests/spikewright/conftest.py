"""A tiny run, trained through the command line once for all tests."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from spikewright.cli import main

CONFIG = Path(__file__).parents[2] / "configs" / "digits.yaml"
TINY = {
    "model.tokenizer.0.channels": 4,
    "model.tokenizer.1.channels": 4,
    "model.heads": 2,
    "model.mlp_ratio": 1,
    "model.steps": 2,
    "training.float_epochs": 1,
    "training.quantized_epochs": 1,
    "training.folded_epochs": 1,
    "training.threads": 1,
    "hardware.lanes": 96,
    "hardware.steps_per_pass": 2,
    "simulation.images": 8,
    "simulation.stall_images": 4,
}


@dataclass(frozen=True)
class Done:
    """What a call of the command line left: exit status and output."""

    status: int
    out: str
    err: str


@pytest.fixture(scope="session")
def tiny_flags() -> list[str]:
    return [part for key, value in TINY.items() for part in ("--set", f"{key}={value}")]


@pytest.fixture
def spikewright(capfd, monkeypatch):
    """Return a function that runs the command line in this process."""

    def call(*words: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["spikewright", *map(str, words)])
        status = 0
        try:
            main()
        except SystemExit as stop:
            status = int(stop.code or 0)
        out, err = capfd.readouterr()
        return Done(status, out, err)

    return call


@pytest.fixture(scope="session")
def run(tmp_path_factory, tiny_flags) -> Path:
    """Return a run directory with ``train/`` and ``export/``."""
    from spikewright import stages

    folder = tmp_path_factory.mktemp("run")
    changes = stages.changes(tiny_flags[1::2])
    stages.train(CONFIG, folder, changes, progress=False)
    stages.export(folder / "train", folder / "export")
    return folder
