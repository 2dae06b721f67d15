"""What FuseSoC and LiteX read; with the tools themselves where they are installed."""

from __future__ import annotations

import runpy
import sys
from types import ModuleType, SimpleNamespace

import pytest
import yaml

from hw.emit import emit
from hw.wrap import BUSES, Wrapper
from tests.buses.subject import subject


@pytest.fixture(scope="module", params=["none", *BUSES])
def emitted(request, tmp_path_factory):
    """Return the directory and manifest of the small network, bare or behind a bus."""
    folder, s = tmp_path_factory.mktemp("flows") / "verilog", subject()
    wrapper = None if request.param == "none" else Wrapper(request.param, 12e6)
    return folder, emit(s.network, s.plan, folder, wrapper)


def test_a_core_file_lists_everything_that_the_top_needs(emitted):
    folder, manifest = emitted
    top = manifest.get("wrapper", manifest)["top"]
    head, _, body = (folder / f"{top}.core").read_text().partition("\n")
    core = yaml.safe_load(body)
    assert head == "CAPI=2:" and core["name"] == f"spikewright::{top}:0.1.0"
    assert {target["toplevel"] for target in core["targets"].values()} == {top}
    rtl, images = core["filesets"]["rtl"], core["filesets"]["images"]
    assert set(rtl["files"]) == {path.name for path in folder.glob("*.v")} >= {f"{top}.v"}
    listed = {path: facts["copyto"] for each in images["files"] for path, facts in each.items()}
    stored = {f"images/{path.name}" for path in (folder / "images").iterdir()}
    assert listed == {path: path for path in stored} and stored


def test_fusesoc_sets_the_core_up(emitted, tmp_path, monkeypatch):
    main = pytest.importorskip("fusesoc.main", reason="FuseSoC is not installed")
    folder, manifest = emitted
    top = manifest.get("wrapper", manifest)["top"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    words = ["--cores-root", str(folder), "run", "--target", "lint", "--setup", f"spikewright::{top}"]
    main.fusesoc(main.parse_args(words))
    assert {path.name for path in tmp_path.rglob("images/*.mem")} == {p.name for p in (folder / "images").iterdir()}


def stand_in(monkeypatch):
    """Put migen and LiteX in the way, as far as the module needs them; return what is recorded."""
    made = {}

    class Wire(str):
        def __getitem__(self, part):
            return Wire(f"{self}[{part.start or 0}:{part.stop}]")

    class Interface:
        def __init__(self, **options):
            made["bus"] = options

        def __getattr__(self, name):
            return Wire(f"bus.{name}")

    def instance(name, **ports):
        made["instance"] = (name, ports)

    modules = {
        "migen": {"C": lambda *a: "C", "Cat": lambda *a: " ".join(a), "Instance": instance}
        | {"ClockSignal": lambda: "clock", "ResetSignal": lambda: "reset"},
        "litex": {}, "litex.soc": {}, "litex.gen": {"LiteXModule": type("LiteXModule", (), {"specials": []})},
        "litex.soc.interconnect": {"wishbone": SimpleNamespace(Interface=Interface)},
    }
    for name, content in modules.items():
        module = ModuleType(name)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return made


class Specials:
    """Takes what migen's ``specials`` take."""

    def __iadd__(self, other):
        return self


def test_a_module_of_litex_joins_every_port(tmp_path, monkeypatch):
    s, sources = subject(), []
    manifest = emit(s.network, s.plan, tmp_path / "verilog", Wrapper("wishbone"))
    made = stand_in(monkeypatch)
    sys.modules["litex.gen"].LiteXModule.specials = Specials()
    module = runpy.run_path(str(tmp_path / "verilog/litex_spikewright.py"))
    platform = SimpleNamespace(add_source=lambda path, language: sources.append(path))
    module["Spikewright"](platform).install(tmp_path)
    name, ports = made["instance"]
    wanted = {f"{p['direction'][0]}_{p['name']}" for p in manifest["wrapper"]["ports"]} | {"i_clk", "i_rst"}
    assert name == "spikewright_wishbone" and set(ports) == wanted
    assert ports["i_wb_dat_i"] == "bus.dat_w" and ports["i_wb_adr_i"] == "C bus.adr[0:14]"
    assert {path.rpartition("/")[2] for path in sources} == {p.name for p in (tmp_path / "verilog").glob("*.v")}
    assert len(list((tmp_path / "images").iterdir())) == len(s.contents)


def test_migen_converts_the_module(tmp_path):
    """With LiteX itself: the instance in its Verilog names our module and its ports."""
    pytest.importorskip("litex", reason="LiteX is not installed")
    verilog = pytest.importorskip("migen.fhdl.verilog")
    s = subject()
    manifest = emit(s.network, s.plan, tmp_path / "verilog", Wrapper("wishbone"))
    module = runpy.run_path(str(tmp_path / "verilog/litex_spikewright.py"))["Spikewright"]()
    text = str(verilog.convert(module))
    assert "spikewright_wishbone" in text
    for port in manifest["wrapper"]["ports"]:
        assert f".{port['name']}(" in text
