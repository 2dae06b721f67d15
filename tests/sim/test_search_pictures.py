"""Pictures of a search show what its files say."""

import json

import numpy as np
import pytest

from ir.errors import SpikewrightError
from sim import search_pictures, weight_pictures
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
        "parts": {"energy45": {"attention": 3 * cost, "head": cost}, "storage": {"head": 8192.0}},
    }


def spread(scheme, levels, sparse):
    """Return what a layer's weights were, and what they became."""
    edges = np.linspace(-1.5, 1.5, 62) * max(levels)
    after = [1000 * sparse if level == 0 else 100 for level in levels]
    zeros = {"before": 0.0, "after": sparse}
    return {
        "scheme": scheme,
        "edges": edges.tolist(),
        "before": np.exp(-(np.linspace(-3, 3, 61) ** 2)).tolist(),
        "levels": levels,
        "after": after,
        "sparsity": zeros,
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


def measure(place, luts, cycles):
    """Write what synthesis and simulation leave beside a network."""
    resources = {"ecp5": {"total": {"lut": luts}}}
    for noun, content in (
        ("synthesis", {"resources": resources}),
        ("cosim", {"cycles": {"measured": cycles}}),
    ):
        (place / noun).mkdir(parents=True)
        (place / noun / f"{noun}.json").write_text(json.dumps(content))


def test_measured_networks_need_both_files(tmp_path):
    searched, plain = row("lambda-0", 0.0, 0.9, 4.0), row("u4", None, 0.7, 3.0)
    assert search_pictures.measured(tmp_path, searched) is None
    measure(tmp_path / "lambda-0", 900, 70)
    found = search_pictures.measured(tmp_path, searched)
    assert found == {"fabric": "ecp5", "measured_luts": 900, "measured_cycles": 70}
    measure(tmp_path / "baselines" / "u4", 1000, 90)
    (tmp_path / "baselines" / "u4" / "cosim" / "cosim.json").unlink()
    assert search_pictures.measured(tmp_path, plain) is None


def test_networks_that_are_beaten_are_open(tmp_path):
    """A point that another beats in all three is no longer filled."""
    common = {"fabric": "ecp5", "measured_luts": 500, "measured_cycles": 80}
    rows = [row("lambda-0", 0.0, 0.9, 4.0) | common, row("u4", None, 0.8, 4.0) | common]
    rows[1]["measured_luts"] = 400
    search_pictures.built(tmp_path / "none.png", rows)
    rows[1]["measured_luts"] = 600
    search_pictures.built(tmp_path / "one.png", rows)
    none, one = (dark(tmp_path / name) for name in ("none.png", "one.png"))
    assert one < none


def dark(path):
    """Return the number of pixels that are bluer than white paper and grey ink are."""
    red, _, blue = pixels(path).astype(int).transpose(2, 0, 1)
    return int((blue - red > 10).sum())


def test_histograms_say_how_many_weights_are_zero(tmp_path):
    wide = {"a": spread("pot4", [-64, -4, 0, 4, 64], 0.1), "b": spread("u2", [-1, 0, 1], 0.9)}
    weight_pictures.histograms(tmp_path / "a.png", wide, "x")
    assert min(share(tmp_path / "a.png", name) for name in ("pot4", "u2")) > 0
    assert share(tmp_path / "a.png", "u8") == 0


def test_parts_are_drawn_by_their_share(tmp_path):
    weight_pictures.parts(
        tmp_path / "a.png", [row("u4", None, 0.7, 3.0)], {"energy45": "pJ", "storage": "bit"}
    )
    found = pixels(tmp_path / "a.png")

    def area(shade):
        return int((found == tuple(bytes.fromhex(shade[1:]))).all(2).sum())

    attention, head = area(weight_pictures.ORANGE), area(weight_pictures.PINK)
    # Energy is three quarters attention and one quarter head; storage is all head.
    assert attention / head == pytest.approx(0.75 / 1.25, rel=0.15)


def test_bits_of_the_projections(tmp_path):
    schemes = {f"block.{b}.{noun}": "u2" for b in (0, 1) for noun in ("q", "k", "v", "proj")}
    rows = [row("lambda-0", 0.0, 0.9, 4.0) | {"schemes": schemes | {"block.1.proj": "pot4"}}]
    weight_pictures.projections(tmp_path / "a.png", rows)
    u2, pot4 = (share(tmp_path / "a.png", name) for name in ("u2", "pot4"))
    assert u2 / pot4 == pytest.approx(7 * 2 / 4, rel=0.3)  # seven bars of 2 bits, one of 4


def test_a_run_is_drawn_whole(tmp_path):
    rows = [row("lambda-0", 0.0, 0.9, 4.0), row("u4", None, 0.7, 3.0), row("fp32", None, None, 9.0)]
    rows[1]["luts"] = None
    sweep = {"rows": rows, "units": {"energy45": "pJ", "storage": "bit", "luts": "LUT"}}
    sweep["layers"] = list(rows[0]["schemes"])
    (tmp_path / "sweep.json").write_text(json.dumps(sweep))
    (tmp_path / "lambda-0").mkdir()
    lines = "".join(json.dumps(entry) + "\n" for entry in log(rows[0]["schemes"], "u2"))
    (tmp_path / "lambda-0" / "search.jsonl").write_text(lines)
    layers = {name: spread("u2", [-1, 0, 1], 0.4) for name in rows[0]["schemes"]}
    (tmp_path / "lambda-0" / "weights.json").write_text(json.dumps(layers))
    measure(tmp_path / "lambda-0", 900, 70)
    measure(tmp_path / "baselines" / "u4", 1000, 90)
    paths = search_pictures.draw(tmp_path, tmp_path / "pictures")
    names = ["probabilities-lambda-0", "weights-lambda-0", "accuracy-energy45", "accuracy-storage"]
    names += ["accuracy-luts", "accuracy-luts-cycles", "formats", "parts"]
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
        json.dumps(
            {"rows": rows, "units": {"energy45": "pJ", "storage": "bit"}, "layers": ["head"]}
        )
    )
    with pytest.raises(SpikewrightError, match=r"search\.jsonl"):
        search_pictures.draw(tmp_path, tmp_path)
    (tmp_path / "lambda-0").mkdir()
    (tmp_path / "lambda-0" / "search.jsonl").write_text(json.dumps(log(["head"], "u2")[0]))
    found = search_pictures.draw(tmp_path, tmp_path)
    assert [path.stem for path in found] == ["probabilities-lambda-0", "formats", "parts"]
