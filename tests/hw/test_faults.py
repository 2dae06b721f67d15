"""Every planted fault is found, and nothing is found where none is planted."""

from __future__ import annotations

import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.hw import attending, checks, tables, tiles, words
from tests.hw.fault import Fault
from tests.hw.faults import FAULTS

SOURCE = Path(__file__).parents[2] / "hw"


@contextmanager
def planted(fault: Fault | None, scratch: Path) -> Iterator[None]:
    """Let ``import hw`` find a copy of the package, with the fault in it."""
    shutil.copytree(SOURCE, scratch / "hw", ignore=shutil.ignore_patterns("__pycache__"))
    if fault is not None:
        file = scratch / "hw" / f"{fault.file}.py"
        text = file.read_text()
        if text.count(fault.old) != 1:
            raise LookupError(f"{fault.name}: {fault.old!r} occurs {text.count(fault.old)} times")
        file.write_text(text.replace(fault.old, fault.new))
    kept = {name: sys.modules.pop(name) for name in list(sys.modules) if _ours(name)}
    sys.path.insert(0, str(scratch))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.path.remove(str(scratch))
        for name in [name for name in sys.modules if _ours(name)]:
            del sys.modules[name]
        sys.modules.update(kept)


def _ours(name: str) -> bool:
    return name == "hw" or name.startswith("hw.")


def perform(fault: Fault) -> None:
    for module in (checks, attending, words, tables, tiles):
        if check := getattr(module, fault.check, None):
            check(*fault.arguments, **fault.options)
            return
    raise LookupError(f"{fault.name}: no check {fault.check}")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_is_found(fault: Fault, tmp_path: Path) -> None:
    with planted(fault, tmp_path), pytest.raises((AssertionError, TimeoutError)):
        perform(fault)


def test_nothing_is_found_in_the_original(tmp_path: Path) -> None:
    with planted(None, tmp_path):
        for fault in {(f.check, repr(f.arguments), repr(f.options)): f for f in FAULTS}.values():
            perform(fault)


def test_each_engine_has_three() -> None:
    counted: dict[str, int] = {}
    for fault in FAULTS:
        counted[fault.file] = counted.get(fault.file, 0) + 1
    engines = "pe synapse neuron serial window attention recall correlate mix popcount maximum "
    engines += "join align accumulate classify stream memory corner reorder tile stepwise "
    engines += "table loader adder constant"
    assert all(counted.get(engine, 0) >= 3 for engine in engines.split()), counted
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
