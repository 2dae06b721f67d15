"""Who may import whom, checked in fresh interpreters, and how long a module may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HOUSES = ("ir", "boards", "hw", "sw", "sim", "spikewright")
MAX_LINES = 500

# What the modules of a house must not load, directly or through others.
FORBIDDEN = {
    "ir": {"torch", "amaranth", "hw", "sw", "sim", "boards", "spikewright"},
    "boards": {"torch", "amaranth", "hw", "sw", "sim", "spikewright"},
    "hw": {"torch", "sw", "sim", "spikewright"},
    "sw": {"amaranth", "hw", "sim", "spikewright"},
    "sim": {"torch", "sw", "spikewright"},
    "spikewright": {"torch", "amaranth", "matplotlib"},
}
THIRD_PARTY = {"ir": {"numpy", "yaml", "_yaml", "safetensors"}}
# One interpreter per house; each line is a module and the top-level packages that it added.
PROBE = """
import importlib, sys
seen = {{m.partition(".")[0] for m in sys.modules}}
for name in {names!r}:
    importlib.import_module(name)
    now = {{m.partition(".")[0] for m in sys.modules}}
    print(name, *sorted(now - seen))
    seen = now
"""


def modules(house: str) -> list[str]:
    names = []
    for path in sorted((ROOT / house).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1] == "__main__":
            continue  # runs the program when imported
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


def loaded(names: list[str]) -> dict[str, set[str]]:
    """Import modules in a fresh interpreter; return the top-level packages that each one added."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(names=names)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [line.split() for line in done.stdout.splitlines()]
    return {name: set(added) for name, *added in rows}


def test_modules_are_found():
    assert len(modules("ir")) >= 18
    for house in HOUSES:
        assert house in modules(house), f"{house}/__init__.py is missing"


def test_the_probe_sees_what_each_module_adds():
    found = loaded(["json", "numpy"])
    assert "json" in found["json"] and "numpy" not in found["json"]
    assert "numpy" in found["numpy"] and "torch" not in found["numpy"]


@pytest.mark.parametrize("house", HOUSES)
def test_modules_stay_on_their_floor(house):
    found = loaded(modules(house))
    assert list(found) == modules(house)
    assert house in set.union(*found.values())
    broken = {name: added & FORBIDDEN[house] for name, added in found.items()}
    assert not {name: added for name, added in broken.items() if added}
    if house in THIRD_PARTY:
        allowed = set(sys.stdlib_module_names) | THIRD_PARTY[house] | {house}
        # Compiled helpers of an allowed package come under names of their own.
        foreign = {m for m in set.union(*found.values()) - allowed if m[0] != "_"}
        assert not {m for m in foreign if not m.startswith("cython")}


@pytest.mark.parametrize("house", HOUSES)
def test_modules_are_short(house):
    long = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / house).rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) >= MAX_LINES
    }
    assert not long


@pytest.mark.parametrize("house", HOUSES)
def test_nothing_imports_upwards_even_lazily(house):
    """Imports inside functions count too; only the front door and sim may reach for everything."""
    wanted = FORBIDDEN[house] & set(HOUSES)
    if house == "spikewright":
        wanted = set()
    for path in (ROOT / house).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            for name in names:
                assert name.partition(".")[0] not in wanted, f"{path}:{node.lineno} imports {name}"
