import hashlib
import json
import re
from pathlib import Path

import pytest
from amaranth.back import rtlil

from hw.emit import emit, yosys
from hw.memory import VERILOG
from hw.synapse import Synapse
from ir import plan as plans
from ir.errors import SpikewrightError
from ir.image import Image, images
from ir.planner import build
from ir.scheme import Scheme
from ir.types import IntType
from sim.lint import lint
from tests.hw.bench import link
from tests.networks import random_hardware, random_network


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory):
    network = random_network(3, attention=True, residual=True, pool=True, steps=2)
    plan = build(network, random_hardware(network, 3))
    out = tmp_path_factory.mktemp("emit") / "verilog"
    emit(network, plan, out)
    return network, plan, out


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_twice_the_same_bytes(design, tmp_path: Path) -> None:
    network, plan, out = design
    emit(network, plan, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(out)


def test_manifest_lists_every_file(design) -> None:
    network, plan, out = design
    found = contents(out)
    manifest = json.loads(found.pop("manifest.json"))
    assert set(manifest["files"]) == set(found)
    for name, data in found.items():
        assert manifest["files"][name]["sha256"] == hashlib.sha256(data).hexdigest()
    for name, image in images(network, plan).items():
        assert found[f"images/{image.name}"].decode() == image.text(), name
    fields = manifest["output"]["fields"]
    assert [f["field"] for f in fields] == ["logit", "label", "last"]
    assert manifest["input"]["bits"] == plan.source.width
    assert [s["name"] for s in manifest["stations"]] == [s.name for s in plan.stations]
    assert [p["layer"] for p in manifest["probes"]] == list(plan.probes)


def test_modules_are_readable_and_point_back_to_layers(design) -> None:
    network, plan, out = design
    text = (out / "accelerator.v").read_text()
    modules = re.findall(r"^module (\S+?)\(", text, re.MULTILINE)
    assert {station.name.replace(".", "_") for station in plan.stations} <= set(modules)
    assert not any("\\" in name for name in modules)
    assert len(modules) == len(re.findall(r"^module ", text, re.MULTILINE))
    assert text.count("\n// Layer ") == len(plan.stations)
    assert str(Path.cwd()) not in text
    assert "/tmp" not in text
    for layer in network.layers[1:]:
        assert f"// Layer {layer.name} ({layer.kind}" in text


def test_existing_directories_are_kept(design, tmp_path: Path) -> None:
    network, plan, _ = design
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(SpikewrightError, match="was not written by this command"):
        emit(network, plan, tmp_path / "mine")
    assert contents(tmp_path / "mine") == {"thesis.txt": b"precious"}


def test_no_half_written_output(design, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, plan, _ = design
    monkeypatch.setenv("YOSYS", "no-such-yosys")
    with pytest.raises(SpikewrightError, match="Yosys command 'no-such-yosys' cannot run"):
        emit(network, plan, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_verilator_reads_it(design) -> None:
    found = lint(design[2])
    assert not {"LATCH", "UNOPT", "UNOPTFLAT"} & found.keys()


def _synapse(scheme: str, type: IntType) -> str:
    i, o = link(8, 3, 2, type, "i"), link(4, 2, 2, IntType(-4000, 4000), "o")
    parsed = Scheme.parse(scheme)
    station = plans.Synapse("o", (i,), (o,), parsed, 1, 2, 2)
    name = f"{scheme}_{type.width}_{int(type.signed)}"
    image = Image(name, 6 * parsed.bits, (0,) * 4)
    text = rtlil.convert(Synapse(station, image), name=name, platform=VERILOG, emit_src=False)
    return f"read_rtlil <<rtlil\n{text}\nrtlil\n"


NONE = "select -assert-none t:$mul t:$macc t:$macc_v2 t:$div t:$mod t:$divfloor t:$modfloor t:$pow"


def test_power_of_two_synapses_have_no_multiplier() -> None:
    types = [IntType(0, 1), IntType(0, 3), IntType(-4, 3), IntType(0, 255), IntType(-9, 300)]
    designs = [_synapse(scheme, type) for scheme in ("pot2", "pot3", "pot4") for type in types]
    yosys("".join(designs) + f"proc\nopt_clean\n{NONE}\n")


def test_only_wide_integer_synapses_multiply() -> None:
    narrow = [_synapse(s, t) for s in ("u2", "u8") for t in (IntType(0, 1), IntType(-8, 7))]
    yosys("".join(narrow) + f"proc\nopt_clean\n{NONE}\n")
    with pytest.raises(SpikewrightError):
        yosys(_synapse("u4", IntType(0, 16)) + f"proc\nopt_clean\n{NONE}\n")


def test_no_other_engine_multiplies(design) -> None:
    _, plan, out = design
    wide = {
        s.name.replace(".", "_")
        for s in plan.stations
        if isinstance(s, plans.Synapse) and not s.scheme.power_of_two and s.i.type.width > 4
    }
    text = (out / "accelerator.v").read_text()
    for module in re.split(r"^(?=module )", text, flags=re.MULTILINE)[1:]:
        name = re.match(r"module (\w+)", module)
        assert name is not None
        if name[1] not in wide:
            assert not re.search(r"assign .*= .* [*/%] ", module), name[1]
