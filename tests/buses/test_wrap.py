import json
import re
from pathlib import Path

import pytest

from hw.emit import emit
from hw.wrap import BUSES, Wrapper
from ir import register_text
from ir.errors import SpikewrightError
from ir.manifest import verify
from ir.registers import registers
from tests.buses.subject import subject

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    s = subject()
    out = tmp_path_factory.mktemp("alone") / "verilog"
    emit(s.network, s.plan, out)
    return out


SLOW = [pytest.param(bus, marks=pytest.mark.slow) for bus in BUSES if bus != "axi"]


@pytest.mark.parametrize("bus", ["axi", *SLOW])
def test_everything_is_listed_and_the_core_is_the_same(bus, alone, tmp_path):
    s, out = subject(), tmp_path / "verilog"
    wrapper = Wrapper(bus, 25e6, spikes=False)
    emit(s.network, s.plan, out, wrapper)
    verify(out)
    manifest = json.loads((out / "manifest.json").read_text())
    found = manifest["wrapper"]
    assert {found["file"], "registers.md", "registers.h", "registers.py"} <= set(manifest["files"])
    assert manifest["top"] == "accelerator"
    assert (out / "accelerator.v").read_text() == (alone / "accelerator.v").read_text()
    text = (out / found["file"]).read_text()
    head = re.search(rf"^module {found['top']}\((.*?)\);", text, re.MULTILINE | re.DOTALL)
    assert head is not None
    ports = {name.strip() for name in head[1].split(",")}
    assert ports == {"clk", "rst", *(port["name"] for port in found["ports"])}
    assert "\n//   0x000 r  MAGIC" in text and text.count("accelerator accelerator (") == 1
    names = re.findall(r"^module (\S+?)\s*\(", text, re.MULTILINE)
    assert all(name.lstrip("\\").startswith(found["top"]) for name in names)


@pytest.mark.parametrize(
    "given, said",
    [
        (("usb",), "Wrapper is 'usb'; allowed are none, axi, wishbone, uart, spi."),
        (("uart",), "Wrapper uart has no clock; it needs one to time its bits."),
        (
            ("uart", 12e6, 5000000),
            "UART has 5000000 baud at a clock of 12000000 Hz; allowed are rates",
        ),
    ],
)
def test_refusals(given, said):
    with pytest.raises(SpikewrightError) as found:
        Wrapper(*given)
    assert str(found.value).startswith(said)


def test_the_documented_map_is_that_of_the_code():
    s = subject()
    rows = register_text.markdown(registers(s.plan, s.digest, window=True)).splitlines()
    page = (ROOT / "docs" / "HOST.md").read_text().splitlines()
    assert not [row for row in rows if row.startswith("|") and row not in page]
