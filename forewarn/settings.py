"""The settings of a running Forewarn: one frozen section for each part, checked once, at start.

docs/configuration.md tells users about every key. `forewarn.settings_file` reads them.
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from alerts.alert import Severity
from alerts.budget import Budget
from alerts.notify.policy import Language
from forewarn.quantities import parse_duration, parse_size
from ingest.adapters.options import Precision
from ingest.names import name_problem

EMBEDDED = "embedded"
"""The value of `mqtt.url` and `store.url` that stands for the part inside the service."""


def _listed(value: object) -> object:
    """A list written as one text, as in the environment: parts separated by commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _number(value: object) -> object:
    """No boolean for a number."""
    if isinstance(value, bool):
        raise ValueError("should be a number")  # noqa: TRY004  pydantic reports only ValueError
    return value


def _budget(value: object) -> Budget:
    if isinstance(value, Budget):
        return value
    try:
        return Budget.parse(str(value))
    except ValueError as error:
        raise ValueError("should be of the form 'N per device-day|week|month' with N above 0") from error


def _file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError("should be a file that exists")
    return path


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches that address."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError) as error:
        raise ValueError("should be a time zone such as 'UTC', 'Europe/Berlin' or 'Asia/Shanghai'") from error
    return name


def _name(name: str) -> str:
    problem = name_problem(name, "it")
    if problem:
        raise ValueError(f"cannot be taken: {problem}")
    return name


def _host(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.:_%-]+", name):
        raise ValueError("should be a host name or an IP address")
    return name


def _at_least(least: str, value: timedelta) -> timedelta:
    if value < parse_duration(least):
        raise ValueError(f"should be at least '{least}'")
    return value


def _url(allowed: dict[str, str], url: str) -> str:
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


def _mqtt_url(url: str) -> str:
    examples = {"mqtt": "mqtt://user:password@host:1883", "mqtts": "mqtts://host:8883"}
    return url if url == EMBEDDED else _url({"": EMBEDDED, **examples}, url)


def _store_url(url: str) -> str:
    return url if url == EMBEDDED else _url({"": EMBEDDED, "http": "http://host:8086", "https": "https://host"}, url)


def _database_url(url: str | None) -> str | None:
    if url is not None and not re.match(r"(sqlite|postgresql)(\+\w+)?://", url):
        raise ValueError("should be a SQLAlchemy URL such as 'postgresql+psycopg://user:password@host/forewarn'")
    return url


def _topic_filter(topic: str) -> str:
    levels = topic.split("/")
    wrong = any("#" in level and (level != "#" or place != len(levels) - 1) for place, level in enumerate(levels))
    if wrong or any("+" in level and level != "+" for level in levels) or not topic or "\0" in topic:
        raise ValueError("should be an MQTT topic filter such as 'forewarn/v1/#'")
    return topic


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
LongDuration = Annotated[Duration, AfterValidator(partial(_at_least, "1h"))]
Size = Annotated[int, BeforeValidator(parse_size)]
Port = Annotated[int, BeforeValidator(_number), Field(ge=1, le=65_535)]
File = Annotated[Path, AfterValidator(_file)]
Host = Annotated[str, AfterValidator(_host)]
Filter = Annotated[str, AfterValidator(_topic_filter)]
Name = Annotated[str, Field(min_length=1)]


class Section(BaseModel):
    """A part of the settings: frozen, and no key but the ones it lists."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, validate_default=False)


class DataSettings(Section):
    """Where the service keeps what it keeps itself."""

    dir: Path = Path("forewarn-data")


class MqttSettings(Section):
    """The broker: the embedded one and where it listens, or the URL of another."""

    url: Annotated[str, AfterValidator(_mqtt_url)] = Field(default=EMBEDDED, repr=False)
    host: Host = "127.0.0.1"
    port: Port = 1883
    username: Name | None = None
    password: str | None = Field(default=None, repr=False)
    ca_file: File | None = None
    cert_file: File | None = None
    key_file: File | None = None
    client_id: Annotated[str, Field(min_length=1, max_length=128)] = "forewarn"
    topics: Annotated[tuple[Filter, ...], BeforeValidator(_listed), Field(min_length=1)] = ("forewarn/v1/#",)

    @property
    def embedded(self) -> bool:
        """Whether the broker is the one inside the service."""
        return self.url == EMBEDDED

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("mqtt.cert_file and mqtt.key_file are allowed only together")
        if (self.username is None) != (self.password is None):
            raise ValueError("mqtt.username and mqtt.password are allowed only together")
        if self.embedded and self.username is None and not is_loopback(self.host):
            raise ValueError(
                f"mqtt.host = {self.host!r} is open to others: allowed only with mqtt.username and mqtt.password"
            )
        return self


class StoreSettings(Section):
    """Where readings and scores are kept: the embedded store, or an InfluxDB."""

    url: Annotated[str, AfterValidator(_store_url)] = Field(default=EMBEDDED, repr=False)
    bucket: Name = "forewarn"
    org: str = ""
    token: str = Field(default="", repr=False)
    retention: LongDuration | None = None
    max_size: Annotated[Size, Field(ge=10**7)] | None = None
    ca_file: File | None = None


class DatabaseSettings(Section):
    """Where alerts, orders and users are kept; None is SQLite in `data.dir`."""

    url: Annotated[str | None, AfterValidator(_database_url)] = Field(default=None, repr=False)


class HttpSettings(Section):
    """Where API and console are served."""

    host: Host = "127.0.0.1"
    port: Port = 8000
    public_url: (
        Annotated[str, AfterValidator(partial(_url, {"http": "http://host", "https": "https://host"}))] | None
    ) = None


class FileSettings(Section):
    """A file of its own."""

    file: File | None = None


class SiteSettings(Section):
    """What holds for all sites."""

    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"


class UiSettings(Section):
    """The console; without a language the browser's is taken."""

    language: Literal["en", "zh"] | None = None


class EngineSettings(Section):
    """What counts as live."""

    live_within: Annotated[Duration, AfterValidator(partial(_at_least, "1s"))] = timedelta(hours=1)


class IngestSettings(Section):
    """Bounds on what comes in."""

    future: Duration = timedelta(hours=24)
    max_payload: Annotated[Size, Field(ge=1_000, le=268_435_455)] = 8 * 2**20
    spool_size: Annotated[Size, Field(ge=5 * 10**7)] = 2 * 10**9


class AlarmSettings(Section):
    """How many false alarms the user accepts."""

    budget: Annotated[Budget, BeforeValidator(_budget), PlainSerializer(str)] = Budget(1.0, "month")


class NotifySettings(Section):
    """Who is told about alerts, as apprise URLs, from which severity on, and in which languages."""

    urls: Annotated[tuple[Name, ...], BeforeValidator(_listed)] = Field(default=(), repr=False)
    minimum: Severity = Severity.HIGH
    languages: Annotated[tuple[Language, ...], BeforeValidator(_listed), Field(min_length=1)] = (
        Language.EN,
        Language.ZH,
    )


class AdapterSettings(Section):
    """How payload formats other than the canonical one are read."""

    site: Annotated[str, AfterValidator(_name)] = "default"
    thingsboard_device: Annotated[str, AfterValidator(_name)] | None = None
    homeassistant_prefix: Name = "homeassistant"
    zigbee2mqtt_topic: Name = "zigbee2mqtt"
    line_protocol_topics: Annotated[tuple[Filter, ...], BeforeValidator(_listed)] = ("telegraf/#", "influx/#")
    line_protocol_precision: Precision = Precision.NS


class LogSettings(Section):
    """What the service says about itself, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class Settings(Section):
    """All settings."""

    data: DataSettings = DataSettings()
    mqtt: MqttSettings = MqttSettings()
    store: StoreSettings = StoreSettings()
    database: DatabaseSettings = DatabaseSettings()
    http: HttpSettings = HttpSettings()
    registry: FileSettings = FileSettings()
    limits: FileSettings = FileSettings()
    mapping: FileSettings = FileSettings()
    site: SiteSettings = SiteSettings()
    ui: UiSettings = UiSettings()
    engine: EngineSettings = EngineSettings()
    ingest: IngestSettings = IngestSettings()
    alarms: AlarmSettings = AlarmSettings()
    notify: NotifySettings = NotifySettings()
    adapters: AdapterSettings = AdapterSettings()
    log: LogSettings = LogSettings()

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL in use: `database.url`, or SQLite in `data.dir`."""
        from sqlalchemy import URL

        return (
            self.database.url
            or URL.create("sqlite", database=str(self.data.dir.absolute() / "forewarn.db")).render_as_string()
        )


def keys() -> dict[str, Any]:
    """Every key, `section.name`, with its default."""
    return {
        f"{section}.{name}": field.default
        for section, value in Settings.model_fields.items()
        for name, field in type(value.default).model_fields.items()
    }
