"""Discovered sensors: bounded, and gone without a trace when they are taken away."""

import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.adapters import homeassistant, make_adapters
from ingest.adapters.hatemplate import Template, parse_template
from ingest.adapters.jsonpath import Absent
from ingest.message import Message
from tests.ingest.test_adapters import NOW, decoder


def config(name: str, **fields: object) -> Message:
    said = {"state_topic": f"states/{name}", "availability_topic": "up", **fields}
    return Message(f"homeassistant/sensor/node/{name}/config", orjson.dumps(said), NOW)


def removal(name: str) -> Message:
    return Message(f"homeassistant/sensor/node/{name}/config", b"", NOW)


def test_no_more_sensors_than_can_be_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(homeassistant, "MAX_SENSORS", 3)
    decoding = decoder()
    decoded = decoding.decode([config(f"m{n}") for n in range(4)])
    assert [(problem.message, problem.reason) for problem in decoded.problems] == [(3, "more than 3 sensors")]
    again = decoding.decode([removal("m0"), config("m3"), Message("states/m3", b"1", NOW)])
    assert again.value.tolist() == [1.0]


def test_sensors_that_come_and_go_leave_nothing() -> None:
    adapters = make_adapters()
    empty = adapters.save()
    decoding = decoder(adapters=adapters)
    decoding.decode([config(f"m{n}", availability_mode="all") for n in range(20)] + [Message("up", b"online", NOW)])
    assert adapters.save() != empty
    decoding.decode([removal(f"m{n}") for n in range(20)])
    assert adapters.save() == empty


def test_an_availability_is_told_once_for_each_device() -> None:
    decoding = decoder()
    decoding.decode([config("a"), config("b"), config("c", device={"identifiers": ["other"]})])
    statuses = decoding.decode([Message("up", b"online", NOW)]).statuses
    assert [(status.device, status.online) for status in statuses] == [("node", True), ("other", True)]


@given(st.text(max_size=60))
def test_any_text_is_a_template_or_none(text: str) -> None:
    parse_template(text)
    parse_template(f"{{{{ value_json{text} }}}}")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=3),
    max_leaves=8,
)


@given(json_values, st.lists(st.sampled_from(["a", "b"]) | st.integers(-3, 3), max_size=4))
def test_a_path_finds_something_or_nothing(value: object, path: list[str | int]) -> None:
    template = Template(json=True, path=tuple(path), filters=("int", 2))
    found = template.find(value)
    if found is not Absent.ABSENT:
        assert template.number(found) is None or isinstance(template.number(found), float | int)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 10**400])
def test_what_cannot_be_rounded_is_told_as_it_is(value: object) -> None:
    number = Template(json=True, path=(), filters=("int", 2)).number(value)
    assert number is not None
    assert not abs(number) < 1e300
