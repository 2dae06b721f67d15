"""200 random single-bit flips: what damage to exported files and memory images does and never does."""

from dataclasses import replace

import numpy as np
import pytest

from ir.errors import SpikewrightError
from ir.golden import run
from ir.image import Image, images, layout, restore, unpack
from ir.planner import build
from ir.store import digest, encode, load

FLIPS = 200


def flipped(data, bit):
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def file_flips(directory, seed):
    """Yield (path, original bytes, flipped bytes) of random bits, every file in its turn."""
    rng = np.random.default_rng(seed)
    files = sorted(directory.iterdir())
    assert len(files) == 4
    for n in range(FLIPS):
        path = files[n % 4]
        data = path.read_bytes()
        yield path, data, flipped(data, int(rng.integers(8 * len(data))))


def test_checksums_detect_every_flip_in_a_file(directory):
    for path, data, damaged in file_flips(directory, 0):
        path.write_bytes(damaged)
        with pytest.raises(SpikewrightError) as caught:
            load(directory)
        assert "\n" not in str(caught.value)
        path.write_bytes(data)
    load(directory)


def test_comparing_what_was_unpacked_detects_every_flip_without_checksums(directory, export):
    reference, whole = encode(export), digest(directory)
    unpacked = 0
    for path, data, damaged in file_flips(directory, 1):
        path.write_bytes(damaged)
        try:
            found = load(directory, check=False)
        except SpikewrightError as error:
            assert "\n" not in str(error)
        else:
            unpacked += path.name != "manifest.json"
            same_manifest = path.name != "manifest.json" or digest(directory) == whole
            assert encode(found) != reference or not same_manifest, path.name
        path.write_bytes(data)
    assert unpacked > FLIPS // 10  # flips that only the comparison found


def planned(export, widths):
    hardware = replace(export.hardware, widths=widths)
    plan = build(export.network, hardware)
    return plan, images(export.network, plan)


def test_every_flip_in_the_text_of_an_image_is_detected(export):
    plan, written = planned(export, "actual")
    rng = np.random.default_rng(2)
    names, compared = sorted(written), 0
    for n in range(FLIPS):
        image = written[names[n % len(names)]]
        text = image.text().encode()
        damaged = flipped(text, int(rng.integers(8 * len(text))))
        try:
            read = Image.parse(image.station, image.width, len(image.words), damaged.decode())
        except (SpikewrightError, UnicodeDecodeError):
            continue
        compared += 1
        assert read != image
    assert compared > FLIPS // 10


def image_flips(export, plan, written, seed):
    """Yield (station, images with one flipped bit, address, bit)."""
    rng = np.random.default_rng(seed)
    stations = [s for s in plan.stations if layout(s) is not None]
    for n in range(FLIPS):
        station = stations[n % len(stations)]
        image = written[station.name]
        address, bit = int(rng.integers(len(image.words))), int(rng.integers(image.width))
        words = list(image.words)
        words[address] ^= 1 << bit
        yield station, {**written, station.name: replace(image, words=tuple(words))}, address, bit


def test_flipped_images_run_in_the_golden_model_and_change_one_value(export):
    plan, written = planned(export, "format")
    network, pixels = export.network, export.samples.images[:1]
    before = run(network, pixels)
    changed = differing = minus_zero = 0
    for station, damaged, address, bit in image_flips(export, plan, written, 3):
        found = restore(network, plan, damaged)
        assert found.quantization == network.quantization
        pairs = [
            (layer.name, noun, getattr(layer, noun), getattr(found[layer.name], noun))
            for layer in network.layers
            for noun in layer.arrays
        ]
        places = [(name, noun, int((a != b).sum())) for name, noun, a, b in pairs if (a != b).any()]
        if places:
            ((name, noun, count),) = places
            assert (name, count) == (station.layer, 1)
            changed += 1
        else:  # the sign of a power-of-two zero: the word differs, the weight does not
            assert station.scheme.power_of_two
            width = station.scheme.bits
            assert bit % width == width - 1
            assert unpack(written[station.name].words[address], layout(station)[1])[bit // width] == 0
            minus_zero += 1
        after = run(found, pixels)
        for link in plan.probes.values():
            assert link.type.contains(after.outputs[link.layer]), link.layer
        for layer in network.layers:
            if layer.kind == "lif":
                h = next(s.h for s in plan.stations if s.kind.endswith("neurons") and s.layer == layer.name)
                saturated = layer.neuron.membrane
                low, high = max(h.low, saturated.low), min(h.high, saturated.high)
                assert low <= after.membranes[layer.name].min()
                assert after.membranes[layer.name].max() <= high
        differing += any(not np.array_equal(before.outputs[n], after.outputs[n]) for n in after.outputs)
    assert changed + minus_zero == FLIPS
    assert differing > FLIPS // 10


def test_every_flip_of_a_word_unpacks_to_other_fields(export):
    plan, written = planned(export, "actual")
    for station, damaged, address, _ in image_flips(export, plan, written, 4):
        fields = layout(station)[1]
        before = unpack(written[station.name].words[address], fields)
        after = unpack(damaged[station.name].words[address], fields)
        assert sum(a != b for a, b in zip(before, after, strict=True)) == 1
