"""The framed byte protocol between a host and a board, and the codes with which a board refuses.

A frame is a run of bytes between two SLIP delimiters (RFC 1055), so any delimiter ends whatever
garbage came before it. Escapes removed, it holds, least significant byte first:

====================  ======  ======================================================
field                 bytes   meaning
====================  ======  ======================================================
type                  1       :class:`Kind`
sequence              1       chosen by the host; the reply has the same
length                4       bytes of the payload
payload               length
CRC                   4       CRC-32 of all bytes before it, as zlib computes it
====================  ======  ======================================================

Every frame has one reply; frames between two delimiters that hold no byte at all have none.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from ir.errors import SpikewrightError

END, ESCAPE, ESCAPED_END, ESCAPED_ESCAPE = 0xC0, 0xDB, 0xDC, 0xDD
"""Special bytes of SLIP."""

HEADER, CHECK = 6, 4
"""Bytes of a frame before its payload, and behind it."""


class Kind(IntEnum):
    """What a frame is; replies have the highest bit set."""

    SAMPLE = 0x01
    READ = 0x02
    WRITE = 0x03
    RESULT = 0x81
    VALUE = 0x82
    ERROR = 0xFF


class Code(IntEnum):
    """Why a packet, a frame or a register access was refused."""

    OK = 0
    SHORT = 1
    LONG = 2
    RANGE = 3
    CRC = 4
    LENGTH = 5
    TYPE = 6
    ADDRESS = 7
    READ_ONLY = 8
    OVERRUN = 9
    FRAMING = 10
    ESCAPE = 11
    RESET = 12
    FULL = 13
    EMPTY = 14
    BUSY = 15

    @property
    def meaning(self) -> str:
        """What happened, as half a sentence."""
        return MEANINGS[self]


MEANINGS = {
    Code.OK: "nothing is wrong",
    Code.SHORT: "the frame or sample ended too early",
    Code.LONG: "the frame or sample went on for too long",
    Code.RANGE: "an input element lies outside the network's input range",
    Code.CRC: "the checksum does not match",
    Code.LENGTH: "the frame announces a length that its type does not have",
    Code.TYPE: "the type of the frame is unknown",
    Code.ADDRESS: "there is no register at this address",
    Code.READ_ONLY: "the register cannot be written",
    Code.OVERRUN: "bytes came faster than they were taken, and some were lost",
    Code.FRAMING: "a byte had no stop bit",
    Code.ESCAPE: "an escape is followed by a byte that cannot be escaped",
    Code.RESET: "a reset came while the answer was under way",
    Code.FULL: "the input has no room",
    Code.EMPTY: "the output holds nothing",
    Code.BUSY: "samples are under way, or memories are being reloaded",
}


@dataclass(frozen=True)
class Frame:
    """One intact frame.

    Parameters
    ----------
    kind : int
        A :class:`Kind`, or any other byte.
    sequence : int
        0..255.
    payload : bytes
    """

    kind: int
    sequence: int
    payload: bytes = b""

    @property
    def content(self) -> bytes:
        """The bytes between the delimiters, without escapes."""
        head = bytes([self.kind, self.sequence]) + len(self.payload).to_bytes(4, "little")
        return sealed(head + self.payload)


@dataclass(frozen=True)
class Damage:
    """A frame that cannot be used.

    Parameters
    ----------
    code : Code
    sequence : int or None
        Sequence number that it seems to have, if it is that long.
    """

    code: Code
    sequence: int | None


def sealed(data: bytes) -> bytes:
    """Return ``data`` with its CRC behind it.

    Examples
    --------
    >>> sealed(b"123456789")[9:].hex()
    '2639f4cb'
    """
    return data + zlib.crc32(data).to_bytes(CHECK, "little")


def delimited(content: bytes) -> bytes:
    """Return ``content`` with its special bytes escaped, between two delimiters.

    Examples
    --------
    >>> delimited(bytes([1, 0xC0, 0xDB])).hex(" ")
    'c0 01 db dc db dd c0'
    """
    escaped = content.replace(bytes([ESCAPE]), bytes([ESCAPE, ESCAPED_ESCAPE]))
    escaped = escaped.replace(bytes([END]), bytes([ESCAPE, ESCAPED_END]))
    return bytes([END]) + escaped + bytes([END])


def encode(frame: Frame) -> bytes:
    """Return the bytes of a frame on the line.

    Raises
    ------
    SpikewrightError
        If type or sequence do not fit a byte.
    """
    for noun, value in (("type", frame.kind), ("sequence number", frame.sequence)):
        if not 0 <= value <= 255:
            raise SpikewrightError(f"Frame has {noun} {value}; allowed are 0..255.")
    return delimited(frame.content)


class Decoder:
    """Finds frames in bytes that come piece by piece, garbage among them.

    Parameters
    ----------
    limit : int
        Longest content of a frame [byte]; what is longer is damage.

    Examples
    --------
    >>> frame = Frame(Kind.READ, 7, bytes([4, 0]))
    >>> data = b"gar" + encode(frame)
    >>> decoder = Decoder()
    >>> decoder.feed(data[:9]), decoder.feed(data[9:]) == [frame]
    ([Damage(code=<Code.SHORT: 1>, sequence=97)], True)
    """

    def __init__(self, limit: int = 1 << 24) -> None:
        self.limit = limit
        self._content = bytearray()
        self._escaped = False
        self._code = Code.OK

    def feed(self, data: Iterable[int]) -> list[Frame | Damage]:
        """Take some more bytes; return what they complete."""
        found: list[Frame | Damage] = []
        for byte in data:
            if byte == END:
                if self._content or self._code or self._escaped:
                    found.append(self._finish())
            elif self._escaped:
                self._escaped = False
                self._put({ESCAPED_END: END, ESCAPED_ESCAPE: ESCAPE}.get(byte))
            elif byte == ESCAPE:
                self._escaped = True
            else:
                self._put(byte)
        return found

    def _put(self, byte: int | None) -> None:
        if byte is None:
            self._code = self._code or Code.ESCAPE
            byte = ESCAPE  # as the hardware does, so that what follows keeps its place
        if len(self._content) == self.limit:
            self._code = self._code or Code.LONG
        else:
            self._content.append(byte)

    def _finish(self) -> Frame | Damage:
        content, code = bytes(self._content), self._code
        if self._escaped:
            code = code or Code.ESCAPE
        self._content.clear()
        self._escaped, self._code = False, Code.OK
        return decode(content) if not code else Damage(code, _sequence(content))


def decode(content: bytes) -> Frame | Damage:
    """Return the frame whose bytes, without delimiters and escapes, are ``content``."""
    if len(content) < HEADER:
        return Damage(Code.SHORT, _sequence(content))
    if sealed(content[:-CHECK]) != content:
        return Damage(Code.CRC, _sequence(content))
    payload = content[HEADER:-CHECK]
    if int.from_bytes(content[2:HEADER], "little") != len(content) - HEADER - CHECK:
        return Damage(Code.LENGTH, _sequence(content))
    return Frame(content[0], content[1], payload)


def _sequence(content: bytes) -> int | None:
    return content[1] if len(content) > 1 else None


def sample(words: Sequence[int], bits: int) -> bytes:
    """Return the payload of a SAMPLE frame: words of ``bits`` bits, each in whole bytes.

    Raises
    ------
    SpikewrightError
        If a word does not fit.

    Examples
    --------
    >>> sample([0x123, 4], 12).hex(" ")
    '23 01 04 00'
    """
    for index, word in enumerate(words):
        if not 0 <= word < 1 << bits:
            raise SpikewrightError(f"Input word {index} is {word}; allowed are {bits} bits.")
    return b"".join(word.to_bytes(-(-bits // 8), "little") for word in words)


def read(address: int) -> bytes:
    """Return the payload of a READ frame."""
    return _fitting("address", address, 2)


def write(address: int, value: int) -> bytes:
    """Return the payload of a WRITE frame."""
    return _fitting("address", address, 2) + _fitting("value", value, 4)


def _fitting(noun: str, value: int, size: int) -> bytes:
    if not 0 <= value < 1 << (8 * size):
        raise SpikewrightError(
            f"Register {noun} is {value}; allowed are 0..{(1 << (8 * size)) - 1}."
        )
    return value.to_bytes(size, "little")


@dataclass(frozen=True)
class Answer:
    """What an accelerator says about one sample.

    Parameters
    ----------
    code : Code or int
        :attr:`Code.OK`, or why there are no logits; an int if this version does not know it.
    label : int
    logits : tuple of int
    """

    code: int
    label: int
    logits: tuple[int, ...]


def answer(words: Sequence[int]) -> Answer:
    """Return the answer in the 32-bit words of a result packet.

    All words but the last are logits, two's complement; the last holds the code in bits 7..0 and
    the label in bits 31..16.

    Raises
    ------
    SpikewrightError
        If there is no word.

    Examples
    --------
    >>> answer([5, 0xFFFFFFFE, 0x00010000])
    Answer(code=<Code.OK: 0>, label=1, logits=(5, -2))
    """
    if not words:
        raise SpikewrightError("A result packet has no word; allowed is at least 1.")
    *logits, last = words
    code: int = last & 0xFF
    if code in set(Code):
        code = Code(code)
    signed = tuple(word - ((word >> 31) << 32) for word in logits)
    return Answer(code, last >> 16, signed)


def words_of(payload: bytes) -> list[int]:
    """Return the 32-bit words of a reply's payload.

    Raises
    ------
    SpikewrightError
        If it does not end with a whole word.
    """
    if len(payload) % 4:
        raise SpikewrightError(f"A reply has {len(payload)} bytes; allowed are multiples of 4.")
    return [int.from_bytes(payload[k : k + 4], "little") for k in range(0, len(payload), 4)]
