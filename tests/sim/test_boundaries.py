"""Every link inside an accelerator pauses, for every length up to a bound: the answers stay."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from hw.emit import TOP, verilog
from ir.schedule import schedule
from tests.hw.paused import Paused
from tests.sim.test_stress import CASE, STRESS, finder, stress

BOUNDARIES = replace(STRESS, main=Path(__file__).with_name("boundaries.cpp"))
SEED, MOST_CYCLES, MOST_WORDS = 21, 800, 1000


def paused(subject, around, **options):
    """Return the headers ``around`` with the links, their words, and a change of the Verilog."""
    design = Paused(subject.plan, subject.own, **options)
    text = verilog(design)
    counts = [CASE.images * link.words for link in design.inner.joined]
    links = (
        f"constexpr std::size_t kLinks = {len(counts)};\n"
        f"constexpr std::uint32_t link_words[] = {{{', '.join(map(str, counts))}}};\n"
    )
    around = around | {"words.h": around["words.h"] + links}
    return around, counts, lambda old: text if f"module {TOP}(" in old else old


@pytest.fixture(scope="module")
def subjects(tmp_path_factory, builds):
    """Return a function from n to the n-th topology with short words, few of them, and short runs."""

    def fits(subject):
        links = [link for station in subject.plan.stations for link in station.inputs]
        words = CASE.images * sum(link.words for link in links)
        short = schedule(subject.plan, CASE.images).latency < MOST_CYCLES
        return short and words < MOST_WORDS

    return finder(tmp_path_factory.mktemp("boundaries"), builds, SEED, fits)


def holds(subject, around, builds):
    around, counts, change = paused(subject, around)
    status, printed = stress(subject, around, builds, BOUNDARIES, change)
    assert status == 0, printed
    found = re.fullmatch(r"(\d+) runs, (\d+) with answers in other cycles\n", printed)
    assert found and int(found[1]) == 20 * sum(count + 1 for count in counts), printed
    assert int(found[2]) > 0  # the pauses were felt


def test_pauses_inside(subjects, builds):
    holds(*subjects(0), builds)


def test_a_link_that_loses_words_is_found(subjects, builds):
    subject, around = subjects(0)
    around, _, change = paused(subject, around, loses=True)
    status, printed = stress(subject, around, builds, BOUNDARIES, change)
    assert status == 1 and "link" in printed, printed


@pytest.mark.slow
def test_pauses_inside_many_networks(subjects, builds):
    for number in range(1, 24):
        holds(*subjects(number), builds)
