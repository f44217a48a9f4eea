"""Home Assistant's MQTT discovery: sensors that register themselves.

https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery

homeassistant/sensor/[{node}/]{object}/config   retained: where its states are, in which unit, when they expire
{state_topic}                                   the number, as text or within JSON; no time
{availability_topic}                            online | offline, or the words that the configuration names

The device is what the configuration identifies it by, else the node; the metric is the object. Topics that another
format reads (Zigbee2MQTT and Tasmota announce themselves here as well) are left to that format.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

from ingest.adapters.adapter import (
    NO_TIME,
    Adapter,
    Arrival,
    DeviceStatus,
    Registration,
    Route,
    Rows,
    Surroundings,
    no_reading,
)
from ingest.adapters.hadiscovery import LONGEST_TOPIC, Availability, NoNumberError, Sensor, sensors
from ingest.adapters.hatemplate import Template
from ingest.adapters.jsonpath import Absent
from ingest.payload import PayloadError, kind, parse_json

MAX_SENSORS = 1 << 15
"""Sensors remembered; beyond, new configurations are refused."""
_UNREAD = object()


def adapter(around: Surroundings) -> Adapter:
    """Sensors discovered below the discovery prefix."""
    discovered = _Discovered(around)
    return Adapter(discovered.route, discovered)


class _Discovered:
    """The sensors that configurations announced, by the topics that speak of them."""

    def __init__(self, around: Surroundings) -> None:
        self._around, self._site = around, around.options.site
        self.revision = 0
        self._prefix = f"{around.options.homeassistant_prefix}/"
        self._configured: dict[str, tuple[Sensor, ...]] = {}
        self._by_state: dict[str, dict[tuple[str, str], Sensor]] = {}
        self._by_availability: dict[str, dict[tuple[str, str], Sensor]] = {}
        self._owner: dict[tuple[str, str], str] = {}
        self._online: dict[str, bool] = {}

    def route(self, topic: str) -> Route | None:
        """The route of a configuration, or of a topic that one named."""
        if topic.startswith(self._prefix):
            levels = topic.removeprefix(self._prefix).split("/")
            if levels[-1] == "config" and len(levels) in {3, 4}:
                node = levels[1] if len(levels) == 4 else ""
                return partial(self._configure, topic, levels[0], node, levels[-2])
            if levels == ["status"]:
                return no_reading
        if topic in self._by_state or topic in self._by_availability:
            return partial(self._said, topic)
        return None

    # -- configurations ------------------------------------------------------------------------------------------
    def _configure(
        self, topic: str, component: str, node: str, object_id: str, payload: bytes, _: Arrival, rows: Rows
    ) -> None:
        """Take over a configuration in the place of the earlier one; an empty one takes the sensors away."""
        if component not in {"sensor", "device"}:
            return
        if len(topic) > LONGEST_TOPIC:
            raise PayloadError(f"a topic of {len(topic)} characters, allowed are {LONGEST_TOPIC}")
        said = list(sensors(component, node, object_id, parse_json(payload))) if payload else []
        self._forget(topic)
        found = []
        for item, sensor in enumerate(said):
            rows.begin(item)
            problem = str(sensor) if isinstance(sensor, PayloadError) else self._problem(sensor, topic)
            if isinstance(sensor, NoNumberError) or problem == "":
                continue
            if problem or isinstance(sensor, PayloadError):
                rows.refuse(problem or "")
                continue
            found.append(sensor)
            self._owner[sensor.device, sensor.metric] = topic
            rows.registrations.extend(self._registrations(sensor))
        self._remember(topic, tuple(found))

    def _problem(self, sensor: Sensor, topic: str) -> str | None:
        """Why a sensor is not taken; an empty text if that is as it should be, None if it is taken."""
        if self._around.is_read(sensor.state_topic) is not None:
            return ""
        owner = self._owner.get((sensor.device, sensor.metric), topic)
        if owner != topic:
            return f"{owner} configures metric {sensor.metric!r} of device {sensor.device!r} already"
        return f"more than {MAX_SENSORS} sensors" if len(self._owner) >= MAX_SENSORS else None

    def _registrations(self, sensor: Sensor) -> Iterator[Registration]:
        yield Registration(
            self._site,
            sensor.device,
            sensor.metric,
            basis=sensor.device_class,
            expire_after_s=sensor.expire_after_s,
        )
        if sensor.title is not None:
            yield Registration(self._site, sensor.device, title=sensor.title)

    def _remember(self, topic: str, found: tuple[Sensor, ...]) -> None:
        if not found:
            return
        self._configured[topic] = found
        for sensor in found:
            name = (sensor.device, sensor.metric)
            self._owner[name] = topic
            self._by_state.setdefault(sensor.state_topic, {})[name] = sensor
            for one in sensor.availability:
                self._by_availability.setdefault(one.topic, {})[name] = sensor
        self._around.forget_routes()
        self.revision += 1

    def _forget(self, topic: str) -> None:
        for sensor in self._configured.pop(topic, ()):
            name = (sensor.device, sensor.metric)
            self._owner.pop(name, None)
            _drop(self._by_state, sensor.state_topic, name)
            for one in sensor.availability:
                if _drop(self._by_availability, one.topic, name):
                    self._online.pop(one.topic, None)
            self._around.forget_routes()
            self.revision += 1

    # -- states and availability ---------------------------------------------------------------------------------
    def _said(self, topic: str, payload: bytes, arrival: Arrival, rows: Rows) -> None:
        """A state, an availability, or both."""
        try:
            text = payload.decode("utf-8")
        except UnicodeDecodeError as error:
            raise PayloadError(f"payload is not UTF-8: byte {error.start} is {payload[error.start]:#04x}") from error
        rows.begin(0)
        content = _Content(payload, text)
        for sensor in self._by_state.get(topic, {}).values():
            self._state(sensor, content, rows)
        members = self._by_availability.get(topic)
        if members:
            self._availability(topic, list(members.values()), content, arrival, rows)

    def _state(self, sensor: Sensor, content: _Content, rows: Rows) -> None:
        try:
            value = content.find(sensor.template)
        except PayloadError as error:
            rows.refuse(str(error), sensor.metric)
            return
        if value is Absent.ABSENT:
            return
        number = sensor.template.number(value)
        if number is None:
            said = repr(value[:40]) if isinstance(value, str) else kind(value)
            rows.refuse(f"value should be a finite number, not {said}", sensor.metric)
            return
        key = rows.key_of(self._site, sensor.device, sensor.metric, sensor.unit)
        if key is not None:
            rows.add(key, NO_TIME, number)

    def _availability(self, topic: str, members: list[Sensor], content: _Content, arrival: Arrival, rows: Rows) -> None:
        """Tell the state of each device that has a sensor which depends on this topic."""
        told: set[str] = set()
        for sensor in members:
            if sensor.device in told:
                continue
            one = next(one for one in sensor.availability if one.topic == topic)
            online = _online(one, content)
            if online is None:
                continue
            self._online[topic] = online
            told.add(sensor.device)
            known = [self._online[one.topic] for one in sensor.availability if one.topic in self._online]
            together = {"all": all(known), "any": any(known)}.get(sensor.mode, online)
            rows.statuses.append(DeviceStatus(self._site, sensor.device, together, arrival.received_at))

    # -- state ---------------------------------------------------------------------------------------------------
    def save(self) -> object:
        """All sensors by the topic of their configuration, and what is known about availability."""
        configured = {topic: [asdict(sensor) for sensor in found] for topic, found in self._configured.items()}
        return {"configured": configured, "online": self._online}

    def restore(self, saved: Any) -> None:
        """Take back what `save` gave."""
        configured = {str(topic): tuple(map(_sensor, found)) for topic, found in saved["configured"].items()}
        online = {str(topic): value is True for topic, value in saved["online"].items()}
        for topic, found in configured.items():
            self._remember(topic, found)
        self._online = online


class _Content:
    """A payload as its text and, once somebody asks, as JSON."""

    def __init__(self, payload: bytes, text: str) -> None:
        self._payload, self._text = payload, text
        self._json: object = _UNREAD

    def find(self, template: Template) -> object:
        """What a template finds in it. Raises PayloadError if it asks for JSON and this is none."""
        if not template.json:
            return template.find(self._text)
        if self._json is _UNREAD:
            try:
                self._json = parse_json(self._payload)
            except PayloadError as error:
                self._json = error
        if isinstance(self._json, PayloadError):
            raise PayloadError(str(self._json))
        return template.find(self._json)


def _online(one: Availability, content: _Content) -> bool | None:
    """Whether a payload says online or offline; None if neither."""
    try:
        word = content.find(one.template)
    except PayloadError:
        return None
    word = {True: "True", False: "False"}.get(word, word) if isinstance(word, bool) else word
    return True if word == one.online else False if word == one.offline else None


def _drop(index: dict[str, dict[tuple[str, str], Sensor]], topic: str, name: tuple[str, str]) -> bool:
    """Take a sensor out of an index; whether nothing is left of its topic."""
    left = index.get(topic, {})
    left.pop(name, None)
    if not left:
        index.pop(topic, None)
    return not left


def _sensor(saved: Any) -> Sensor:
    """Undo `asdict`."""
    return Sensor(
        **saved
        | {
            "template": _template(saved["template"]),
            "availability": tuple(
                Availability(**one | {"template": _template(one["template"])}) for one in saved["availability"]
            ),
        }
    )


def _template(saved: Any) -> Template:
    return Template(bool(saved["json"]), tuple(saved["path"]), tuple(saved["filters"]))
