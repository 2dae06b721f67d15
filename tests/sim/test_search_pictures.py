"""Pictures of a search show what its files say."""

import json

import numpy as np
import pytest

from ir.errors import SpikewrightError
from sim import search_pictures
from sim.drawing import DPI

NAMES = ("fp32", "pot2", "pot4", "u2", "u4")


def pixels(path):
    """Return the colours of a PNG, uint8 (height, width, 3)."""
    from PIL import Image

    with Image.open(path) as image:
        assert round(image.info["dpi"][0]) == DPI
        return np.asarray(image.convert("RGB"))


def share(path, name):
    """Return the share of pixels in the colour of a format."""
    wanted = tuple(bytes.fromhex(search_pictures.color(name)[1:]))
    return float((pixels(path) == wanted).all(2).mean())


def log(layers, winner, epochs=5):
    entries = []
    for epoch in range(1, epochs + 1):
        sure = 0.2 + 0.8 * epoch / epochs
        rest = dict.fromkeys(NAMES, (1 - sure) / 4)
        values = rest | {winner: sure}
        entries.append({"epoch": epoch, "probabilities": dict.fromkeys(layers, values)})
    return entries


def row(network, strength, accuracy, cost, scheme="u2"):
    schemes = {f"block.0.{noun}": scheme for noun in "qkv"} | {"head": "u4"}
    return {
        "network": network,
        "lambda": strength,
        "accuracy": accuracy,
        "bits": 2.5,
        "energy45": cost,
        "storage": 10.0,
        "schemes": schemes,
    }


@pytest.mark.parametrize("count", [1, 3, 18])
@pytest.mark.parametrize("winner", ["pot2", "u4"])
def test_the_likely_format_fills_the_fields(tmp_path, count, winner):
    layers = [f"block.{n}.q" for n in range(count)]
    search_pictures.probabilities(tmp_path / "a.png", log(layers, winner), layers, "x")
    found = {name: share(tmp_path / "a.png", name) for name in NAMES}
    assert found[winner] > 3 * max(found[name] for name in NAMES if name not in (winner, "fp32"))


def test_formats_are_coloured_by_layer(tmp_path):
    rows = [row("lambda-0", 0.0, 0.9, 4.0, "u2"), row("lambda-1", 1.0, 0.8, 2.0, "pot2")]
    search_pictures.formats(tmp_path / "a.png", rows, list(rows[0]["schemes"]))
    u2, pot2, u4 = (share(tmp_path / "a.png", name) for name in ("u2", "pot2", "u4"))
    assert u2 == pytest.approx(pot2, rel=0.1)  # three layers of one network each
    assert u4 == pytest.approx(u2 * 2 / 3, rel=0.15)  # both heads
    assert share(tmp_path / "a.png", "pot4") == 0


def test_colours_differ():
    names = [*NAMES, "pot3", "u3", "u5", "u8", "binary", "ternary"]
    assert len({search_pictures.color(name) for name in names}) == len(names)


def test_a_run_is_drawn_whole(tmp_path):
    rows = [row("lambda-0", 0.0, 0.9, 4.0), row("u4", None, 0.7, 3.0), row("fp32", None, None, 9.0)]
    rows[1]["luts"] = None
    sweep = {"rows": rows, "units": {"energy45": "pJ", "luts": "LUT"}}
    sweep["layers"] = list(rows[0]["schemes"])
    (tmp_path / "sweep.json").write_text(json.dumps(sweep))
    (tmp_path / "lambda-0").mkdir()
    lines = "".join(json.dumps(entry) + "\n" for entry in log(rows[0]["schemes"], "u2"))
    (tmp_path / "lambda-0" / "search.jsonl").write_text(lines)
    paths = search_pictures.draw(tmp_path, tmp_path / "pictures")
    names = ["probabilities-lambda-0", "accuracy-energy45", "accuracy-luts", "formats"]
    assert [path.stem for path in paths] == names
    assert all(pixels(path).size for path in paths)
    before = [path.read_bytes() for path in paths]
    again = search_pictures.draw(tmp_path, tmp_path / "pictures")
    assert [path.read_bytes() for path in again] == before


def test_untrained_networks_and_missing_files(tmp_path):
    rows = [row("lambda-0", 0.0, None, 4.0)]
    with pytest.raises(SpikewrightError, match=r"sweep\.json"):
        search_pictures.draw(tmp_path, tmp_path)
    (tmp_path / "sweep.json").write_text(
        json.dumps({"rows": rows, "units": {"energy45": "pJ"}, "layers": ["head"]})
    )
    with pytest.raises(SpikewrightError, match=r"search\.jsonl"):
        search_pictures.draw(tmp_path, tmp_path)
    (tmp_path / "lambda-0").mkdir()
    (tmp_path / "lambda-0" / "search.jsonl").write_text(json.dumps(log(["head"], "u2")[0]))
    found = search_pictures.draw(tmp_path, tmp_path)
    assert [path.stem for path in found] == ["probabilities-lambda-0", "formats"]
