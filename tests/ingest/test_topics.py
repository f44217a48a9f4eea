"""Which topics a filter covers."""

import pytest

from ingest.topics import TopicFilters, covers


@pytest.mark.parametrize(
    ("topic_filter", "topic", "covered"),
    [
        pytest.param("a/b", "a/b", True, id="the same"),
        pytest.param("a/b", "a/b/c", False, id="longer"),
        pytest.param("a/b/c", "a/b", False, id="shorter"),
        pytest.param("a/+/c", "a/b/c", True, id="one level"),
        pytest.param("a/+", "a/b/c", False, id="one level is not two"),
        pytest.param("a/#", "a/b/c", True, id="the rest"),
        pytest.param("a/#", "a", True, id="the rest may be nothing"),
        pytest.param("#", "a/b", True, id="everything"),
        pytest.param("#", "$SYS/uptime", False, id="everything but the broker's own"),
        pytest.param("+/uptime", "$SYS/uptime", False, id="nor by one level"),
        pytest.param("$share/workers/a/#", "a/b", True, id="a shared subscription"),
        pytest.param("a//b", "a//b", True, id="an empty level"),
    ],
)
def test_covers(topic_filter: str, topic: str, covered: bool) -> None:
    assert covers(topic_filter, topic) is covered


def test_any_of_several() -> None:
    filters = TopicFilters(["a/#", "b/+"])
    assert [filters.match(topic) for topic in ("a/x/y", "b/x", "b/x/y", "a/x/y")] == [True, True, False, True]
