"""Builds: the runtime is compiled once, a build is found again by its content."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.testbench import BENCH, generate
from sim.verilator import build

TOY = (Path(__file__).parent / "toy.v").read_text()


def compiled(folder: Path) -> set[str]:
    """Return the C++ files that a build compiled."""
    lines = (folder / "build.log").read_text().splitlines()
    return {Path(line.split()[-1]).name for line in lines if line.startswith(("g++", "ccache"))}


@pytest.mark.slow
def test_designs_share_the_runtime_and_builds_are_found_by_content(tmp_path):
    first, other, third = (
        TOY,
        TOY.replace("sum1 > sum0", "sum1 >= sum0"),
        TOY + "// another comment",
    )
    found = []
    for text in (first, other, third):
        bench = generate(text, 2)
        found.append(build({"accelerator.v": text} | bench.sources, BENCH, tmp_path))
    assert [each.cached for each in found] == [False, False, True]
    assert found[2].binary == found[0].binary != found[1].binary
    runtime = {"verilated.cpp", "verilated_vpi.cpp", "verilated_dpi.cpp"}
    design = {"main.cpp", "Vtop__ALL.cpp"}  # a small design is compiled as one file
    assert compiled(found[0].binary.parent) >= runtime | design
    assert compiled(found[1].binary.parent) >= design
    assert not compiled(found[1].binary.parent) & runtime
    assert len(list(tmp_path.glob("runtime-*"))) == 1
    assert not list(tmp_path.glob("*.partial"))
