"""Mappings are checked when they are read: one line says which mapping, which key, and what is allowed."""

import contextlib
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.adapters.jsonpath import Path, parse_path
from ingest.adapters.mapping import Level, parse_mappings
from ingest.errors import InputError

GOOD: dict[str, Any] = {"topic": "a/{x}", "device": "{x}", "value": [{"metric": "m", "value": "$.v"}]}
"""A mapping that is right; each row of the tables changes one key of it."""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"topic": None}, "mapping 1: topic is missing", id="no topic"),
        pytest.param({"topic": ""}, "topic = '' must be a text", id="empty topic"),
        pytest.param({"topic": 5}, "topic = 5 must be a text", id="topic is a number"),
        pytest.param({"topic": "a/{x"}, "topic = 'a/{x' has levels other than", id="an open brace"),
        pytest.param({"topic": "a/b{x}"}, "has levels other than", id="a part of a level"),
        pytest.param({"topic": "a/#/b"}, "goes on after the level that stands for the rest", id="# before the end"),
        pytest.param({"topic": "{x+}/b"}, "goes on after the level that stands for the rest", id="rest before the end"),
        pytest.param({"topic": "{x}/{x}"}, "names a part twice", id="a part twice"),
        pytest.param({"device": None}, "mapping 1: device is missing", id="no device"),
        pytest.param({"device": "{y}"}, "device = '{y}' holds {y}; the parts here are {x}", id="an unknown part"),
        pytest.param({"device": "$.a..b"}, "must be a path such as", id="no path"),
        pytest.param({"site": "$.a.*"}, "must be a path such as", id="a site of all members"),
        pytest.param({"payload": "xml"}, "payload = 'xml' must be one of json, number", id="an unknown payload"),
        pytest.param({"time_format": "days"}, "must be one of iso, s, ms, us, ns", id="an unknown time format"),
        pytest.param({"time": "when"}, "time = 'when' must be a path", id="a time that is no path"),
        pytest.param({"zone": "Moon/Base"}, "must be a time zone such as 'Europe/Berlin'", id="an unknown zone"),
        pytest.param({"text_numbers": 1}, "must be true or false", id="a flag that is none"),
        pytest.param({"topics": "x"}, "unknown key 'topics'; allowed are topic, payload", id="an unknown key"),
        pytest.param({"value": None}, "value must be a list of tables, written [[mapping.value]]", id="no values"),
        pytest.param({"value": []}, "must be a list of tables", id="an empty list of values"),
        pytest.param({"value": [5]}, "must be a list of tables", id="a value that is a number"),
        pytest.param({"value": [{"metric": "m"}]}, "mapping 1: value 1: value is missing", id="no path to a value"),
        pytest.param({"value": [{"value": "$.v"}]}, "value 1: metric is missing", id="no metric"),
        pytest.param({"value": [{"value": "$.v", "metric": "{key}"}]}, "the parts here are {x}", id="a key of nothing"),
        pytest.param({"value": [{"value": "$", "metric": "m", "scale": 0}]}, "a number that is not 0", id="scale 0"),
        pytest.param({"value": [{"value": "$", "metric": "m", "scale": "2"}]}, "a number that is", id="scale a text"),
        pytest.param({"value": [{"value": "$", "metric": "m", "factor": 2}]}, "unknown key 'factor'", id="unknown"),
    ],
)
def test_what_is_wrong_with_a_mapping(changes: dict[str, Any], reason: str) -> None:
    table = {key: value for key, value in (GOOD | changes).items() if value is not None}
    with pytest.raises(InputError) as error:
        parse_mappings({"mapping": [table]}, "mapping.toml")
    assert str(error.value).startswith("mapping.toml: mapping 1: ")
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("[mapping]\ntopic='x'", "'mapping' must be a list of tables", id="one table"),
        pytest.param("[mappings]", "unknown key 'mappings'", id="another key"),
        pytest.param("mapping = [1]", "'mapping' must be a list of tables", id="a list of numbers"),
    ],
)
def test_what_is_wrong_with_a_file(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        parse_mappings(tomllib.loads(text), "mapping.toml")


def test_a_file_without_mappings_is_none() -> None:
    assert parse_mappings({}, "mapping.toml") == ()


def test_more_mappings_than_are_allowed() -> None:
    with pytest.raises(InputError, match="1001 mappings; allowed are 1000"):
        parse_mappings({"mapping": [GOOD] * 1001}, "mapping.toml")


@pytest.mark.parametrize(
    ("pattern", "topic", "parts"),
    [
        pytest.param("a/b", "a/b", {}, id="the topic itself"),
        pytest.param("a/b", "a/c", None, id="another topic"),
        pytest.param("a/b", "a", None, id="a shorter topic"),
        pytest.param("a/b", "a/b/c", None, id="a longer topic"),
        pytest.param("a/{x}/{y}", "a/1/2", {"x": "1", "y": "2"}, id="parts"),
        pytest.param("a/+/c", "a/b/c", {}, id="any level"),
        pytest.param("a/#", "a/b/c", {}, id="any rest"),
        pytest.param("a/{x+}", "a/b/c", {"x": "b/c"}, id="a named rest"),
        pytest.param("a/{x+}", "a", None, id="no rest"),
        pytest.param("#", "a/b", {}, id="everything"),
    ],
)
def test_topics(pattern: str, topic: str, parts: dict[str, str] | None) -> None:
    [mapping] = parse_mappings({"mapping": [GOOD | {"topic": pattern, "device": "d"}]}, "mapping.toml")
    assert mapping.match(topic) == parts


def test_levels_are_read_once() -> None:
    [mapping] = parse_mappings({"mapping": [GOOD | {"topic": "a/+/{x}/{y+}"}]}, "mapping.toml")
    assert mapping.levels == (Level("a"), Level(), Level(part="x"), Level(part="y", rest=True))


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        pytest.param("$", (), id="the whole"),
        pytest.param("@.a.b2", ("a", "b2"), id="names"),
        pytest.param("$['a b'][\"c.d\"]", ("a b", "c.d"), id="any names"),
        pytest.param("$[0][-1]", (0, -1), id="places"),
        pytest.param("a.b", None, id="no root"),
        pytest.param("$.", None, id="a dot alone"),
        pytest.param("$.a b", None, id="a blank"),
        pytest.param("$[x]", None, id="a name without quotes"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_paths(text: str, steps: tuple[str | int, ...] | None) -> None:
    assert parse_path(text) == (None if steps is None else Path(text, text[0], steps))


toml_values = st.recursive(
    st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "$.a", "@", "{x}", "a/{x}", "ms"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["metric", "value"]), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*GOOD, "time", "zone", "items", "payload", "seq", "unit"]), toml_values))
def test_any_table_is_a_mapping_or_has_a_reason(table: dict[str, Any]) -> None:
    with contextlib.suppress(InputError):
        [mapping] = parse_mappings({"mapping": [GOOD | table]}, "mapping.toml")
        assert mapping.values
