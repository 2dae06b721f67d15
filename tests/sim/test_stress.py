"""A reset in any cycle, a pause of any length before any word: the next answers are right."""

import re
import subprocess
from pathlib import Path

import pytest

from hw.emit import TOP
from ir.schedule import schedule
from sim.case import Case, Subject, pixels
from sim.draw import draw
from sim.stimulus import pack
from sim.testbench import ports
from sim.verilator import Kind, build

STRESS = Kind(Path(__file__).with_name("stress.cpp"), "-O2", False)
DEVICE = Path(__file__).with_name("device.h")
SEED, LONGEST, MOST_CYCLES, QUICK = 20, 20, 1500, 3
CASE = Case(images=2, images_seed=3, density=0.6)


def headers(subject, case=CASE):
    """Return the headers with the words of a case, or None where they are wider than 64 bits."""
    width = ports((subject.verilog / f"{TOP}.v").read_text())
    if max(width["i__payload"], width["o__payload"]) > 64:
        return None
    rows = pack(pixels(subject.network, case), subject.plan.source)
    values = [int.from_bytes(row.tobytes(), "little") for row in rows]
    text = (
        "#pragma once\n#include <cstddef>\n#include <cstdint>\n"
        f"constexpr std::size_t kWords = {len(values)}, "
        f"kAnswers = {case.images * subject.plan.sink.words};\n"
        f"constexpr std::uint64_t kMask = {(1 << width['i__payload']) - 1}ull;\n"
        f"constexpr std::uint64_t words[] = {{{', '.join(f'{v}ull' for v in values)}}};\n"
    )
    return {"words.h": text, "device.h": DEVICE.read_text()}


def stress(subject, around, builds, kind=STRESS, change=lambda text: text):
    """Run all resets and pauses with the headers ``around``; return (exit status, printed)."""
    sources = {path.name: change(path.read_text()) for path in subject.verilog.glob("*.v")}
    built = build(sources | around, TOP, builds, kind)
    command = [str(built.binary.resolve()), str(LONGEST)]
    done = subprocess.run(command, cwd=subject.verilog, capture_output=True, text=True, timeout=600)
    return done.returncode, done.stdout + done.stderr


def finder(folder, builds, seed, fits):
    """Return a function from n to the n-th topology that fits, with its headers."""
    found = []

    def get(number):
        index = found[-1][0] + 1 if found else 0
        while len(found) <= number:
            subject = Subject(draw(seed, index), folder / str(index), builds)
            around = headers(subject)
            if around and fits(subject):
                found.append((index, subject, around))
            index += 1
        return found[number][1:]

    return get


@pytest.fixture(scope="module")
def subjects(tmp_path_factory, builds):
    """Return a function from n to the n-th topology with short words and short runs."""

    def fits(subject):
        return schedule(subject.plan, CASE.images).latency < MOST_CYCLES

    return finder(tmp_path_factory.mktemp("stress"), builds, SEED, fits)


def holds(subject, around, builds):
    with subject:
        assert subject.failure(CASE) is None  # the reference is right, layer by layer
    status, printed = stress(subject, around, builds)
    assert status == 0, printed
    assert re.fullmatch(r"\d+ cycles, \d+ words, \d+ answers\n", printed)


@pytest.mark.parametrize("number", range(QUICK))
def test_resets_and_pauses(subjects, builds, number):
    holds(*subjects(number), builds)


@pytest.mark.slow
def test_resets_and_pauses_of_many_networks(subjects, builds):
    for number in range(QUICK, 24):
        holds(*subjects(number), builds)


def test_a_register_without_reset_is_found(subjects, builds):
    subject, around = subjects(0)
    status, printed = stress(
        subject, around, builds, change=lambda text: re.sub(r"if \(rst\)", "if (0)", text)
    )
    assert status == 1 and "reset" in printed, printed
