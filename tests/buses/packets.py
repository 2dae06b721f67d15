"""Packets of words, good and spoiled, and the answers that must come back, whatever the bus."""

from __future__ import annotations

import random

from ir.protocol import Answer, Code
from tests.buses.subject import subject

SPOILED = {
    Code.SHORT: (lambda w, n: w[:1], lambda w, n: w[:n], lambda w, n: w[:-1]),
    Code.LONG: (lambda w, n: [*w, 1], lambda w, n: w + w[:n], lambda w, n: w + w + w),
    Code.RANGE: (
        lambda w, n: [*w[:n], 7, *w[n + 1 :]],
        lambda w, n: [*w[:-1], 6 << 3],
        lambda w, n: [w[0] | 0x80, *w[1:]],
    ),
}
"""By code: what to do with the words of a sample and a place in it."""


def mixture(seed: int, count: int) -> tuple[list[list[int]], list[Answer]]:
    """Return packets, about half of them spoiled, and their answers; the last one is whole."""
    rng, s = random.Random(seed), subject()
    packets, answers = s.samples(seed, count), s.answers(seed, count)
    for index in range(count - 1):
        if rng.random() < 0.5:
            code = rng.choice(list(SPOILED))
            spoil = rng.choice(SPOILED[code])
            packets[index] = spoil(list(packets[index]), rng.randrange(1, s.words))
            answers[index] = Answer(code, 0, ())
    return packets, answers
