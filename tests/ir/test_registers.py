import shutil
import subprocess

import pytest

from ir import register_text
from ir.errors import SpikewrightError
from ir.planner import build
from ir.protocol import Code
from ir.registers import MAGIC, registers, spiking
from tests.networks import random_hardware, random_network


@pytest.fixture(scope="module")
def plan():
    network = random_network(3, attention=True, residual=True, pool=True, steps=2)
    return build(network, random_hardware(network, 3))


def test_addresses_are_words_in_ascending_order(plan):
    for options in ({}, {"window": True}, {"spikes": False}):
        found = registers(plan, "89abcdef00", **options)
        addresses = [each.address for each in found]
        assert addresses == sorted(set(addresses))
        assert all(address % 4 == 0 for address in addresses)
        assert len({each.name for each in found}) == len(found)


def test_constants_are_those_of_the_plan(plan):
    found = {each.name: each for each in registers(plan, "89abcdef00")}
    assert MAGIC.to_bytes(4, "big") == b"SPKW"
    values = {name: each.reset for name, each in found.items() if each.constant}
    assert values == {
        "MAGIC": MAGIC,
        "VERSION": 1,
        "NETWORK": 0x89ABCDEF,
        "INPUT_WORDS": plan.source.words,
        "INPUT_BITS": plan.source.width,
        "CLASSES": plan.sink.words,
        "LAYERS": len(spiking(plan)),
    }
    for n, layer in enumerate(spiking(plan)):
        assert layer in found[f"SPIKES_{n}"].description
    assert not set(spiking(plan)) - set(plan.probes)


def test_fields_do_not_overlap(plan):
    for each in registers(plan, "0" * 8, window=True):
        taken = 0
        for field in each.fields:
            assert not taken & field.mask and field.mask < 1 << 32
            taken |= field.mask


def test_all_texts_say_the_same(plan, tmp_path):
    found = registers(plan, "89abcdef", window=True)
    module: dict[str, object] = {}
    exec(register_text.python(found), module)
    page, notes = register_text.markdown(found), "\n".join(register_text.comments(found))
    for each in found:
        assert module[each.name] == each.address
        assert f"| 0x{each.address:03x} | {each.name} |" in page
        assert f"0x{each.address:03x} {each.access:2} {each.name}" in notes
        for field in each.fields:
            assert module[f"{each.name}_{field.name}_MASK"] == field.mask
    assert module["CODE_CRC"] == Code.CRC
    checks = "".join(
        f'_Static_assert(SPIKEWRIGHT_{name} == {value}u, "{name}");\n'
        for name, value in module.items()
        if name.isupper() and isinstance(value, int)
    )
    header = register_text.c_header(found)
    compiler = shutil.which("gcc")
    if compiler:
        (tmp_path / "registers.h").write_text(header)
        (tmp_path / "check.c").write_text(
            f'#include "registers.h"\n#include "registers.h"\n{checks}'
        )
        command = [compiler, "-std=c11", "-Wall", "-Werror", "-fsyntax-only", "check.c"]
        subprocess.run(command, cwd=tmp_path, check=True)
    for text in (page, header, register_text.python(found)):
        assert all(line == line.rstrip() for line in text.splitlines())


def test_too_many_layers(plan, monkeypatch):
    monkeypatch.setattr("ir.registers.spiking", lambda plan: dict.fromkeys(map(str, range(20000))))
    with pytest.raises(SpikewrightError, match="has 20000 layers of neurons; allowed are 16320"):
        registers(plan, "0" * 8)
