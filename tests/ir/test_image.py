from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ir.errors import SpikewrightError
from ir.image import Image, images, layout, pack, restore, shapes, stored, unpack
from ir.plan import Align, Neurons, Synapse
from ir.planner import build
from ir.readout import Classify
from ir.tile import Tile
from ir.types import IntType
from tests.networks import random_hardware, random_network

FIELD = st.builds(IntType.of_width, st.integers(2, 30), signed=st.booleans())


@given(st.lists(FIELD, min_size=1, max_size=9), st.data())
def test_unpack_inverts_pack(fields, data):
    values = [data.draw(st.integers(f.low, f.high)) for f in fields]
    word = pack(values, fields)
    assert 0 <= word < 1 << sum(f.width for f in fields)
    assert unpack(word, fields) == values


def test_first_lane_is_lowest():
    assert pack([1, 0, 0], [IntType(0, 15)] * 3) == 0x001
    assert pack([0, 0, -1], [IntType.of_width(4, signed=True)] * 3) == 0xF00


@pytest.mark.parametrize("value", [-9, 8])
def test_pack_refuses_what_does_not_fit(value):
    with pytest.raises(SpikewrightError, match=rf"Lane 1 holds {value}; allowed are -8\.\.7\."):
        pack([0, value], [IntType(-8, 7)] * 2)


def test_pack_refuses_other_counts():
    with pytest.raises(ValueError, match=r"zip\(\)"):
        pack([1], [IntType(0, 1)] * 2)


@given(st.integers(1, 70), st.data())
def test_parse_inverts_text(width, data):
    words = data.draw(st.lists(st.integers(0, (1 << width) - 1), min_size=1, max_size=8))
    image = Image("a.b", width, tuple(words))
    assert Image.parse("a.b", width, len(words), image.text()) == image
    assert image.name == "a_b.mem"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("2f1\n", "has 1 words; allowed are 2."),
        ("2f1\n005\n000\n", "has 3 words; allowed are 2."),
        ("2f1\n005", "has 1 words"),
        ("2f1\r\n005\r\n", "has '2f1\\r' at address 0"),
        ("2f1\n5\n", "has '5' at address 1; allowed are 3 hexadecimal digits below 2^10."),
        ("2F1\n005\n", "has '2F1' at address 0"),
        ("4ff\n005\n", "has '4ff' at address 0"),
        ("2f1\n0x5\n", "has '0x5' at address 1"),
        ("2f1\n00g\n", "has '00g'"),
        ("2f1\n-05\n", "has '-05'"),
        ("2f1\n0_5\n", "has '0_5'"),
        ("", "has 0 words"),
    ],
)
def test_texts_that_were_never_written_are_refused(text, part, refused):
    with refused(part):
        Image.parse("q", 10, 2, text)


def element(network, station, nf, p, group, s, tap):
    """Weight by the words of Synapse: output nf * pe + p, input group * simd + s, tap (ky, kx)."""
    weight = network[station.layer].weight
    taps = weight.reshape(*weight.shape[:2], -1)
    return int(taps[nf * station.pe + p, group * station.simd + s, tap])


@pytest.mark.parametrize("seed", range(10))
def test_words_hold_what_the_stations_say(seed):
    network = random_network(seed)
    plan = build(network, random_hardware(network, seed))
    written = images(network, plan)
    assert set(written) == {s.name for s in plan.stations if layout(s) is not None}
    for station in plan.stations:
        if layout(station) is None:
            continue
        image = written[station.name]
        assert image.width * len(image.words) == station.memory_bits
        if isinstance(station, Synapse):
            bits, groups = station.scheme.bits, station.synapse_fold // station.kernel**2
            assert image.width == station.pe * station.simd * bits
            for address, word in enumerate(image.words):
                nf, sf = divmod(address, station.synapse_fold)
                tap, group = divmod(sf, groups)
                for p in range(station.pe):
                    for s in range(station.simd):
                        code = word >> (p * station.simd + s) * bits & (1 << bits) - 1
                        assert station.scheme.decode(np.array(code)) == element(
                            network, station, nf, p, group, s, tap
                        )
        elif isinstance(station, Neurons):
            layer = network[station.layer]
            assert len(image.words) == station.groups
            for group, word in enumerate(image.words):
                for p in range(station.o.lanes):
                    channel = group * station.o.lanes + p
                    pair = word >> p * (station.threshold.width + station.bias.width)
                    found = unpack(pair, [station.threshold, station.bias])
                    assert found == [layer.threshold[channel], layer.bias[channel]]
        elif isinstance(station, Align):
            layer = network[station.layer]
            assert len(image.words) == station.groups
            for group, word in enumerate(image.words):
                found = unpack(word, [station.shift] * (2 * station.o.lanes))
                first = group * station.o.lanes
                block = layer.shifts[:, first : first + station.o.lanes]
                assert found == block.T.ravel().tolist()
        else:
            assert isinstance(station, Classify)
            assert [unpack(w, [station.bias])[0] for w in image.words] == network.readout.bias.tolist()


def test_words_of_a_tile_hold_what_its_tables_load():
    network = random_network(3)
    plan = build(network, random_hardware(network, 3, tables=1))
    written, seen = images(network, plan), 0
    for station in plan.stations:
        if not isinstance(station, Tile):
            continue
        layer, words = network[station.layer], written[station.name].words
        taps = layer.weight.reshape(*layer.weight.shape[:2], -1)
        groups = station.synapse_fold // station.kernel**2
        for number in range(station.passes):
            nf, sf = divmod(number, station.synapse_fold)
            tap, group = divmod(sf, groups)
            outputs = slice(nf * station.pe, (nf + 1) * station.pe)
            inputs = slice(group * station.simd, (group + 1) * station.simd)
            codes = station.scheme.encode(taps[outputs, inputs, tap])
            count = station.tables.words
            assert list(words[number * count : (number + 1) * count]) == station.tables.pack(codes)
            seen += 1
    assert seen > 3


@pytest.mark.parametrize("parity", [False, True])
def test_shapes_are_those_of_the_stored_images(parity):
    network = random_network(3)
    plan = build(network, replace(random_hardware(network, 3), parity=parity))
    kept = {name: stored(image, plan) for name, image in images(network, plan).items()}
    assert shapes(plan) == {name: (each.width, len(each.words)) for name, each in kept.items()}
    assert list(shapes(plan)) == [s.name for s in plan.stations if s.name in kept]


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("widths", ["actual", "format"])
def test_restore_inverts_images(seed, widths):
    network = random_network(seed)
    plan = build(network, random_hardware(network, seed, widths=widths, tables=0.3))
    written = images(network, plan)
    blank = {k: replace(v, words=(0,) * len(v.words)) for k, v in written.items()}
    zeros = restore(network, plan, blank)
    for layer in network.layers:
        for noun in layer.arrays:
            assert not getattr(zeros[layer.name], noun).any()
    found = restore(zeros, plan, written)
    for layer in network.layers:
        for noun in layer.arrays:
            assert np.array_equal(getattr(found[layer.name], noun), getattr(layer, noun))
            assert getattr(found[layer.name], noun).dtype == getattr(layer, noun).dtype
    assert images(found, plan) == written


def test_values_beyond_the_fields_of_the_plan_are_refused():
    network = random_network(1)
    plan = build(network, random_hardware(network, 1))
    layers = tuple(
        replace(x, threshold=x.threshold + (1 << 40)) if x.kind == "lif" else x
        for x in network.layers
    )
    with pytest.raises(SpikewrightError, match=r"Lane \d+ holds"):
        images(replace(network, layers=layers), plan)
