"""Every link inside an accelerator pauses, for every length up to a bound: the answers stay."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from hw.emit import TOP, verilog
from ir.schedule import schedule
from sim.case import Subject
from sim.draw import draw
from tests.hw.paused import Paused
from tests.sim.test_stress import CASE, STRESS, headers, stress

BOUNDARIES = replace(STRESS, main=Path(__file__).with_name("boundaries.cpp"))
SEED, MOST_CYCLES, MOST_WORDS = 21, 800, 1000


def paused(subject, **options):
    """Return the headers of a run, one of which knows the links, and a change of the Verilog."""
    design = Paused(subject.plan, subject.own, **options)
    text = verilog(design)
    counts = [CASE.images * link.words for link in design.inner.joined]
    links = (
        f"constexpr std::size_t kLinks = {len(counts)};\n"
        f"constexpr std::uint32_t link_words[] = {{{', '.join(map(str, counts))}}};\n"
    )
    around = headers(subject)
    around["words.h"] += links
    return around, counts, lambda old: text if f"module {TOP}(" in old else old


@pytest.fixture(scope="module")
def subjects(tmp_path_factory, builds):
    """Return a function from n to the n-th topology with short words and short runs."""
    folder, found = tmp_path_factory.mktemp("boundaries"), []

    def get(number):
        index = found[-1][0] + 1 if found else 0
        while len(found) <= number:
            subject = Subject(draw(SEED, index), folder / str(index), builds)
            links = [link for station in subject.plan.stations for link in station.inputs]
            words = CASE.images * sum(link.words for link in links)
            short = schedule(subject.plan, CASE.images).latency < MOST_CYCLES
            if short and words < MOST_WORDS and headers(subject):
                found.append((index, subject))
            index += 1
        return found[number][1]

    return get


def holds(subject, builds):
    around, counts, change = paused(subject)
    status, printed = stress(subject, around, builds, BOUNDARIES, change)
    assert status == 0, printed
    found = re.fullmatch(r"(\d+) runs, (\d+) with answers in other cycles\n", printed)
    assert found and int(found[1]) == 20 * sum(count + 1 for count in counts), printed
    assert int(found[2]) > 0  # the pauses were felt


def test_pauses_inside(subjects, builds):
    holds(subjects(0), builds)


def test_a_link_that_loses_words_is_found(subjects, builds):
    around, _, change = paused(subjects(0), loses=True)
    status, printed = stress(subjects(0), around, builds, BOUNDARIES, change)
    assert status == 1 and "link" in printed, printed


@pytest.mark.slow
def test_pauses_inside_many_networks(subjects, builds):
    for number in range(1, 24):
        holds(subjects(number), builds)
