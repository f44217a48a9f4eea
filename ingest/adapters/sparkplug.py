"""Sparkplug B (Eclipse Sparkplug Specification 3.0.0, https://sparkplug.eclipse.org/specification/).

spBv1.0/{group}/{NBIRTH|NDATA|NDEATH}/{node}            the site is the group, the device the node
spBv1.0/{group}/{DBIRTH|DDATA|DDEATH}/{node}/{device}   the device is `{node}:{device}`

A birth declares names, aliases, types and units; data may carry aliases alone. Each message of a node counts one up,
0 to 255; a gap, an alias of no birth or data without a birth asks for a rebirth, as a wish to publish. A death counts
if its bdSeq is that of the birth. What is marked historical is stored and never judged. Texts, booleans, data sets and
the node's controls are no readings; members of templates are, as `{template}/{member}`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

from ingest.adapters.adapter import (
    NO_TIME,
    Adapter,
    Arrival,
    DeviceStatus,
    Publish,
    Route,
    Rows,
    Surroundings,
    no_reading,
    unreadable,
)
from ingest.adapters.naming import device_name, encode_metric, site_name, unit_of
from ingest.adapters.sparkplugproto import message_class, parse_payload
from ingest.adapters.sparkplugstate import LONGEST_NAME, NEVER, Birth, Known, Node, NodeName, Nodes
from ingest.adapters.stamps import NS_PER_MS, from_ms
from ingest.names import name_problem
from ingest.payload import PayloadError

NAMESPACE = "spBv1.0"
REBIRTH = b"Node Control/Rebirth"
BD_SEQ = b"bdSeq"
CONTROLS = (b"Node Control/", b"Device Control/", BD_SEQ)
"""Metrics of the protocol itself."""
UNIT_PROPERTIES = (b"engUnit", b"Engineering Units")
"""Properties that hold a unit; the specification has none, these are Ignition's and Chariot's."""
GOOD_QUALITY = 192
WIDTHS = {1: 8, 2: 16, 3: 32, 4: 64}
"""Bits of the signed types, which travel as unsigned numbers (section 6.4.16)."""
UNSIGNED = frozenset({5, 6, 7, 8})
FLOATS = frozenset({9, 10})
BOOLEAN = 11
NO_NUMBERS = {
    11: "Boolean", 12: "String", 13: "DateTime", 14: "Text", 15: "UUID", 16: "DataSet", 17: "Bytes", 18: "File",
    19: "Template",
}  # fmt: skip
"""Types that are none, by name."""
_FLOAT_FIELDS, _WHOLE_FIELDS = frozenset({"double_value", "float_value"}), frozenset({"int_value", "long_value"})
_NUMBERS = UNSIGNED | FLOATS | frozenset(WIDTHS)
_DEEPEST = 4
"""Templates within templates."""


def adapter(_: Surroundings) -> Adapter:
    """All edge nodes of all groups."""
    nodes = Nodes()
    return Adapter(partial(_route, nodes), nodes)


def _route(nodes: Nodes, topic: str) -> Route | None:
    levels = topic.split("/")
    if levels[0] != NAMESPACE:
        return None
    try:
        match levels[1:]:
            case ("STATE", *_) | (_, "NCMD" | "DCMD", *_):
                return no_reading
            case (group, "NBIRTH" | "NDATA" | "NDEATH" as kind, node) if node:
                return partial(_Message(nodes, (group, node), None).read, kind)
            case (group, "DBIRTH" | "DDATA" | "DDEATH" as kind, node, device) if node and device:
                return partial(_Message(nodes, (group, node), device).read, kind)
    except PayloadError as error:
        return unreadable(str(error))
    return unreadable(f"topic {topic[:200]!r} is none of {NAMESPACE}/{{group}}/{{type}}/{{node}}[/{{device}}]")


class _Message:
    """Reads the messages of one node or one of its devices."""

    def __init__(self, nodes: Nodes, name: NodeName, device: str | None) -> None:
        self._nodes, self._name, self._sent_device = nodes, name, device
        self._site = site_name(name[0])
        self._device = _device(name[1], device)

    def read(self, kind: str, payload: bytes, arrival: Arrival, rows: Rows) -> None:
        """Take one message."""
        said = parse_payload(payload)
        rows.begin(0)
        node = self._nodes.get(self._name)
        if kind == "NDEATH":
            self._node_died(node, said, arrival, rows)
            return
        seq = said.seq if said.HasField("seq") else None
        if kind == "NBIRTH":
            self._node_born(node, said, arrival, rows)
            node.follow(seq)
        orderly = kind == "NBIRTH" or node.follow(seq)
        if kind == "DDEATH":
            self._nodes.bear(self._name, self._sent_device, None)
            self._status(self._device, False, arrival, rows)
        elif not self._take(kind, node, said, arrival, rows):
            orderly = False
        if not orderly and node.may_ask(arrival.received_at):
            rows.wishes.append(self._rebirth(arrival))

    def _rebirth(self, arrival: Arrival) -> Publish:
        """The command to send all births again (section 5.9); it carries no sequence number."""
        now = arrival.received_at // NS_PER_MS
        message = message_class()(timestamp=now)
        message.metrics.add(name=REBIRTH, timestamp=now, datatype=BOOLEAN, boolean_value=True)
        group, node = self._name
        return Publish(f"{NAMESPACE}/{group}/NCMD/{node}", message.SerializeToString())

    # -- births and deaths ---------------------------------------------------------------------------------------
    def _node_born(self, node: Node, said: Any, arrival: Arrival, rows: Rows) -> None:
        """A session begins, or, with the same bdSeq, is told again."""
        bd_seq = _bd_seq(said)
        if node.born and bd_seq != node.bd_seq:  # its death was missed
            self._devices_died(node, arrival, rows)
        node.born = node.trusted = True
        node.bd_seq = bd_seq
        node.asked_at = NEVER
        self._status(self._device, True, arrival, rows)

    def _node_died(self, node: Node, said: Any, arrival: Arrival, rows: Rows) -> None:
        """The will of a session; that of an earlier one is no news."""
        if node.born and _bd_seq(said) != node.bd_seq:
            return
        node.born = False
        self._status(self._device, False, arrival, rows)
        self._devices_died(node, arrival, rows)

    def _devices_died(self, node: Node, arrival: Arrival, rows: Rows) -> None:
        for device in node.births:
            if device is not None:
                self._status(_device(self._name[1], device), False, arrival, rows)

    def _status(self, device: str, online: bool, arrival: Arrival, rows: Rows) -> None:
        rows.statuses.append(DeviceStatus(self._site, device, online, arrival.received_at))

    # -- metrics -------------------------------------------------------------------------------------------------
    def _take(self, kind: str, node: Node, said: Any, arrival: Arrival, rows: Rows) -> bool:
        """Take the values of a birth or of data; whether all of them were declared."""
        born = kind in {"NBIRTH", "DBIRTH"}
        if born:
            birth = Birth()
            for name, metric in _flat(said.metrics, b"", _DEEPEST):
                birth.declare(metric.alias if metric.HasField("alias") else None, _declared(name, metric))
            self._nodes.bear(self._name, self._sent_device, birth)
            if self._sent_device is not None:
                self._status(self._device, True, arrival, rows)
        else:
            known_birth = node.births.get(self._sent_device)
            birth = known_birth or Birth()
            born = known_birth is not None
        sent_at = said.timestamp if said.HasField("timestamp") else None
        values = _Values(self._site, self._device, birth, arrival, rows)
        return values.take(said.metrics, b"", sent_at, _DEEPEST) and born


class _Values:
    """Turns the metrics of one message into rows."""

    def __init__(self, site: str, device: str, birth: Birth, arrival: Arrival, rows: Rows) -> None:
        self._site, self._device, self._birth, self._arrival, self._rows = site, device, birth, arrival, rows
        self._stamp: int | None = None
        self._time: int | None = NO_TIME

    def take(self, metrics: Any, above: bytes, sent_at: int | None, deep: int) -> bool:
        """Rows of all metrics that can be taken; whether all of them were declared.

        `above` is the path to them, `sent_at` (ms) stands in where they have no time.
        """
        declared = True
        for metric in metrics:
            name = metric.name
            if name:
                known = self._birth.by_name.get(above + name)
            else:
                known = self._birth.by_alias.get(metric.alias)
                if known is None:
                    nameless = "a metric has neither name nor alias"
                    unknown = f"alias {metric.alias} is of no birth that was seen"
                    self._rows.refuse(unknown if metric.HasField("alias") else nameless)
                    declared = False
                    continue
            if known is None:
                known = _declared(above + name, metric)
                declared = False
            if not known.name.startswith(CONTROLS):
                declared &= self._metric(metric, known, metric.timestamp or sent_at, deep)
        return declared

    def _metric(self, metric: Any, known: Known, stamp: int | None, deep: int) -> bool:
        which = metric.WhichOneof("value")
        if which is None or metric.is_null:
            return True
        if which == "template_value":
            template = metric.template_value
            if template.is_definition:
                return True
            if deep:
                return self.take(template.metrics, known.name + b"/", stamp, deep - 1)
        datatype = known.datatype or metric.datatype
        value = _number(getattr(metric, which), which, datatype)
        if value is None:
            reason = f"a value of type {NO_NUMBERS.get(datatype, which.removesuffix('_value'))} is no number"
            self._rows.leave_out(self._site, self._device, known.metric, known.unit, reason)
        elif not math.isfinite(value):
            self._rows.refuse(f"value should be a finite number, not {value}", known.metric)
        elif metric.HasField("properties") and (quality := _quality(metric.properties)) != GOOD_QUALITY:
            self._rows.refuse(f"the device says that the value is of quality {quality}", known.metric)
        else:
            self._add(known, stamp, value, historical=metric.is_historical)
        return True

    def _add(self, known: Known, stamp: int | None, value: float, *, historical: bool) -> None:
        if stamp != self._stamp:
            self._stamp = stamp
            self._time = NO_TIME if stamp is None else from_ms(stamp, "timestamp", self._arrival, self._rows)
        key = None if self._time is None else self._rows.key_of(self._site, self._device, known.metric, known.unit)
        if key is None or self._time is None:
            return
        if historical:
            self._rows.historical.append(len(self._rows.key))
        self._rows.add(key, self._time, value)


def _device(node: str, device: str | None) -> str:
    """Our name of a node or of a device behind it. Raises PayloadError."""
    name = device_name(node).replace(":", "%3A")
    if device is not None:
        name = f"{name}:{device_name(device)}"
    problem = name_problem(name, "device")
    if problem:
        raise PayloadError(problem)
    return name


def _flat(metrics: Any, above: bytes, deep: int) -> Iterator[tuple[bytes, Any]]:
    """Metrics of a birth with their whole names, members of templates included."""
    for metric in metrics:
        name = above + metric.name
        yield name, metric
        if deep and metric.WhichOneof("value") == "template_value" and not metric.template_value.is_definition:
            yield from _flat(metric.template_value.metrics, name + b"/", deep - 1)


def _declared(name: bytes, metric: Any) -> Known:
    """What a metric says about itself."""
    said = name[: LONGEST_NAME + 1].decode("utf-8", "replace")
    unit = _unit(metric.properties) if metric.HasField("properties") else None
    return Known(name, encode_metric(said), metric.datatype, unit)


def _number(value: Any, which: str, datatype: int) -> float | None:
    """The number that a value of that field and type is; None if it is none."""
    if datatype and datatype not in _NUMBERS:
        return None
    if which in _FLOAT_FIELDS:
        return float(value)
    if which not in _WHOLE_FIELDS:
        return None
    bits = WIDTHS.get(datatype)
    if bits is not None:
        value &= (1 << bits) - 1
        return float(value - (1 << bits) if value >> (bits - 1) else value)
    return float(value)


def _quality(properties: Any) -> int:
    for key, value in zip(properties.keys, properties.values, strict=False):
        if key == b"Quality":
            return int(value.int_value or value.long_value)
    return GOOD_QUALITY


def _unit(properties: Any) -> str | None:
    for key, value in zip(properties.keys, properties.values, strict=False):
        if key in UNIT_PROPERTIES:
            return unit_of(value.string_value.decode("utf-8", "replace"))
    return None


def _bd_seq(said: Any) -> int | None:
    for metric in said.metrics:
        if metric.name == BD_SEQ:
            return int(metric.long_value or metric.int_value)
    return None
