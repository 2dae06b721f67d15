import random
import zlib

import pytest

from ir import protocol
from ir.errors import SpikewrightError
from ir.protocol import Code, Damage, Decoder, Frame, Kind, answer, decode, encode, sealed


def frames(seed: int, count: int = 20) -> list[Frame]:
    rng = random.Random(seed)
    special = [0xC0, 0xDB, 0xDC, 0xDD, 0, 255]
    found = []
    for _ in range(count):
        size = rng.choice([0, 1, 4, 33])
        payload = bytes(rng.choice([*special, rng.randrange(256)]) for _ in range(size))
        found.append(Frame(rng.choice(list(Kind)), rng.randrange(256), payload))
    return found


def test_frames_come_back_in_pieces_of_any_size():
    wanted = frames(1)
    data = b"".join(map(encode, wanted))
    for size in (1, 2, 7, len(data)):
        decoder, found = Decoder(), []
        for start in range(0, len(data), size):
            found += decoder.feed(data[start : start + size])
        assert found == wanted


def test_layout_is_the_documented_one():
    content = bytes([1, 9, 3, 0, 0, 0]) + b"abc"
    assert encode(Frame(1, 9, b"abc")) == (
        b"\xc0" + content + zlib.crc32(content).to_bytes(4, "little") + b"\xc0"
    )
    assert encode(Frame(0xC0, 0xDB))[:6].hex(" ") == "c0 db dc db dd 00"


def test_any_delimiter_ends_garbage():
    rng = random.Random(2)
    for _ in range(200):
        garbage = bytes(rng.randrange(256) for _ in range(rng.randrange(30)))
        wanted = Frame(Kind.SAMPLE, 1, bytes(range(200, 230)))
        found = Decoder().feed(garbage + encode(wanted))
        assert found[-1] == wanted
        assert all(isinstance(each, Damage) for each in found[:-1])


def test_every_flipped_bit_and_every_cut_is_seen():
    content = Frame(Kind.WRITE, 200, protocol.write(8, 0xC0DB)).content
    for bit in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        found = decode(bytes(flipped))
        assert isinstance(found, Damage)
        assert found.code == Code.CRC
    for size in range(len(content)):
        assert isinstance(decode(content[:size]), Damage)


@pytest.mark.parametrize(
    "data, wanted",
    [
        (b"", []),
        (b"\xc0\xc0\xc0", []),
        (b"\x01\xc0", [Damage(Code.SHORT, None)]),
        (b"\x01\x02\xc0", [Damage(Code.SHORT, 2)]),
        (b"\xdb\xc0", [Damage(Code.ESCAPE, None)]),
        (b"\x01\x05\xdb\x01\xc0", [Damage(Code.ESCAPE, 5)]),
        (b"\x01\xdb\x01\x07\xc0", [Damage(Code.ESCAPE, 0xDB)]),
        (b"\xc0" + sealed(bytes([1, 5, 2, 0, 0, 0, 9])) + b"\xc0", [Damage(Code.LENGTH, 5)]),
        (b"\xc0" + sealed(bytes([1, 5, 0, 0])) + b"\xc0", [Damage(Code.LENGTH, 5)]),
    ],
)
def test_damage_is_named(data, wanted):
    assert Decoder().feed(data) == wanted


def test_endless_frames_take_bounded_memory():
    decoder = Decoder(limit=16)
    assert decoder.feed(bytes(1000)) == []
    assert decoder.feed([0xC0]) == [Damage(Code.LONG, 0)]
    assert decoder.feed(encode(Frame(2, 3, b"abcdef"))) == [Frame(2, 3, b"abcdef")]


def test_answers():
    assert answer([0x0000_0004]) == protocol.Answer(Code.CRC, 0, ())
    assert answer([200]).code == 200
    assert answer(protocol.words_of(b"\xff\xff\xff\xff\0\0\0\0")).logits == (-1,)


@pytest.mark.parametrize(
    "call, sentence",
    [
        (lambda: encode(Frame(256, 0)), "Frame has type 256; allowed are 0..255."),
        (lambda: encode(Frame(1, -1)), "Frame has sequence number -1; allowed are 0..255."),
        (lambda: protocol.sample([1, 16], 4), "Input word 1 is 16; allowed are 4 bits."),
        (lambda: protocol.read(65536), "Register address is 65536; allowed are 0..65535."),
        (lambda: protocol.write(0, -1), "Register value is -1; allowed are 0..4294967295."),
        (lambda: answer([]), "A result packet has no word; allowed is at least 1."),
        (lambda: protocol.words_of(b"abc"), "A reply has 3 bytes; allowed are multiples of 4."),
    ],
)
def test_refusals(call, sentence):
    with pytest.raises(SpikewrightError) as found:
        call()
    assert str(found.value) == sentence


def test_every_code_has_a_meaning():
    assert list(protocol.MEANINGS) == list(Code)
    assert all(code.meaning for code in Code)
