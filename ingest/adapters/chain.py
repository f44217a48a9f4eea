"""All payload formats together: the table is asked from the top which adapter reads a topic.

topic ─▶ remembered route │ first adapter of the table that knows the topic │ "no adapter reads this topic"
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import orjson

from ingest.adapters.adapter import Adapter, BuildAdapter, FindRoute, MachineOf, Route, Surroundings, unreadable
from ingest.adapters.options import Options
from ingest.machine import UNKNOWN

MAX_ROUTES = 1 << 17
"""Topics whose route is remembered before the memory is cleared."""
LONGEST_REMEMBERED = 512
"""Characters of a topic; a longer one is looked up each time, so that invented topics cannot fill the memory."""
_VERSION = 1


class Adapters:
    """The adapters of a table with what they have learned; one object for each stream of messages."""

    def __init__(
        self,
        table: Mapping[str, BuildAdapter],
        options: Options,
        machine_of: MachineOf = lambda _site, _device: UNKNOWN,
    ) -> None:
        self._adapters: dict[str, Adapter] = {}
        self._routes: dict[str, Route] = {}
        for name, build in table.items():
            before = partial(_first, tuple(self._adapters.values()))
            self._adapters[name] = build(Surroundings(options, before, self._routes.clear, machine_of))
        self._find: FindRoute = partial(_first, tuple(self._adapters.values()))
        self._nobody = unreadable("no adapter reads this topic")

    def route(self, topic: str) -> Route:
        """What reads payloads of that topic; it may change with every payload read."""
        route = self._routes.get(topic)
        if route is None:
            route = self._find(topic) or self._nobody
            if len(self._routes) >= MAX_ROUTES:
                self._routes.clear()
            if len(topic) <= LONGEST_REMEMBERED:
                self._routes[topic] = route
        return route

    @property
    def revision(self) -> int:
        """Grows when an adapter learned something without which it could not read later messages."""
        return sum(one.memory.revision for one in self._adapters.values() if one.memory is not None)

    def save(self) -> bytes:
        """What the adapters have learned from messages (births, discovered sensors), for `restore`."""
        memories = {name: one.memory.save() for name, one in self._adapters.items() if one.memory is not None}
        return orjson.dumps({"version": _VERSION, "memories": memories})

    def restore(self, blob: bytes) -> None:
        """Take back what `save` gave. What cannot be read is left out: formats that remember can learn it again."""
        try:
            saved = orjson.loads(blob)
            memories = saved["memories"] if saved["version"] == _VERSION else {}
        except (ValueError, LookupError, TypeError):
            return
        for name, adapter in self._adapters.items():
            if adapter.memory is not None and isinstance(memories, dict) and name in memories:
                try:
                    adapter.memory.restore(memories[name])
                except (LookupError, TypeError, ValueError, AttributeError):
                    continue
        self._routes.clear()


def _first(adapters: tuple[Adapter, ...], topic: str) -> Route | None:
    for adapter in adapters:
        route = adapter.route(topic)
        if route is not None:
            return route
    return None
