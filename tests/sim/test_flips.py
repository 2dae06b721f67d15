"""Random single-bit flips in memory images: detected, and executed exactly as the golden model says."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from hw.emit import emit
from ir import golden
from ir.errors import SpikewrightError
from ir.fold import Hardware
from ir.image import Image, images, layout, restore
from ir.manifest import verify
from ir.planner import build
from ir.schedule import schedule
from ir.sizing import fit
from sim.cosimulate import cosimulate
from tests.networks import digits_network, random_images


@pytest.fixture(scope="module")
def emitted(tmp_path_factory):
    """Return (folder, network, plan, images); widths allow any content of the memories."""
    folder = tmp_path_factory.mktemp("flips")
    network = digits_network(3, width=4, heads=1, steps=2)
    plan = fit(build(network, Hardware(96, 2, widths="format")))
    emit(network, plan, folder / "verilog")
    return folder, network, plan, random_images(network, 4, 4)


def flips(plan, contents, count, seed):
    """Yield (station, content) with one random bit of one random image flipped."""
    rng = np.random.default_rng(seed)
    names = sorted(contents)
    for _ in range(count):
        found = contents[names[rng.integers(len(names))]]
        words = list(found.words)
        words[rng.integers(len(words))] ^= 1 << int(rng.integers(found.width))
        yield Image(found.station, found.width, tuple(words))


def check_flip(emitted, builds, changed):
    folder, network, plan, pixels = emitted
    contents = images(network, plan)
    damaged = folder / "damaged"
    shutil.rmtree(damaged, ignore_errors=True)
    shutil.copytree(folder / "verilog", damaged)
    file = damaged / "images" / changed.name
    file.write_text(changed.text())

    with pytest.raises(SpikewrightError, match="does not match its checksum"):
        verify(damaged)

    station = next(s for s in plan.stations if s.name == changed.station)
    depth, _ = layout(station)
    unpacked = Image.parse(changed.station, changed.width, depth, file.read_text())
    assert unpacked != contents[changed.station]

    other = restore(network, plan, contents | {changed.station: unpacked})
    result = cosimulate(
        damaged,
        plan,
        network,
        pixels,
        build_dir=builds,
        shards=1,
        schedule=schedule(plan),
        golden_model=lambda batch: golden.run(other, batch),
        checksums=False,
    )
    assert result.mismatches == 0, (changed.station, result.first_difference)
    assert result.cycles_as_predicted
    return golden.run(other, pixels), golden.run(network, pixels)


def test_the_undamaged_directory_passes(emitted):
    verify(emitted[0] / "verilog")


def test_a_damaged_directory_is_refused(emitted, builds):
    folder, network, plan, pixels = emitted
    shutil.copytree(folder / "verilog", folder / "refused")
    file = folder / "refused" / "images" / next(iter(images(network, plan).values())).name
    text = file.read_text()
    file.write_text(("0" if text[0] != "0" else "1") + text[1:])
    with pytest.raises(SpikewrightError, match="does not match its checksum"):
        cosimulate(folder / "refused", plan, network, pixels, build_dir=builds)


@pytest.mark.parametrize("count", [8, pytest.param(200, marks=pytest.mark.slow)])
def test_rtl_with_a_flipped_image_equals_the_golden_model_of_the_flipped_array(
    emitted, builds, count
):
    _, network, plan, _ = emitted
    differing = 0
    for changed in flips(plan, images(network, plan), count, seed=count):
        after, before = check_flip(emitted, builds, changed)
        same = all(np.array_equal(after.outputs[n], before.outputs[n]) for n in after.outputs)
        differing += not same
    assert differing > count // 5  # most flips are seen by some layer
