"""Every planted fault shows itself within 200 cases of random networks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sim.planted import PLANTED

ROOT = Path(__file__).parents[2]
HOUSES = ("ir", "boards", "hw", "sim", "spikewright")
RUN = "from spikewright.cli import main; main()"
# Four cases of a topology, as more topologies show more than more cases do.
ASK = ("fuzz", "--count", "200", "--cases", "4", "--seed", "3", "--stop", "--no-shrink", "--json")


def plant(fault, scratch):
    """Copy the houses, with one wrong line."""
    for house in HOUSES:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / house, scratch / house, ignore=ignore)
    file = scratch / fault.file
    text = file.read_text()
    assert text.count(fault.old) == 1, f"{fault.name}: occurs {text.count(fault.old)} times"
    file.write_text(text.replace(fault.old, fault.new))


@pytest.mark.slow
@pytest.mark.parametrize("fault", PLANTED, ids=lambda fault: f"{fault.where}: {fault.name}")
def test_planted_fault_is_found(fault, tmp_path, builds):
    scratch = tmp_path / "houses"
    plant(fault, scratch)
    environment = os.environ | {"PYTHONPATH": str(scratch), "SPIKEWRIGHT_CACHE": str(builds.parent)}
    done = subprocess.run(
        [sys.executable, "-c", RUN, *ASK, "--run", str(tmp_path / "run")],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["mismatches"] >= 1
    assert found["cases"] <= 200


def test_planted_faults_can_be_planted(tmp_path):
    assert len(PLANTED) >= 20
    assert len({fault.name for fault in PLANTED}) == len(PLANTED)
    assert {fault.where for fault in PLANTED} == {"rtl", "packer", "golden", "schedule"}
    for index, fault in enumerate(PLANTED):
        plant(fault, tmp_path / str(index))
