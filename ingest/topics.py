"""MQTT topic filters: which topics they cover."""

from __future__ import annotations

from collections.abc import Sequence

MAX_REMEMBERED = 1 << 17
_SHARED = "$share/"


def covers(topic_filter: str, topic: str) -> bool:
    """Whether a topic filter (MQTT 3.1.1, 4.7) covers a topic; of a shared subscription its filter counts.

    >>> covers("forewarn/v1/#", "forewarn/v1/plant/pump/telemetry"), covers("a/+/c", "a/b/d")
    (True, False)
    """
    if topic_filter.startswith(_SHARED):
        topic_filter = topic_filter.split("/", 2)[-1]
    wanted, levels = topic_filter.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in {"+", "#"}:
        return False
    for place, level in enumerate(wanted):
        if level == "#":
            return True
        if place >= len(levels) or level not in {"+", levels[place]}:
            return False
    return len(wanted) == len(levels)


class TopicFilters:
    """Several filters, with the answers of topics seen before remembered."""

    def __init__(self, filters: Sequence[str]) -> None:
        self._filters = tuple(filters)
        self._known: dict[str, bool] = {}

    def match(self, topic: str) -> bool:
        """Whether any of the filters covers the topic."""
        known = self._known.get(topic)
        if known is None:
            known = any(covers(one, topic) for one in self._filters)
            if len(self._known) >= MAX_REMEMBERED:
                self._known.clear()
            self._known[topic] = known
        return known
