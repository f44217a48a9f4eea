"""ThingsBoard's MQTT device and gateway APIs.

https://thingsboard.io/docs/reference/mqtt-api/telemetry/ and …/reference/gateway-api/overview/

v1/devices/me/telemetry, v2/t    {"ts": ms, "values": {…}}, or the values alone, or an array of those
v1/gateway/telemetry             {"Device A": [{"ts": ms, "values": {…}}, …], …}
v1/gateway/(dis)connect          {"device": "Device A"}

There are no units. The device API names no device, for ThingsBoard knows it by the access token of the session. We
never see that token, so one of these tells, the first that is there: levels before the topic, as a broker's mount
point or a bridge adds them (`{device}/v1/…`, `{site}/{device}/v1/…`); the setting `adapters.thingsboard_device`; the
client id, where the broker tells it.
"""

from __future__ import annotations

from functools import partial

from ingest.adapters.adapter import (
    NO_TIME,
    Adapter,
    Arrival,
    DeviceStatus,
    Route,
    Rows,
    Surroundings,
    no_reading,
    unreadable,
)
from ingest.adapters.naming import device_name, site_name
from ingest.adapters.options import Options
from ingest.adapters.stamps import from_ms
from ingest.adapters.values import take_values
from ingest.payload import PayloadError, kind, parse_json

DEVICE_API = "v1/devices/me/"
TELEMETRY = f"{DEVICE_API}telemetry"
SHORT_TELEMETRY = ("v2/t", "v2/t/j")
GATEWAY_API = "v1/gateway/"
NAMELESS = (
    "the topic names no device: put its name before it (a broker's mount point), or set adapters.thingsboard_device"
)


def adapter(around: Surroundings) -> Adapter:
    """ThingsBoard's device and gateway APIs."""
    return Adapter(partial(_route, around.options))


def _route(options: Options, topic: str) -> Route | None:
    if topic == TELEMETRY or topic in SHORT_TELEMETRY:
        return partial(_nameless, options)
    if topic.endswith(f"/{TELEMETRY}"):
        return _prefixed(options.site, topic.removesuffix(f"/{TELEMETRY}"))
    if topic.startswith(GATEWAY_API):
        return _gateway_route(options.site, topic.removeprefix(GATEWAY_API))
    return no_reading if topic.startswith(DEVICE_API) else None


def _prefixed(default_site: str, prefix: str) -> Route:
    """The route of a topic that a mount point extends by `device` or `site/device`."""
    first, _, rest = prefix.partition("/")
    try:
        site, device = (site_name(first), device_name(rest)) if rest else (default_site, device_name(first))
    except PayloadError as error:
        return unreadable(str(error))
    return partial(_telemetry, site, device)


def _gateway_route(site: str, rest: str) -> Route:
    match rest:
        case "telemetry":
            return partial(_gateway, site)
        case "connect" | "disconnect":
            return partial(_status, site, rest == "connect")
    return no_reading


def _nameless(options: Options, payload: bytes, arrival: Arrival, rows: Rows) -> None:
    said = options.thingsboard_device or arrival.client
    if said is None:
        raise PayloadError(NAMELESS)
    _telemetry(options.site, device_name(said), payload, arrival, rows)


def _telemetry(site: str, device: str, payload: bytes, arrival: Arrival, rows: Rows) -> None:
    said = parse_json(payload)
    objects = said if type(said) is list else [said]
    for item, one in enumerate(objects):
        rows.begin(item)
        _object(one, site, device, arrival, rows)


def _gateway(site: str, payload: bytes, arrival: Arrival, rows: Rows) -> None:
    said = parse_json(payload)
    if type(said) is not dict:
        raise PayloadError(f"payload should be an object of devices, not {kind(said)}")
    item = 0
    for name, objects in said.items():
        for one in objects if type(objects) is list else [objects]:
            rows.begin(item)
            item += 1
            try:
                _object(one, site, device_name(name), arrival, rows)
            except PayloadError as error:
                rows.refuse(str(error))


def _object(said: object, site: str, device: str, arrival: Arrival, rows: Rows) -> None:
    """Values with their time, or the values alone."""
    if type(said) is not dict:
        rows.refuse(f"should be an object of values, not {kind(said)}")
        return
    values = said.get("values")
    if type(values) is not dict:
        take_values(said, site, device, NO_TIME, rows)
        return
    stamp = said.get("ts")
    time = NO_TIME if stamp is None else from_ms(stamp, "'ts'", arrival, rows)
    if time is not None:
        take_values(values, site, device, time, rows)


def _status(site: str, online: bool, payload: bytes, arrival: Arrival, rows: Rows) -> None:
    said = parse_json(payload)
    name = said.get("device") if type(said) is dict else None
    rows.statuses.append(DeviceStatus(site, device_name(name), online, arrival.received_at))
