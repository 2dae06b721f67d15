"""Frames, good and spoiled in every way, and what must come back."""

from __future__ import annotations

import random

from ir import protocol
from ir.protocol import Code, Damage, Decoder, Frame, Kind, encode, sealed
from tests.buses.subject import subject


def sample(words, sequence):
    return Frame(Kind.SAMPLE, sequence, protocol.sample(words, 6))


def reply(frame):
    """Return a reply as (sequence, what it says)."""
    assert isinstance(frame, Frame)
    if frame.kind == Kind.RESULT:
        return frame.sequence, protocol.answer(protocol.words_of(frame.payload))
    (word,) = protocol.words_of(frame.payload)
    if frame.kind == Kind.ERROR:
        return frame.sequence, Code(word)
    assert frame.kind == Kind.VALUE
    return frame.sequence, word


def expected(data):
    """Return what the hardware says to bytes that hold no intact sample."""
    sizes = {Kind.SAMPLE: 8, Kind.READ: 2, Kind.WRITE: 6}
    found = []
    for each in Decoder().feed(data):
        if isinstance(each, Damage):
            found.append((each.sequence or 0, each.code))
        elif each.kind not in set(sizes):
            found.append((each.sequence, Code.TYPE))
        elif len(each.payload) != sizes[each.kind]:
            found.append((each.sequence, Code.LENGTH))
        else:
            found.append(each)
    return found


def bad_frames(rng):
    """Return bytes of frames, each of them wrong in some way, and garbage."""
    s = subject()
    whole = sample(s.samples(rng.randrange(99), 1)[0], rng.randrange(256))
    content = whole.content
    flipped = bytearray(content)
    flipped[rng.randrange(2, len(content))] ^= 1 << rng.randrange(8)
    longer = bytes([whole.kind, whole.sequence, 8, 0, 0, 0]) + bytes(rng.randrange(9, 14))
    shorter = bytes([whole.kind, whole.sequence, 8, 0, 0, 0]) + bytes(rng.randrange(8))
    kinds = [
        protocol.delimited(bytes(flipped)),
        protocol.delimited(content[: rng.randrange(1, len(content))]),
        protocol.delimited(content + bytes([rng.randrange(256)])),
        protocol.delimited(sealed(longer)),
        protocol.delimited(sealed(shorter)),
        encode(Frame(Kind.SAMPLE, 9, bytes(rng.choice([0, 7, 9, 300])))),
        encode(Frame(Kind.READ, 10, bytes(rng.choice([0, 1, 3, 6])))),
        encode(Frame(Kind.WRITE, 11, bytes(rng.choice([0, 5, 7])))),
        encode(Frame(rng.choice([0, 4, 0x80, 0x81, 0xFF]), 12, bytes(rng.randrange(9)))),
        # Many short frames at once may overrun a line; that is a test of its own.
        bytes((rng.randrange(255) + 0xC1) % 256 for _ in range(rng.randrange(40))) + b"\xc0",
        b"\xc0\x01\xdb\xc0",
        b"\xc0\xc0",
    ]
    return rng.choice(kinds)


def spoiled(seed, count):
    """Return pieces of bytes, each second an exact sample, and all replies."""
    rng = random.Random(seed)
    s = subject()
    pieces, wanted = [], []
    for n in range(count):
        data = bad_frames(rng)
        pieces.append(data)
        wanted += expected(data)
        words = s.samples(seed * 100 + n, 1)[0]
        pieces.append(encode(sample(words, n % 256)))
        wanted.append((n % 256, s.answers(seed * 100 + n, 1)[0]))
    return pieces, wanted


def check(found, wanted):
    """Refuse replies that are not those wanted.

    Answers of samples keep their order; refusals of what never was one may overtake them.
    """
    assert sorted(map(repr, found)) == sorted(map(repr, wanted))
    order = [each for each in found if not isinstance(each[1], int)]
    assert order == [each for each in wanted if not isinstance(each[1], int)]
