"""The section ``search`` of the run file refuses what cannot be searched."""

import pytest

from ir.errors import SpikewrightError
from sw import config
from sw.space import Temperature


def with_search(tiny, space, **changes):
    return config.parse(tiny.model_dump(mode="json") | {"search": {**space, **changes}})


def test_round_trip_and_options(tiny, space):
    settings = with_search(tiny, space, pinned={"head": "u8"})
    assert config.parse(settings.model_dump(mode="json")) == settings
    assert settings.search.options("head") == ("u8",)
    assert settings.search.options("block.0.q") == ("fp32", "pot2", "pot4", "u2", "u4")
    assert settings.search.schemes == ("fp32", "pot2", "pot4", "u2", "u4", "u8")


def test_flags_beat_the_section(tiny, space):
    settings = with_search(tiny, space)
    found = config.override(settings, {"search.epochs": 9, "search.pinned.block.0.q": "u3"})
    assert (found.search.epochs, found.search.pinned) == (9, {"block.0.q": "u3"})
    with pytest.raises(SpikewrightError, match=r"Run file has no key 'search\.pinned\.head'"):
        config.override(tiny, {"search.pinned.head": "u3"})


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"candidates": ["u2", "u9"]}, "Scheme u9 is unknown"),
        ({"candidates": ["u2", "u2"]}, "search.candidates names a value twice"),
        ({"candidates": ["u2"]}, "search.candidates"),
        ({"lambdas": [1, 1]}, "search.lambdas names a value twice"),
        ({"lambdas": [-1]}, "search.lambdas.0 is -1"),
        ({"lambdas": [float("nan")]}, "search.lambdas.0 is nan"),
        ({"pinned": {"head": "fp32"}}, "pins fp32, which has no hardware"),
        ({"pinned": {"tail": "u4"}}, "Run file section search.pinned names 'tail'"),
        ({"costs": {}}, "search.costs"),
        ({"costs": {"watts": 1.0}}, "search.costs.watts"),
        ({"costs": {"luts": 1.0}}, "holds fp32, which has no hardware and so no luts"),
        ({"energy": {"table": "int16", "constants": {}}}, "search.energy.table"),
        ({"energy": {"table": "int8", "constants": {"sram": 1}}}, "Energy constants 'sram'"),
        ({"warm_up_epochs": 5}, "search.warm_up_epochs is 5; allowed is up to search.epochs, 2"),
        ({"temperature": {"schedule": "step", "first": 2, "last": 1}}, "temperature.schedule"),
        ({"temperature": {"schedule": "linear", "first": 1, "last": 2}}, "temperature.last is 2"),
        ({"budgets": {"luts": 9}}, "search.budgets names luts, which is not searched for; allowed"),
        ({"budgets": {"energy45": 0}}, "search.budgets.energy45"),
        ({"unknown": 1}, "Run file has unknown key: search.unknown"),
    ],
)
def test_refusals(tiny, space, changes, said):
    with pytest.raises(SpikewrightError) as caught:
        with_search(tiny, space, **changes)
    assert said in str(caught.value)


@pytest.mark.parametrize("schedule", ["linear", "cosine", "exponential"])
def test_temperature_falls_from_first_to_last(schedule):
    found = Temperature(schedule=schedule, first=5.0, last=0.2)
    curve = [found.at(step / 10) for step in range(11)]
    assert (curve[0], curve[-1]) == pytest.approx((5.0, 0.2))
    assert curve == sorted(curve, reverse=True)
    middle = {"linear": 2.6, "cosine": 2.6, "exponential": 1.0}
    assert curve[5] == pytest.approx(middle[schedule])
