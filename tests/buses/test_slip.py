import random

import pytest

from hw.slip import TOKEN, Escape, Unescape
from ir.protocol import END, ESCAPE, Code, Damage, Decoder, delimited
from tests.hw.bench import STALLS, run

SPECIAL = [0xC0, 0xDB, 0xDC, 0xDD, 0, 1]


def contents(seed, count=12):
    rng = random.Random(seed)
    return [bytes(rng.choice(SPECIAL) for _ in range(rng.randrange(1, 9))) for _ in range(count)]


def escaped(frames, **stalls):
    dut = Escape()
    dut.inputs, dut.outputs = [dut.i], [dut.o]
    feed = [token for each in frames for token in [*each, 256]]
    wanted = b"".join(map(delimited, frames))
    return bytes(run(dut, [feed], [len(wanted)], **stalls).words[0]), wanted


def unescaped(data, codes=None, **stalls):
    """Return the tokens, as (data or None, code), of bytes with codes."""
    dut = Unescape()
    dut.inputs, dut.outputs = [dut.i], [dut.o]
    codes = codes or [0] * len(data)
    feed = [byte | code << 8 for byte, code in zip(data, codes, strict=True)]
    count = sum(1 for _ in tokens(data, codes))
    words = [TOKEN.from_bits(word) for word in run(dut, [feed], [count], **stalls).words[0]]
    return [(None if word.end else word.data, word.code) for word in words]


def tokens(data, codes):
    """Yield what the bytes mean, with the first code of each token's bytes but for its own."""
    escape, pending = False, 0
    for byte, code in zip(data, codes, strict=True):
        if byte == ESCAPE and not escape:
            escape, pending = True, code
            continue
        wrong = escape and byte not in (0xDC, 0xDD)
        value = {0xDC: END, 0xDD: ESCAPE}.get(byte, ESCAPE) if escape else byte
        yield None if byte == END else value, code or pending or (Code.ESCAPE if wrong else 0)
        escape, pending = False, 0


@pytest.mark.parametrize("stall", STALLS.values(), ids=STALLS)
def test_escape_is_its_twin(stall):
    found, wanted = escaped(contents(1), stall_i=stall, stall_o=stall[::-1])
    assert found == wanted


@pytest.mark.parametrize("stall", STALLS.values(), ids=STALLS)
def test_unescape_takes_it_back(stall):
    frames = contents(2)
    found = unescaped(b"".join(map(delimited, frames)), stall_i=stall, stall_o=stall[::-1])
    text = [(byte, 0) for each in frames for byte in [None, *each, None]]
    assert found == text


@pytest.mark.parametrize("seed", range(3))
def test_garbage_and_codes(seed):
    rng = random.Random(seed)
    data = [rng.choice(SPECIAL) for _ in range(200)] + [END]
    codes = [rng.choice([0, 0, 0, 0, 9]) for _ in data]
    found = unescaped(data, codes)
    wanted = list(tokens(data, codes))
    assert [t if t[0] is None else (t[0], t[1]) for t in found] == wanted


def test_wrong_escapes_are_what_the_decoder_refuses():
    rng = random.Random(7)
    data = [rng.choice([1, 2, 0xDB, 0xDC, 0xC0]) for _ in range(300)] + [END]
    found = unescaped(data)
    bad, codes = [], set()
    for byte, code in found:
        codes.add(code)
        if byte is None:
            bad.append(Code.ESCAPE in codes)
            codes = set()
    refused = Decoder().feed(data)
    assert sum(bad) == sum(each.code == Code.ESCAPE for each in refused if isinstance(each, Damage))
    assert sum(bad) > 10
