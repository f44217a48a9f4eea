"""Home Assistant's discovery messages become sensors.

https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery and …/integrations/sensor.mqtt/

A message configures one sensor, or, in the form of a device (component `device`), several components at once.
Abbreviated keys are written out, and `~` is replaced by the base topic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ingest.adapters.hatemplate import Template, parse_template
from ingest.adapters.naming import device_name, encode_metric, unit_of
from ingest.names import MAX_LENGTH, name_problem
from ingest.payload import PayloadError, kind

ABBREVIATIONS = {
    "avty": "availability",
    "avty_mode": "availability_mode",
    "avty_t": "availability_topic",
    "avty_tpl": "availability_template",
    "cmps": "components",
    "cns": "connections",
    "dev": "device",
    "dev_cla": "device_class",
    "exp_aft": "expire_after",
    "ids": "identifiers",
    "ops": "options",
    "p": "platform",
    "pl_avail": "payload_available",
    "pl_not_avail": "payload_not_available",
    "stat_t": "state_topic",
    "t": "topic",
    "unit_of_meas": "unit_of_measurement",
    "val_tpl": "value_template",
}
SHARED = ("availability", "availability_mode", "availability_topic", "availability_template", "payload_available",
          "payload_not_available", "state_topic", "device")  # fmt: skip
"""Keys of a device's message that hold for its components."""
NOT_NUMERIC = ("enum", "timestamp", "date", "uptime")
"""Device classes of sensors that are no numbers."""
MODES = ("all", "any")
"""What several availability topics mean together, if not the latest."""
MAX_COMPONENTS = 512
MAX_AVAILABILITY = 8
LONGEST_TOPIC = 1024
LONGEST_EXPIRY_S = 366 * 86_400


@dataclass(frozen=True, slots=True)
class Availability:
    """A topic that tells whether a sensor can be had, and the words it uses."""

    topic: str
    template: Template
    online: str
    offline: str


@dataclass(frozen=True, slots=True)
class Sensor:
    """A sensor as it was discovered."""

    device: str
    metric: str
    state_topic: str
    template: Template
    unit: str | None
    device_class: str | None
    expire_after_s: float | None
    title: str | None
    """The device's name for people."""
    availability: tuple[Availability, ...]
    mode: str
    """Of several topics: `all`, `any`, or the `latest` that spoke."""


def sensors(component: str, node: str, object_id: str, said: object) -> Iterator[Sensor | PayloadError]:
    """The sensors that a discovery message configures; a PayloadError in the place of each that cannot be read.

    `component`, `node` (or empty) and `object_id` are those of the topic. Raises PayloadError if nothing can be read.
    """
    if type(said) is not dict:
        raise PayloadError(f"a configuration should be an object, not {kind(said)}")
    config = _written_out(said)
    if component != "device":
        yield _try(config, node, object_id)
        return
    components = config.get("components")
    if type(components) is not dict or len(components) > MAX_COMPONENTS:
        raise PayloadError(f"'components' should be an object of at most {MAX_COMPONENTS}")
    shared = {key: config[key] for key in SHARED if key in config}
    for name, one in components.items():
        own = _written_out(one, config.get("~")) if type(one) is dict else {}
        if own.get("platform") == "sensor":
            yield _try(shared | own, node or object_id, name)


def is_numeric(config: Mapping[str, Any]) -> bool:
    """Whether a sensor's configuration speaks of numbers."""
    return config.get("device_class") not in NOT_NUMERIC and not config.get("options")


def _try(config: Mapping[str, Any], node: str, object_id: str) -> Sensor | PayloadError:
    try:
        return _sensor(config, node, object_id)
    except PayloadError as error:
        return error


class NoNumberError(PayloadError):
    """A sensor that is none for us: it tells words or dates."""


def _sensor(config: Mapping[str, Any], node: str, object_id: str) -> Sensor:
    if not is_numeric(config):
        raise NoNumberError("the sensor tells no numbers")
    block = config.get("device")
    about = block if type(block) is dict else {}
    identity = _identity(about)
    device_class = config.get("device_class")
    device_class = device_class if isinstance(device_class, str) and device_class.isidentifier() else None
    metric = object_id if identity or node else (device_class or "value")
    template = _template(config.get("value_template"), "value_template")
    return Sensor(
        device_name(identity or node or object_id),
        _metric(metric),
        _topic(config.get("state_topic"), "state_topic"),
        template,
        unit_of(config.get("unit_of_measurement")),
        device_class,
        _expiry(config.get("expire_after")),
        _title(about.get("name")),
        tuple(_availability(config)),
        mode if (mode := config.get("availability_mode")) in MODES else "latest",
    )


def _identity(about: Mapping[str, Any]) -> str | None:
    """What identifies the device: its first identifier, else its first connection."""
    identifiers, connections = about.get("identifiers"), about.get("connections")
    first = identifiers[0] if type(identifiers) is list and identifiers else identifiers
    if isinstance(first, str) and first:
        return first
    if type(connections) is list and connections and type(connections[0]) is list and len(connections[0]) == 2:
        return connections[0][1] if isinstance(connections[0][1], str) else None
    return None


def _availability(config: Mapping[str, Any]) -> Iterator[Availability]:
    listed = config.get("availability")
    entries = listed if type(listed) is list else [listed] if type(listed) is dict else []
    if "availability_topic" in config:
        one = {"topic": config["availability_topic"], "value_template": config.get("availability_template")}
        entries = [one | {key: config[key] for key in ("payload_available", "payload_not_available") if key in config}]
    for entry in entries[:MAX_AVAILABILITY]:
        if type(entry) is not dict:
            raise PayloadError(f"an availability should be an object, not {kind(entry)}")
        yield Availability(
            _topic(entry.get("topic"), "availability topic"),
            _template(entry.get("value_template"), "availability template"),
            str(entry.get("payload_available", "online"))[:MAX_LENGTH],
            str(entry.get("payload_not_available", "offline"))[:MAX_LENGTH],
        )


def _template(text: object, what: str) -> Template:
    template = Template() if text is None else parse_template(text)
    if template is None:
        raise PayloadError(f"{what} {str(text)[:80]!r} is not among the forms that are read")
    return template


def _topic(topic: object, what: str) -> str:
    if not isinstance(topic, str) or not 0 < len(topic) <= LONGEST_TOPIC:
        raise PayloadError(f"{what} is missing" if topic is None else f"{what} is no topic")
    return topic


def _metric(name: str) -> str:
    metric = encode_metric(name)
    problem = name_problem(metric, "metric")
    if problem:
        raise PayloadError(problem)
    return metric


def _expiry(said: object) -> float | None:
    if isinstance(said, bool) or not isinstance(said, int | float):
        return None
    return float(said) if 0 < said <= LONGEST_EXPIRY_S else None


def _title(said: object) -> str | None:
    return said[:MAX_LENGTH] or None if isinstance(said, str) and said.isprintable() else None


def _written_out(said: Mapping[str, Any], base: object = None) -> dict[str, Any]:
    """A configuration with whole keys and topics."""
    base = said.get("~", base)
    config = _whole_keys(said, base)
    for key in ("device", "availability"):
        inner = config.get(key)
        if type(inner) is dict:
            config[key] = _whole_keys(inner, base)
        elif type(inner) is list:
            config[key] = [_whole_keys(one, base) if type(one) is dict else one for one in inner]
    return config


def _whole_keys(said: Mapping[str, Any], base: object) -> dict[str, Any]:
    config = {ABBREVIATIONS.get(key, key): value for key, value in said.items()}
    return {key: _based(value, base) if key.endswith("topic") else value for key, value in config.items()}


def _based(topic: object, base: object) -> object:
    """A topic with the base topic in the place of a `~` at its beginning or end."""
    if not isinstance(topic, str) or not isinstance(base, str) or len(base) > LONGEST_TOPIC:
        return topic
    if topic.startswith("~"):
        return base + topic[1:]
    return topic[:-1] + base if topic.endswith("~") else topic
