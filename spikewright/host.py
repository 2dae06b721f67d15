"""The host's end of a board: sends samples over a serial port, reads answers and registers.

The same class talks to a board on the desk (``/dev/ttyUSB0``) and to the simulated one of
:mod:`sim.board` (``socket://localhost:PORT``): a port is whatever pyserial opens.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ir.errors import SpikewrightError
from ir.image import Image, images, shapes, stored
from ir.protocol import (
    Answer,
    Code,
    Damage,
    Decoder,
    Frame,
    Kind,
    answer,
    encode,
    read,
    sample,
    words_of,
    write,
)
from ir.registers import MAGIC, VERSION, registers

if TYPE_CHECKING:
    from ir.network import Network
    from ir.store import Export

BAUD = 1_000_000
TIMEOUT, RETRIES = 2.0, 3


@dataclass(frozen=True)
class Result:
    """What a board said about one sample.

    Parameters
    ----------
    label : int
    logits : tuple of int
    seconds : float
        From the first byte sent to the last received, of the try that succeeded.
    tries : int
    """

    label: int
    logits: tuple[int, ...]
    seconds: float
    tries: int


@dataclass(frozen=True)
class Reloaded:
    """What a reload did.

    Parameters
    ----------
    memories, words : int
        Written, and read back with the right checksum.
    seconds : float
    tries : int
        Memories written, those included whose checksum was wrong.
    """

    memories: int
    words: int
    seconds: float
    tries: int


class Device:
    """A board with an accelerator behind its serial port; a context manager.

    Parameters
    ----------
    port : str
        Device file, or URL as pyserial takes it.
    plan : ir.plan.Plan
        Of the network that the board should hold.
    digest : str
        SHA-256 of that network, in hexadecimal digits, as the manifest of the Verilog says. Where
        the plan has a reload, only samples need the board to hold it.
    baud : int
        Bits per second.
    timeout : float
        Seconds without an answer after which a frame is sent again.
    retries : int
        How often.

    Raises
    ------
    SpikewrightError
        If the port cannot be opened, nobody answers, or the board holds something else.

    Examples
    --------
    Needs a board, real or simulated::

        with Device("/dev/ttyUSB0", plan, digest) as board:
            for result in board.infer(words):
                print(result.label)
    """

    def __init__(
        self,
        port: str,
        plan: Any,
        digest: str,
        *,
        baud: int = BAUD,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
    ) -> None:
        import serial

        self.port, self.plan, self.retries, self.timeout = port, plan, retries, timeout
        self.digest = digest
        self.registers = {each.name: each for each in registers(plan, digest)}
        self._sequence = 0
        self._decoder = Decoder()
        self._found: list[Frame | Damage] = []
        try:
            self._line = serial.serial_for_url(port, baudrate=baud, timeout=min(timeout, 0.05))
        except (OSError, ValueError) as error:
            raise SpikewrightError(f"Port {port} cannot be opened: {error}.") from error
        try:
            self._check()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *failed: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the port."""
        self._line.close()

    def read(self, name: str) -> int:
        """Return the value of a register.

        Raises
        ------
        SpikewrightError
            If there is no such register, or the board does not answer or refuses.
        """
        reply, _, _ = self._ask(Kind.READ, read(self._address(name)), f"read of {name}")
        return int(words_of(reply.payload)[0])

    def write(self, name: str, value: int) -> None:
        """Write a register; raises as :meth:`read`."""
        self._ask(Kind.WRITE, write(self._address(name), value), f"write of {name}")

    def counters(self) -> dict[str, int]:
        """Return the value of every register that changes, by name in small letters."""
        live = (each for each in self.registers.values() if not each.constant)
        return {each.name.lower(): self.read(each.name) for each in live if "r" in each.access}

    def reset(self) -> None:
        """Reset core and counters; samples under way are lost."""
        self.write("CONTROL", 1)

    def infer(self, samples: Iterable[Sequence[int]]) -> Iterator[Result]:
        """Yield the result of each sample.

        Parameters
        ----------
        samples : iterable of words
            Input words of each sample, integers, in the order of the plan's source.

        Raises
        ------
        SpikewrightError
            If the board holds another network, refuses a sample, or does not answer.
        """
        if self.plan.reload:
            self._expect("NETWORK", int(self.digest[:8], 16))
        link = self.plan.source
        for index, words in enumerate(samples):
            if len(words) != link.words:
                raise SpikewrightError(
                    f"Sample {index} has {len(words)} words; allowed are {link.words}."
                )
            payload = sample(words, link.width)
            reply, seconds, tries = self._ask(Kind.SAMPLE, payload, f"sample {index}")
            found: Answer = answer(words_of(reply.payload))
            yield Result(found.label, found.logits, seconds, tries)

    def _address(self, name: str) -> int:
        if name not in self.registers:
            raise SpikewrightError(
                f"Register {name!r:.40} is unknown; allowed are {', '.join(self.registers)}."
            )
        return self.registers[name].address

    def reload(
        self,
        network: Network,
        built: Export,
        tell: Callable[[str, int, int], None] | None = None,
    ) -> Reloaded:
        """Write the memories of another network, and let the board answer as that.

        Every memory is read back by the board; one whose checksum is wrong is written again, as
        often as a frame is sent again.

        Parameters
        ----------
        network : Network
        built : Export
            What the board was built of, and the plan of this device was made of.
        tell : callable, optional
            Called with a noun, the memories done and all of them.

        Raises
        ------
        SpikewrightError
            If the network does not fit the build (see :func:`ir.bounds.check`), which leaves the
            board as it was; or if the board refuses, does not answer, or reads back something
            else, which leaves it without a network.
        """
        from hw.emit import network_digest
        from ir.bounds import check

        check(network, built)
        contents, sizes = images(network, self.plan), shapes(self.plan)
        begin, tries = time.monotonic(), 0
        for number, name in enumerate(sizes):
            tries += self._load(number, stored(contents[name], self.plan))
            if tell is not None:
                tell("reload", number + 1, len(sizes))
        self.digest = network_digest(network)
        try:
            self.write("NETWORK", int(self.digest[:8], 16))
        except SpikewrightError:
            # A board that did it, and whose reply was lost, refuses to do it again.
            self._expect("NETWORK", int(self.digest[:8], 16))
        words = sum(depth for _, depth in sizes.values())
        return Reloaded(len(sizes), words, time.monotonic() - begin, tries)

    def _load(self, number: int, image: Image) -> int:
        """Write one memory until it reads back right; return how often."""
        parts = -(-image.width // 32)
        data = b"".join(word.to_bytes(4 * parts, "little") for word in image.words)
        wanted, address, said = zlib.crc32(data), self._address("RELOAD_DATA"), ""
        for tried in range(1, self.retries + 2):
            self.write("RELOAD_MEMORY", number)
            try:
                # Not sent again: a part whose reply was lost would be written twice.
                for value in words_of(data):
                    payload = write(address, value)
                    self._ask(Kind.WRITE, payload, "write of RELOAD_DATA", tries=1)
                self.write("RELOAD_CHECKSUM", 0)
                found = self._checksum()
            except SpikewrightError as error:
                said = str(error)
                continue
            if found == wanted:
                return tried
            said = f"The checksum is {found:#010x}; allowed is {wanted:#010x}."
        raise SpikewrightError(
            f"Memory of {image.station} was not reloaded by the board at {self.port} in "
            f"{self.retries + 1} tries: {said}"
        )

    def _checksum(self) -> int:
        """Return the checksum as soon as the board has read the memory back."""
        until = time.monotonic() + self.timeout
        while True:
            try:
                return self.read("RELOAD_CHECKSUM")
            except SpikewrightError:
                if time.monotonic() > until:
                    raise

    def _check(self) -> None:
        """Refuse what is no accelerator, or another one."""
        wanted: Mapping[str, int] = {
            "MAGIC": MAGIC,
            "VERSION": VERSION,
            **({} if self.plan.reload else {"NETWORK": int(self.digest[:8], 16)}),
            "INPUT_WORDS": self.plan.source.words,
            "CLASSES": self.plan.sink.words,
        }
        for name, value in wanted.items():
            self._expect(name, value)

    def _expect(self, name: str, value: int) -> None:
        if (found := self.read(name)) != value:
            raise SpikewrightError(
                f"Board at {self.port} has {name} {found:#x}; the network asks for {value:#x}."
            )

    def _ask(
        self, kind: Kind, payload: bytes, what: str, tries: int = 0
    ) -> tuple[Frame, float, int]:
        """Return (reply, seconds, tries) of a frame, sent again until there is a good reply."""
        said = "nothing"
        for number in range(1, (tries or self.retries + 1) + 1):
            self._sequence = (self._sequence + 1) % 256
            begin = time.monotonic()
            self._line.write(encode(Frame(kind, self._sequence, payload)))
            reply = self._reply(begin + self.timeout + self._duration(len(payload)))
            if reply is None:
                said = "nothing"
            elif code := _refused(reply):
                said = code.meaning if isinstance(code, Code) else f"code {code}"
                if code in _FINAL:
                    break
            else:
                return reply, time.monotonic() - begin, number
        raise SpikewrightError(
            f"Board at {self.port} answered to the {what}: {said}; tried {number} times."
        )

    def _duration(self, payload: int) -> float:
        """Seconds that a payload may take on the line, every byte escaped."""
        return 20 * (payload + 16) / float(self._line.baudrate)

    def _reply(self, until: float) -> Frame | None:
        """Return the reply with the present sequence number, or None when the time is over."""
        while time.monotonic() < until:
            self._found += self._decoder.feed(self._line.read(max(1, self._line.in_waiting)))
            while self._found:
                frame = self._found.pop(0)
                if isinstance(frame, Frame) and frame.sequence == self._sequence:
                    return frame
        return None


_FINAL = (Code.RANGE, Code.TYPE, Code.ADDRESS, Code.READ_ONLY)
"""Refusals that the same frame would meet again."""


def _refused(reply: Frame) -> int:
    """Return why the board refused, 0 if it did not."""
    if reply.kind == Kind.RESULT:
        return int(answer(words_of(reply.payload)).code)
    if reply.kind == Kind.ERROR:
        return Code(reply.payload[0]) if reply.payload[0] in set(Code) else reply.payload[0]
    return 0
