"""What the tests of doors share: exports on disk and the shape of a refusal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from ir.errors import SpikewrightError
from ir.store import Export, save
from tests.networks import digits_network, random_hardware, random_samples


@pytest.fixture(scope="session")
def export() -> Export:
    """A network with every kind of layer, named folds and samples."""
    network = digits_network(width=4, steps=2)
    return Export(network, random_hardware(network, 1), random_samples(network, 2))


@pytest.fixture
def directory(export: Export, tmp_path: Path) -> Path:
    """The export on disk."""
    path = tmp_path / "export"
    save(path, export.network, export.hardware, export.samples)
    return path


def seal(path: Path, **files: bytes) -> None:
    """Replace files (``network_json=...``) and make the manifest agree with everything again."""
    for name, data in files.items():
        (path / name.replace("_", ".")).write_bytes(data)
    listed = json.loads((path / "manifest.json").read_text())["files"]
    manifest = {
        name: {
            "sha256": hashlib.sha256((path / name).read_bytes()).hexdigest(),
            "bytes": (path / name).stat().st_size,
        }
        for name in listed
    }
    (path / "manifest.json").write_text(json.dumps({"files": manifest}))


@pytest.fixture
def refused() -> Callable[[str], AbstractContextManager[None]]:
    """``with refused("part"):`` expects one short sentence with that part in it."""

    @contextmanager
    def check(part: str):
        with pytest.raises(SpikewrightError) as caught:
            yield
        text = str(caught.value)
        assert part in text
        assert "\n" not in text
        assert text.endswith(".")
        assert len(text) < 600

    return check


