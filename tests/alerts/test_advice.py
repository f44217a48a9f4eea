"""What to do first: for every alert something, in both languages, about the right thing."""

import re

import pytest

from alerts.advice import Steps, first_steps
from alerts.alert import Fact, Kind
from alerts.metric_names import METRIC_ZH

HIGH: dict[str, Fact] = {"value": 8.0, "expected": 5.0}
LOW: dict[str, Fact] = {"value": 2.0, "expected": 5.0}
ANY = "See whether the reading is true"


def english(steps: Steps) -> str:
    return " ".join(step.en for step in steps)


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("metric", [None, "oil_ratio", *METRIC_ZH])
@pytest.mark.parametrize("facts", [HIGH, LOW, {"side": "low"}, {}], ids=["high", "low", "a low limit", "nothing known"])
def test_there_is_something_to_do_in_both_languages(kind: Kind, metric: str | None, facts: dict[str, Fact]) -> None:
    steps = first_steps(kind, metric, facts)
    assert 1 <= len(steps) <= 5
    for step in steps:
        assert re.fullmatch(r"[A-Z][ -~]+[.?]", step.en), step.en
        assert re.fullmatch(r"[^a-z]+。", step.zh), step.zh


@pytest.mark.parametrize(
    ("metric", "facts", "words"),
    [
        pytest.param("temperature", HIGH, "no longer cools", id="too warm"),
        pytest.param("temperature", LOW, "no longer heats", id="too cold"),
        pytest.param("temperature", {"side": "low"} | HIGH, "no longer heats", id="the side of a limit counts"),
        pytest.param("AM2301.Temperature", HIGH, "no longer cools", id="behind a dot, in capitals"),
        pytest.param("bearing_temperature_de", HIGH, "no longer cools", id="a word of a longer name"),
        pytest.param("acceleration.envelope_bpfo", HIGH, "bearing noise", id="a feature of a waveform"),
        pytest.param("power", LOW, "runs without load", id="power is like current"),
        pytest.param("oil_ratio", HIGH, ANY, id="a quantity of its own"),
        pytest.param("flowers", HIGH, ANY, id="a word that only begins like one"),
        pytest.param("温度", HIGH, ANY, id="another script"),
        pytest.param("limit", HIGH, ANY, id="a metric named like a section"),
        pytest.param("_", HIGH, ANY, id="a metric without a word"),
        pytest.param(None, HIGH, "rather the machine", id="the device as a whole"),
    ],
)
def test_it_is_about_the_quantity_and_the_way_it_went(metric: str | None, facts: dict[str, Fact], words: str) -> None:
    assert words in english(first_steps(Kind.BASELINE, metric, facts))


def test_a_limit_is_to_be_kept_and_a_baseline_may_have_been_left_on_purpose() -> None:
    assert english(first_steps(Kind.LIMIT, "temperature", HIGH)).startswith("Bring the value back inside its limit")
    assert "Was it planned" in english(first_steps(Kind.BASELINE, "temperature", HIGH))
    assert "Was it planned" not in english(first_steps(Kind.LIMIT, "temperature", HIGH))


def test_silence_of_a_device_is_not_that_of_a_metric() -> None:
    assert "gateway" in english(first_steps(Kind.SILENCE, None, {}))
    assert "this sensor" in english(first_steps(Kind.SILENCE, "temperature", {}))
