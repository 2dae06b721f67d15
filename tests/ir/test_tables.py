import numpy as np
import pytest

from ir.errors import SpikewrightError
from ir.scheme import Scheme
from ir.tables import Tables
from tests.networks import SCHEMES, SIGNS

SHAPES = [(1, 1, 1), (3, 5, 1), (3, 17, 4), (8, 64, 8), (4, 9, 100), (5, 6, 3)]


@pytest.mark.parametrize("name", [*SCHEMES, *SIGNS])
def test_entries_take_no_bit_for_illegal_codes(name):
    tables = Tables(Scheme.parse(name), 2, 8)
    legal = tables.scheme.levels
    assert tables.entry_width == int(4 * (legal.max() - legal.min())).bit_length()
    every = np.arange(1 << tables.scheme.bits)
    for code in every:
        entries = tables.entries(np.full((2, 8), code))
        assert entries.min() >= 0 and entries.max() <= tables.entry.high


@pytest.mark.parametrize("pe, simd, loaders", SHAPES)
def test_words_hold_every_code_once(pe, simd, loaders):
    tables = Tables(Scheme.parse("u4"), pe, simd, 4, loaders)
    order = tables.order()
    assert order.shape == (tables.words, loaders, 4)
    assert sorted(order[order >= 0].tolist()) == list(range(pe * simd))
    codes = np.random.default_rng(0).integers(0, 16, (pe, simd))
    words = tables.pack(codes)
    assert len(words) == tables.words
    assert max(words) >> tables.word_width == 0
    found = [[w >> (4 * k) & 15 for k in range(4 * loaders)] for w in words]
    flat = np.array(found).reshape(order.shape)
    assert (flat[order >= 0] == codes.reshape(-1)[order[order >= 0]]).all()
    assert (flat[order < 0] == 0).all()


@pytest.mark.parametrize("pe, simd, loaders", SHAPES)
def test_each_table_has_one_word_and_one_loader(pe, simd, loaders):
    tables = Tables(Scheme.parse("u2"), pe, simd, 4, loaders)
    for n in range(tables.count):
        held = tables.order()[n // loaders, n % loaders]
        assert (held[held >= 0] // simd == n % pe).all()
        assert (held[held >= 0] % simd // 4 == n // pe).all()


@pytest.mark.parametrize("name", [*SCHEMES, *SIGNS])
def test_sums_are_those_of_the_weights(name):
    tables = Tables(Scheme.parse(name), 3, 11, arity=3)
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 1 << tables.scheme.bits, (3, 11))
    spikes = rng.integers(0, 2, (40, 11))
    wanted = spikes @ tables.scheme.decode(codes).T
    sums = tables.sums(codes, spikes)
    assert (sums + tables.offset == wanted).all()
    assert sums.min() >= 0 and sums.max() <= tables.sum_type.high
    padded = np.pad(spikes, ((0, 0), (0, 1))).reshape(40, 3, 4)
    address = (padded << np.arange(4)).sum(2)
    looked = tables.entries(codes)[np.arange(3), :, address]
    assert (looked.sum(1) == sums).all()


@pytest.mark.parametrize(
    "groups, arity, levels",
    [(1, 2, 0), (2, 2, 1), (16, 2, 4), (17, 2, 5), (3, 3, 1), (4, 3, 2), (27, 3, 3), (28, 3, 4)],
)
def test_levels(groups, arity, levels):
    tables = Tables(Scheme.parse("u4"), 1, 4 * groups, arity=arity)
    assert tables.levels == levels
    assert tables.latency == levels + 1


def test_load_cycles():
    assert Tables(Scheme.parse("u4"), 8, 64, 4, 8).load_cycles == 16 * 16 + 6
    assert Tables(Scheme.parse("u4"), 8, 64, 4, 128).load_cycles == 16 + 6
    assert Tables(Scheme.parse("u4"), 3, 5, 4, 4).load_cycles == 2 * 16 + 6
    assert Tables(Scheme.parse("u4"), 3, 5, 2, 4).load_cycles == 3 * 4 + 6


@pytest.mark.parametrize(
    "options", [{"pe": 0}, {"simd": 0}, {"group": 7}, {"loaders": 0}, {"banks": 3}, {"arity": 4}]
)
def test_numbers_out_of_range_are_refused(options):
    name = next(iter(options))
    with pytest.raises(SpikewrightError, match=f"cannot have {name}"):
        Tables(**{"scheme": Scheme.parse("u4"), "pe": 2, "simd": 4, **options})


def test_wrong_codes_are_refused():
    tables = Tables(Scheme.parse("u2"), 2, 3)
    with pytest.raises(SpikewrightError, match="2 x 3 weights was given"):
        tables.pack(np.zeros((3, 2), int))
    for code in (-1, 4):
        with pytest.raises(SpikewrightError, match="must lie in 0 to 3"):
            tables.pack(np.full((2, 3), code))
