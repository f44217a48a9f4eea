"""What a Sparkplug host remembers of edge nodes: births, sequence numbers, and whom it asked for a rebirth.

Births say which metric an alias is. They are not retained by the broker, so a host that starts late or misses a
message has to ask for them (Sparkplug 3.0.0, 5.9 and 6.4). Bounded: of too many nodes those born longest ago go.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ingest.reading import NS_PER_SECOND

MAX_NODES = 1 << 13
MAX_SIZE = 1 << 19
"""Names and aliases of all births together."""
LONGEST_NAME = 512
"""Bytes of a metric's name that is kept; a longer one can be no name of ours, not even in four bytes a character."""
ASK_EVERY_NS = 30 * NS_PER_SECOND
"""A node is not asked for a rebirth again before this is over: many messages may go missing at once."""
SEQUENCES = 256
NO_SEQ = -1
NEVER = -(2**63)

NodeName: TypeAlias = tuple[str, str]
"""(group, edge node) as in topics."""


@dataclass(frozen=True, slots=True)
class Known:
    """A metric as its birth declared it."""

    name: bytes
    """As sent, members of templates with their path."""
    metric: str
    """Encoded, as it is called in our registry."""
    datatype: int
    unit: str | None


@dataclass(slots=True)
class Birth:
    """The metrics of a node itself or of one of its devices, by name as sent and by alias."""

    by_name: dict[bytes, Known] = field(default_factory=dict)
    by_alias: dict[int, Known] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How much is kept."""
        return len(self.by_name) + len(self.by_alias)

    def declare(self, alias: int | None, known: Known) -> None:
        """Take in a metric of a birth; of two with the same name the first counts."""
        if len(known.name) > LONGEST_NAME:
            return
        known = self.by_name.setdefault(known.name, known)
        if alias is not None:
            self.by_alias[alias] = known

    def save(self) -> list[object]:
        """Its metrics and its aliases, as values that JSON can hold."""
        names = [[known.name.hex(), known.metric, known.datatype, known.unit] for known in self.by_name.values()]
        return [names, [[alias, known.name.hex()] for alias, known in self.by_alias.items()]]

    @classmethod
    def restored(cls, names: Any, aliases: Any) -> Birth:
        """What `save` gave."""
        birth = cls()
        for name, metric, datatype, unit in names:
            birth.declare(None, Known(bytes.fromhex(name), str(metric), int(datatype), unit and str(unit)))
        birth.by_alias = {int(alias): birth.by_name[bytes.fromhex(name)] for alias, name in aliases}
        return birth


@dataclass(slots=True)
class Node:
    """One edge node and its session."""

    born: bool = False
    trusted: bool = True
    """False after a restart of ours, until the next birth: something may have been missed."""
    bd_seq: int | None = None
    seq: int = NO_SEQ
    asked_at: int = NEVER
    births: dict[str | None, Birth] = field(default_factory=dict)
    """By device; None: the node itself."""

    def follow(self, seq: int | None) -> bool:
        """Note a message's sequence number; whether it is the one that had to come."""
        orderly = self.born and self.trusted and seq == (self.seq + 1) % SEQUENCES
        if seq is not None:
            self.seq = seq
        return orderly

    def may_ask(self, now: int) -> bool:
        """Whether it is time to ask for a rebirth; it then counts as asked."""
        if self.asked_at <= now < self.asked_at + ASK_EVERY_NS:
            return False
        self.asked_at = now
        return True


class Nodes:
    """All edge nodes that were heard of."""

    def __init__(self) -> None:
        self._nodes: dict[NodeName, Node] = {}
        self._size = 0
        self.revision = 0

    def get(self, name: NodeName) -> Node:
        """The node of that name, a new one at first sight."""
        node = self._nodes.get(name)
        if node is None:
            node = self._nodes[name] = Node()
            self._make_room(name)
        return node

    def bear(self, name: NodeName, device: str | None, birth: Birth | None) -> None:
        """Keep the birth of a device, or of a node itself, which ends all earlier ones; None: a device has died."""
        self.revision += 1
        node = self._nodes[name] = self._nodes.pop(name)  # now the last to be forgotten
        if device is None:
            self._forget_births(node)
        old = node.births.pop(device, None)
        self._size -= old.size if old is not None else 0
        if birth is not None:
            node.births[device] = birth
            self._size += birth.size
            self._make_room(name)

    def _forget_births(self, node: Node) -> None:
        self._size -= sum(birth.size for birth in node.births.values())
        node.births.clear()

    def _make_room(self, newest: NodeName) -> None:
        while self._size > MAX_SIZE or len(self._nodes) > MAX_NODES:
            oldest = next(iter(self._nodes))
            self._forget_births(self._nodes[oldest])
            if oldest == newest:
                return
            del self._nodes[oldest]

    def save(self) -> object:
        """All of it, as values that JSON can hold."""
        return [
            [*name, node.born, node.bd_seq, node.seq, _births(node)]
            for name, node in self._nodes.items()
            if node.born or node.births
        ]

    def restore(self, saved: Any) -> None:
        """Take back what `save` gave; each node has to be born again before it is trusted."""
        nodes: dict[NodeName, Node] = {}
        for group, name, born, bd_seq, seq, births in saved:
            node = nodes[str(group), str(name)] = Node(born is True, False, bd_seq, int(seq))
            for device, names, aliases in births:
                node.births[device] = Birth.restored(names, aliases)
        self._nodes = nodes
        self._size = sum(birth.size for node in nodes.values() for birth in node.births.values())


def _births(node: Node) -> list[object]:
    return [[device, *birth.save()] for device, birth in node.births.items()]
