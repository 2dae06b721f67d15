"""The host class against boards that lose and damage bytes, and against the pins of a real design."""

from __future__ import annotations

import random
import socket
import threading

import pytest

from hw.emit import emit, network_digest
from hw.wrap import Wrapper
from ir import golden
from ir.errors import SpikewrightError
from ir.protocol import Code, Damage, Decoder, Frame, Kind, encode, sample
from ir.registers import registers
from sim.board import SimulatedBoard
from sim.case import Case, Subject, pixels
from sim.draw import draw
from sim.stimulus import pack
from spikewright.host import Device
from tests.sim.test_small import SEED, SMALL

CASE = Case(images=6, images_seed=3, density=0.6)
DIVISOR = 8


@pytest.fixture(scope="module")
def subject(tmp_path_factory, builds):
    with Subject(draw(SEED, SMALL[5]), tmp_path_factory.mktemp("host"), builds) as found:
        yield found


@pytest.fixture(scope="module")
def expected(subject):
    outputs = golden.run(subject.network, pixels(subject.network, CASE)).outputs
    logits = outputs[subject.network.readout.name][:, 0, 0]
    return [(int(row.argmax()), tuple(map(int, row))) for row in logits]


def samples(subject):
    """Return the input words of every sample of the case."""
    rows = pack(pixels(subject.network, CASE), subject.plan.source)
    words = [int.from_bytes(row.tobytes(), "little") for row in rows]
    count = subject.plan.source.words
    return [words[k : k + count] for k in range(0, len(words), count)]


class Line:
    """A board in Python at the end of a socket; ``damage`` changes what it sends."""

    def __init__(self, subject, expected, damage=lambda data: data):
        self.digest = network_digest(subject.network)
        self.values = {r.address: r.reset for r in registers(subject.plan, self.digest)}
        self.expected, self.damage, self.answered = expected, damage, 0
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = f"socket://127.0.0.1:{self.server.getsockname()[1]}"
        width = subject.plan.source.width
        self.known = [sample(words, width) for words in samples(subject)]

    def __enter__(self):
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *failed):
        self.thread.join(5)
        self.server.close()

    def _serve(self):
        client, _ = self.server.accept()
        decoder = Decoder()
        with client:
            while data := client.recv(4096):
                for frame in decoder.feed(data):
                    client.sendall(self.damage(encode(self._reply(frame))))

    def _reply(self, frame):
        self.answered += 1
        if isinstance(frame, Damage):
            return Frame(Kind.ERROR, frame.sequence or 0, bytes([frame.code, 0, 0, 0]))
        if frame.kind == Kind.SAMPLE:
            label, logits = self.expected[self.known.index(frame.payload)]
            words = [*(x % (1 << 32) for x in logits), label << 16]
            payload = b"".join(word.to_bytes(4, "little") for word in words)
            return Frame(Kind.RESULT, frame.sequence, payload)
        address = int.from_bytes(frame.payload[:2], "little")
        if address not in self.values:
            return Frame(Kind.ERROR, frame.sequence, bytes([Code.ADDRESS, 0, 0, 0]))
        return Frame(Kind.VALUE, frame.sequence, self.values[address].to_bytes(4, "little"))


def device(line, subject, **more):
    return Device(line.port, subject.plan, line.digest, timeout=0.3, **more)


def test_answers_and_registers(subject, expected):
    with Line(subject, expected) as line, device(line, subject) as board:
        found = list(board.infer(samples(subject)))
        assert [(r.label, r.logits) for r in found] == expected
        assert all(r.tries == 1 and 0 < r.seconds < 1 for r in found)
        assert board.read("CLASSES") == subject.plan.sink.words
        assert board.counters()["errors"] == 0
        with pytest.raises(SpikewrightError, match=r"^Register 'X' is unknown; allowed are MAGIC, "):
            board.read("X")
        with pytest.raises(SpikewrightError, match=r"^Sample 0 has 1 words; allowed are \d+\.$"):
            next(board.infer([[0]]))


@pytest.mark.parametrize("kind", ["lost", "cut", "flipped", "garbage"])
def test_what_the_line_damages_is_sent_again(subject, expected, kind):
    rng = random.Random(kind)

    def damage(data):
        if rng.random() > 0.4:
            return data
        place = rng.randrange(len(data))
        return {
            "lost": b"",
            "cut": data[:place],
            "flipped": data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :],
            "garbage": rng.randbytes(9) + data,
        }[kind]

    with Line(subject, expected, damage) as line, device(line, subject, retries=20) as board:
        found = list(board.infer(samples(subject)))
    assert [(r.label, r.logits) for r in found] == expected
    assert line.answered > 5 + len(found) or kind == "garbage"


def test_nobody_there(subject, expected):
    with Line(subject, expected, lambda data: b"") as line:
        begin = r"^Board at socket://\S+ answered to the read of MAGIC: nothing; tried 2 times\.$"
        with pytest.raises(SpikewrightError, match=begin):
            device(line, subject, retries=1)
    with pytest.raises(SpikewrightError, match=r"^Port /dev/none cannot be opened: "):
        Device("/dev/none", subject.plan, "0" * 64)


def test_another_network(subject, expected):
    with Line(subject, expected) as line:
        line.digest = "12345678" + "0" * 56
        with pytest.raises(SpikewrightError, match=r"has NETWORK 0x\w+; the network asks for 0x12345678"):
            device(line, subject)


def test_a_design_at_its_pins(subject, expected, builds, tmp_path):
    wrapper = Wrapper("uart", clock_hz=DIVISOR * 1e6, baud=1_000_000)
    emit(subject.network, subject.plan, tmp_path / "v", wrapper)
    with SimulatedBoard(tmp_path / "v", builds, DIVISOR) as simulated:
        digest = network_digest(subject.network)
        with Device(simulated.port, subject.plan, digest, timeout=20) as board:
            found = list(board.infer(samples(subject)))
            assert [(r.label, r.logits) for r in found] == expected
            assert board.counters()["samples"] == CASE.images
            board.reset()
            assert board.counters()["samples"] == 0
        with Device(simulated.port, subject.plan, digest, timeout=20) as board:
            assert next(board.infer(samples(subject))).label == expected[0][0]


def test_no_wrapper(subject, builds):
    with pytest.raises(SpikewrightError, match=r"holds no module spikewright_uart\.$"):
        SimulatedBoard(subject.verilog, builds, DIVISOR)
