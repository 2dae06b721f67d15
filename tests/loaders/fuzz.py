"""Coverage-guided fuzzing of the loaders with Atheris, the libFuzzer of Python.

    python -m tests.loaders.fuzz DOOR --runs 1000000 --seconds 600 --corpus FOLDER [--seed S]

Ends with an error, and the input in FOLDER/crash-..., at the first uncaught exception, refusal of
several lines, input that takes more than 10 s, or growth beyond 2 GiB. A corpus is gone on with.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import atheris

# Only our own code steers; PyTorch and its like would drown it.
with atheris.instrument_imports(
    include=[
        *("ir", "boards", "sim.anchor", "sim.campaign", "spikewright.picture", "sw"),
        *("yaml", "safetensors", "PIL", "numpy.lib"),
    ]
):
    from tests.loaders.doors import DOORS, emptied, knock

MAX_BYTES = 1 << 20
MAX_SECONDS = 10
MAX_MEGABYTES = 2048


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("door", choices=DOORS)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    door = DOORS[given.door]()
    corpus = given.corpus / given.door
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(door.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [f"-seed={given.seed}", f"-runs={given.runs}", f"-max_total_time={given.seconds}"]
    options += [f"-max_len={MAX_BYTES}", f"-timeout={MAX_SECONDS}"]
    options += [f"-rss_limit_mb={MAX_MEGABYTES}", f"-artifact_prefix={corpus.parent}/"]
    options += ["-print_final_stats=1", "-verbosity=0"]
    if door.words:
        words = given.corpus / f"{given.door}.words"
        words.write_text("".join(f'"{_escaped(word)}"\n' for word in door.words))
        options.append(f"-dict={words}")
    # The fuzzer leaves without cleaning up, so nothing may lie in a temporary directory.
    (scratch := given.corpus / f"{given.door}.scratch").mkdir(exist_ok=True)
    atheris.Setup(
        [sys.argv[0], *options, str(corpus)],
        lambda content: knock(door, content, emptied(scratch)) and None,
    )
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main()
