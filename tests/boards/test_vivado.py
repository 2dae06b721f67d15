"""Scripts for Vivado, read by a Tcl interpreter whose commands know what there is."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import boards
from boards import vivado

STUB = Path(__file__).with_name("vivado_stub.tcl")
PORTS = ["clk", "rst", "s_axis_tdata", "s_axis_tvalid", "s_axis_tready", "s_axis_tlast", "m_axis_tdata", "m_axis_tvalid"]
PORTS += ["m_axis_tready", "m_axis_tlast", "s_axil_awaddr", "s_axil_rdata"]
pytestmark = pytest.mark.skipif(shutil.which("tclsh") is None, reason="no Tcl interpreter")


def read(folder, top, *, ports=PORTS, slack="0.1", progress="100%", change=("", "")):
    """Run ``vivado.tcl`` in a folder, with a change to it; return what is said."""
    script = (folder / "vivado.tcl").read_text()
    assert change[0] in script
    (folder / "vivado.tcl").write_text(script.replace(*change) if change[0] else script)
    made = folder / "made"
    made.mkdir(exist_ok=True)
    (made / f"{top}.bit").write_text("bits")
    handoff = folder / "vivado/x.gen/sources_1/bd/system/hw_handoff"
    handoff.mkdir(parents=True, exist_ok=True)
    (handoff / "system.hwh").write_text("hardware")
    (folder / "run.tcl").write_text(
        f"set ports {{{' '.join(ports)}}}\nset slack {slack}\nset progress {progress}\n"
        f"set made [file join [pwd] made]\nsource {STUB}\nsource vivado.tcl\n"
        'puts "parts [lsort -unique $parts]"\nputs "streams $streams"\n'
    )
    return subprocess.run(["tclsh", "run.tcl"], cwd=folder, capture_output=True, text=True)


@pytest.fixture
def sources(tmp_path):
    (tmp_path / "verilog/images").mkdir(parents=True)
    for name in ("verilog/accelerator.v", "verilog/rom.v", "verilog/images/q.mem", "top.v", "arty-a7-35t.xdc"):
        (tmp_path / name).write_text("")
    return tmp_path


def arty(folder):
    board = boards.load("arty-a7-35t")
    text = vivado.project(board, ["accelerator.v", "rom.v"], ["q.mem"], "spikewright_board")
    (folder / "vivado.tcl").write_text(text)


def zynq(folder, name, word_bytes):
    board = boards.load(name)
    ports = [{"name": port} for port in PORTS]
    (folder / "package_ip.tcl").write_text(vivado.package(board, ["accelerator.v", "rom.v"], ["q.mem"], ports))
    (folder / "vivado.tcl").write_text(vivado.system(board, word_bytes))


def test_a_project_of_pins(sources):
    arty(sources)
    done = read(sources, "spikewright_board")
    assert done.returncode == 0, done.stderr
    assert "top spikewright_board" in done.stdout and "parts xc7a35tcsg324-1" in done.stdout
    assert (sources / "arty-a7-35t.bit").read_text() == "bits"


@pytest.mark.parametrize("name, part", [
    ("pynq-z2", "xc7z020clg400-1"), ("kv260", "xck26-sfvc784-2LV-c"), ("zcu104", "xczu7ev-ffvc1156-2-e"),
])
@pytest.mark.parametrize("word_bytes", [1, 4, 12])
def test_a_system_around_a_processor(sources, name, part, word_bytes):
    zynq(sources, name, word_bytes)
    done = read(sources, "system_wrapper")
    assert done.returncode == 0, done.stderr
    assert f"parts {part}" in done.stdout
    converted = f"CONFIG.S_TDATA_NUM_BYTES 4 CONFIG.M_TDATA_NUM_BYTES {word_bytes}"
    assert f"streams {'' if word_bytes == 4 else converted}\n" in done.stdout
    assert (sources / f"{name}.bit").exists() and (sources / f"{name}.hwh").read_text() == "hardware"


@pytest.mark.parametrize("change, said", [
    (("core/clk", "core/clock"), "cell of spikewright_axi has no pin clock"),
    (("[get_bd_pins core/rst]", "[get_bd_pins core/clk]"), "pin core/clk is driven twice"),
    (("smartconnect memory", "smartconnect store"), "no cell memory"),
    (("[get_bd_pins memory/aclk]", ""), "pin memory/aclk hangs"),
    (("control/M01_AXI", "control/M02_AXI"), "cell of smartconnect has no interface M02_AXI"),
    (("source [file join $here package_ip.tcl]", ""), "the core is not packaged"),
    (("validate_bd_design", "validate_design"), "invalid command name"),
])
def test_the_interpreter_finds_what_is_wrong(sources, change, said):
    zynq(sources, "pynq-z2", 1)
    done = read(sources, "system_wrapper", change=change)
    assert done.returncode == 1 and said in done.stderr


@pytest.mark.parametrize("state, said", [
    ({"slack": "-0.25"}, "Timing (setup) is missed by 0.25 ns."),
    ({"progress": "30%"}, "Implementation failed."),
])
def test_a_failed_build_is_said(sources, state, said):
    arty(sources)
    done = read(sources, "spikewright_board", **state)
    assert done.returncode == 1 and said in done.stderr
    assert not (sources / "arty-a7-35t.bit").exists()


def test_a_missing_file_is_said(sources):
    arty(sources)
    (sources / "verilog/images/q.mem").unlink()
    assert "no file" in read(sources, "spikewright_board").stderr
