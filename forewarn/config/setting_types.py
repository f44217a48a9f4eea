"""What a setting may be: types that read it and say what is allowed, in words that continue `key = value`."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from alerts.budget import Budget
from forewarn.config.quantities import parse_duration, parse_size
from ingest.errors import said_by
from ingest.names import name_problem

EMBEDDED = "embedded"
"""The value of `mqtt.url` and `store.url` that stands for the part inside the service."""


def as_list(value: object) -> object:
    """A list written as one text, as in the environment: parts separated by commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def no_flag(value: object) -> object:
    """No boolean for a number."""
    if isinstance(value, bool):
        raise ValueError("should be a number")  # noqa: TRY004  pydantic reports only ValueError
    return value


def as_budget(value: object) -> Budget:
    if isinstance(value, Budget):
        return value
    try:
        return Budget.parse(str(value))
    except ValueError as error:
        raise ValueError("should be of the form 'N per device-day|week|month' with N above 0") from error


def no_empty_path(value: object) -> object:
    """No path that says nothing: it would mean the folder the service happens to be started in."""
    if value == "":
        raise ValueError("should not be empty")
    return value


def existing_file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError("should be a file that exists")
    return path


def certificates(path: Path) -> Path:
    with _read_by_tls("should be a file of certificates in PEM"):
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    return path


def check_pair(cert: Path, key: Path, keys: str) -> None:
    """Raise ValueError, naming the settings `keys`, if that is no certificate with its key, or the key wants a word."""
    with _read_by_tls(f"{keys} should be a certificate and its key in PEM, the key without a pass phrase"):
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, lambda: b"")


@contextmanager
def _read_by_tls(wanted: str) -> Iterator[None]:
    try:
        yield
    except ssl.SSLError as error:
        reason = (error.reason or "it cannot be read").replace("_", " ").lower()
        raise ValueError(f"{wanted}: {reason}") from error
    except OSError as error:
        raise ValueError(f"{wanted}: {said_by(error)}") from error


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches that address."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError) as error:
        raise ValueError("should be a time zone such as 'UTC', 'Europe/Berlin' or 'Asia/Shanghai'") from error
    return name


def usable_name(name: str) -> str:
    problem = name_problem(name, "it")
    if problem:
        raise ValueError(f"cannot be taken: {problem}")
    return name


def host_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.:_%-]+", name):
        raise ValueError("should be a host name or an IP address")
    return name


def at_least(least: str, value: timedelta) -> timedelta:
    if value < parse_duration(least):
        raise ValueError(f"should be at least '{least}'")
    return value


def url_of(allowed: dict[str, str], url: str) -> str:
    """`url` if its scheme is allowed and it names a host; `allowed` is scheme → an example."""
    wanted = " or ".join(repr(example) for example in allowed.values())
    parts = urlsplit(url)
    try:
        complete = parts.scheme in allowed and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        complete = False
    if not complete:
        raise ValueError(f"should be {wanted}")
    return url


def mqtt_url(url: str) -> str:
    examples = {"mqtt": "mqtt://user:password@host:1883", "mqtts": "mqtts://host:8883"}
    return url if url == EMBEDDED else url_of({"": EMBEDDED, **examples}, url)


def store_url(url: str) -> str:
    return url if url == EMBEDDED else url_of({"": EMBEDDED, "http": "http://host:8086", "https": "https://host"}, url)


def sqlalchemy_url(url: str) -> str:
    if not re.match(r"(sqlite|postgresql)(\+\w+)?://", url):
        raise ValueError("should be a SQLAlchemy URL such as 'postgresql+psycopg://user:password@host/forewarn'")
    return url


def topic_filter(topic: str) -> str:
    levels = topic.split("/")
    wrong = any("#" in level and (level != "#" or place != len(levels) - 1) for place, level in enumerate(levels))
    if wrong or any("+" in level and level != "+" for level in levels) or not topic or "\0" in topic:
        raise ValueError("should be an MQTT topic filter such as 'forewarn/v1/#'")
    return topic


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
LongDuration = Annotated[Duration, AfterValidator(partial(at_least, "1h"))]
Size = Annotated[int, BeforeValidator(parse_size)]
Port = Annotated[int, BeforeValidator(no_flag), Field(ge=1, le=65_535)]
File = Annotated[Path, AfterValidator(existing_file)]
Certificates = Annotated[File, AfterValidator(certificates)]
Folder = Annotated[Path, BeforeValidator(no_empty_path)]
Host = Annotated[str, AfterValidator(host_name)]
Filter = Annotated[str, AfterValidator(topic_filter)]
Name = Annotated[str, Field(min_length=1)]
PlaceName = Annotated[str, AfterValidator(usable_name)]
Zone = Annotated[str, AfterValidator(time_zone)]
MqttUrl = Annotated[str, AfterValidator(mqtt_url)]
StoreUrl = Annotated[str, AfterValidator(store_url)]
DatabaseUrl = Annotated[str, AfterValidator(sqlalchemy_url)]
WebUrl = Annotated[str, AfterValidator(partial(url_of, {"http": "http://host", "https": "https://host"}))]
SomeTime = Annotated[Duration, AfterValidator(partial(at_least, "1s"))]
Names = Annotated[tuple[Name, ...], BeforeValidator(as_list)]
Filters = Annotated[tuple[Filter, ...], BeforeValidator(as_list)]
FalseAlarmBudget = Annotated[Budget, BeforeValidator(as_budget), PlainSerializer(str)]
