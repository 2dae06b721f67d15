"""What is installed is pinned, hashed and licensed; what is generated is the same everywhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from tests.test_floors import ROOT

LOCK = (ROOT / "requirements.lock").read_text()
PINS = dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+?)(?: ;.*)? \\$", LOCK, re.MULTILINE))
ROWS = re.findall(
    r"^\| (\S+) \| (\S+) \| (.+?) \| ", (ROOT / "docs/licences.md").read_text(), re.MULTILINE
)
LICENCES = {
    name.lower().replace("_", "-"): (version, licence) for name, version, licence in ROWS[1:]
}

# Prints the digest of everything that is generated from one small network with every kind of engine.
GENERATE = """
import hashlib, sys
from pathlib import Path
from hw.emit import emit
from ir.planner import build
from tests.networks import random_hardware, random_network
network = random_network(3, attention=True, residual=True, pool=True, steps=2)
emit(network, build(network, random_hardware(network, 3)), Path(sys.argv[1]))
files = sorted(p for p in Path(sys.argv[1]).rglob("*") if p.is_file())
digest = hashlib.sha256()
for path in files:
    digest.update(str(path.relative_to(sys.argv[1])).encode() + b"\\0" + path.read_bytes())
print(digest.hexdigest())
"""


def test_every_package_is_pinned_to_one_version_and_its_digests():
    blocks = re.split(r"\n(?=[A-Za-z0-9])", LOCK)
    packages = [block for block in blocks if not block.startswith("#")]
    assert len(packages) == len(PINS) > 60
    for block in packages:
        assert "--hash=sha256:" in block, block[:60]
    assert "--require-hashes -r requirements.lock" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("package", PINS)
def test_every_package_has_a_licence_that_was_read(package):
    version, licence = LICENCES[package]
    assert version == PINS[package]
    assert "UNKNOWN" not in licence
    assert not re.search(r"\b(A?GPL|SSPL|BUSL)", licence), licence


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_any_process_generates_the_same_bytes(tmp_path, hash_seed):
    """The digest is stored: another machine must give it too. A generator that changes changes it."""
    environment = os.environ | {
        "PYTHONHASHSEED": hash_seed,
        "PYTHONPATH": str(ROOT),
        "TZ": "Asia/Tokyo",
    }
    command = [sys.executable, "-c", GENERATE, str(tmp_path / "out")]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    known = json.loads((ROOT / "tests/hw/generated.json").read_text())
    assert done.stdout.strip() == known["sha256"]
