"""The driver that is written for PYNQ, on a stand-in of pynq around the model of the accelerator.

The stand-in compares the bytes that would go through the DMA with the words that the tests of the
buses send to the wrapper itself (:mod:`tests.buses.subject`), and answers as it does there.
"""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from boards import overlay
from hw.session import padded
from ir.protocol import Code
from ir.registers import registers
from tests.buses.subject import HIGH, subject


class Buffer(np.ndarray):
    """What ``pynq.allocate`` gives."""

    freed = 0

    def flush(self):
        pass

    invalidate = flush

    def freebuffer(self):
        Buffer.freed += 1


class Board:
    """Registers, DMA and accelerator; ``code`` is what it answers, ``silent`` if nothing."""

    def __init__(self):
        s = subject()
        self.values = {r.address: r.reset for r in registers(s.plan, s.digest)}
        self.code, self.silent, self.reset, self.sink = Code.OK, False, 0, None
        self.received = []
        self.sendchannel = SimpleNamespace(transfer=self.send, idle=True, error=False)
        self.recvchannel = SimpleNamespace(transfer=self.expect, idle=False, error=False, transferred=0)

    def read(self, address):
        return self.values[address]

    def write(self, address, value):
        assert (address, value) == (0x1C, 1)
        self.reset += 1

    def expect(self, sink):
        self.sink, self.recvchannel.idle = sink, False

    def send(self, source):
        s, size = subject(), padded(subject().plan.source) // 8
        row = bytes(source)
        self.received.append([int.from_bytes(row[k : k + size], "little") for k in range(0, len(row), size)])
        (answer,) = [a for w, a in zip(s.samples(3, 5), s.answers(3, 5), strict=True) if w == self.received[-1]]
        words = [*answer.logits, answer.label << 16] if self.code == Code.OK else [int(self.code)]
        self.sink[: len(words)] = words
        self.recvchannel.transferred, self.recvchannel.idle = 4 * len(words), not self.silent


@pytest.fixture
def driver(monkeypatch):
    """Return the driver's module and the board that it finds."""
    s, board = subject(), Board()

    class Overlay:
        def __init__(self, bitfile):
            assert bitfile == "pynq-z2.bit"
            self.dma, self.core = board, board

    pynq = ModuleType("pynq")
    pynq.Overlay = Overlay
    pynq.allocate = lambda shape, dtype: np.zeros(shape, dtype).view(Buffer)
    monkeypatch.setitem(sys.modules, "pynq", pynq)
    module = ModuleType("overlay")
    exec(overlay.text("pynq-z2", s.network, s.plan, registers(s.plan, s.digest)), module.__dict__)
    return module, board


def test_images_become_the_words_of_the_wrapper_and_answers_labels(driver):
    module, board = driver
    s, accelerator = subject(), module.Accelerator()
    assert board.reset == 1
    labels, logits = accelerator.infer(s._images(3, 5))
    assert board.received == s.samples(3, 5)
    assert labels.tolist() == [answer.label for answer in s.answers(3, 5)]
    assert logits.tolist() == [list(answer.logits) for answer in s.answers(3, 5)]
    assert Buffer.freed % 2 == 0 and Buffer.freed > 0
    assert accelerator.infer(s._images(3, 5)[0])[0].shape == (1,)
    assert accelerator.counters()["CLASSES"] == 3 and "CONTROL" not in accelerator.counters()


def test_refusals_and_silence(driver):
    module, board = driver
    accelerator, image = module.Accelerator(timeout=0.01), subject()._images(3, 1)
    board.code = Code.RANGE
    with pytest.raises(module.Refused, match="Image was refused: an input element lies outside"):
        accelerator.infer(image)
    board.code, board.silent = Code.OK, True
    with pytest.raises(TimeoutError, match=r"gave no answer within 0.01 s\."):
        accelerator.infer(image)
    board.recvchannel.error = True
    with pytest.raises(module.Refused, match="DMA stopped with an error"):
        accelerator.infer(image)
    with pytest.raises(ValueError, match=rf"Images hold 0..{HIGH + 1}; allowed are 0..{HIGH}\."):
        accelerator.infer(np.array([[[0, 1], [2, HIGH + 1]]] * 4))
    with pytest.raises(ValueError, match=r"Images are float64 \(1, 4, 2, 2\); allowed are integers \(count, 4, 2, 2\)"):
        accelerator.infer(image.astype(float))


def test_another_network_is_refused(driver):
    module, board = driver
    board.values[8] ^= 1
    with pytest.raises(module.Refused, match=r"Bitstream pynq-z2.bit answers .*; allowed are 0x53504b57, network"):
        module.Accelerator()
