"""Nothing that a loader is given makes it crash, hang or swell."""

import re
import subprocess
import sys

import pytest

from tests.loaders.doors import DOORS, FOUND, ROOT, emptied, knock

FINDS = sorted(path for path in FOUND.glob("*/*"))
RUNS = 400
ALWAYS = ("network", "arrays", "run_file", "case", "idx_gz", "aedat3")
"""Fuzzed in every run of the tests; the others are asked for."""


@pytest.mark.parametrize("name", DOORS)
def test_sound_files_enter(name, tmp_path):
    door = DOORS[name]()
    assert door.seeds()
    for seed in door.seeds():
        assert knock(door, seed, emptied(tmp_path)) is None


@pytest.mark.parametrize("path", FINDS, ids=lambda path: "/".join(path.parts[-2:]))
def test_what_fuzzing_found_is_refused_or_enters(path, tmp_path):
    door = DOORS[path.parent.name]()
    refused = knock(door, path.read_bytes(), tmp_path)
    assert (refused is None) == path.name.startswith("enters-"), refused


def fuzz(name, corpus, runs, seconds, timeout):
    """Return what the fuzzer printed."""
    command = [sys.executable, "-m", "tests.loaders.fuzz", name, "--runs", str(runs)]
    command += ["--seconds", str(seconds), "--corpus", str(corpus)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=timeout, check=False)
    printed = (done.stdout + done.stderr).decode("utf-8", "replace")
    assert done.returncode == 0, printed[-4000:]
    return int(re.search(r"number_of_executed_units: (\d+)", printed)[1])


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in ALWAYS else [pytest.mark.slow]) for n in DOORS]
)
def test_a_short_run_of_the_fuzzer_finds_nothing(name, tmp_path):
    assert fuzz(name, tmp_path, RUNS, 60, 120) >= RUNS


def test_the_fuzzer_finds_a_loader_that_breaks(tmp_path):
    """The harness sees what it should: a door behind which an exception waits."""
    program = (
        "import sys, tests.loaders.fuzz as fuzz\n"
        "from tests.loaders.doors import Door\n"
        "def enter(content, scratch):\n"
        "    if content[:1] == b'a':\n"
        "        raise KeyError('found')\n"
        "fuzz.DOORS['json'] = lambda: Door(enter, lambda: [b'xy'])\n"
        f"sys.argv = ['fuzz', 'json', '--runs', '1000000', '--corpus', {str(tmp_path)!r}]\n"
        "fuzz.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, timeout=120
    )
    assert done.returncode != 0 and b"KeyError: 'found'" in done.stdout + done.stderr
    (crash,) = tmp_path.glob("crash-*")
    assert crash.read_bytes()[:1] == b"a"


@pytest.mark.slow
@pytest.mark.parametrize("name", DOORS)
def test_a_long_run_of_the_fuzzer_finds_nothing(name, tmp_path):
    fuzz(name, tmp_path, 1_000_000, 600, 700)
