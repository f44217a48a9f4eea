"""The settings of a running Forewarn: one frozen section for each part, checked once, at start.

docs/configuration.md tells users about every key. `forewarn.config.settings_file` reads them.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from alerts.alert import Severity
from alerts.budget import Budget
from alerts.notify.policy import Language
from forewarn.config.setting_types import (
    EMBEDDED,
    Certificates,
    DatabaseUrl,
    Duration,
    FalseAlarmBudget,
    File,
    Filters,
    Folder,
    Host,
    LongDuration,
    MqttUrl,
    Name,
    Names,
    PlaceName,
    Port,
    Size,
    SomeTime,
    StoreUrl,
    WebUrl,
    Zone,
    as_list,
    check_pair,
    is_loopback,
    no_flag,
)
from ingest.adapters.options import Precision
from ingest.registry import MAX_SERIES


class Section(BaseModel):
    """A part of the settings: frozen, and no key but the ones it lists."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, validate_default=False)


def _bracketed(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


class DataSettings(Section):
    """Where the service keeps what it keeps itself."""

    dir: Folder = Path("forewarn-data")


class MqttSettings(Section):
    """The broker: the embedded one and where it listens, or the URL of another."""

    url: MqttUrl = Field(default=EMBEDDED, repr=False)
    host: Host = "127.0.0.1"
    port: Port = 1883
    username: Name | None = None
    password: str | None = Field(default=None, repr=False)
    ca_file: Certificates | None = None
    cert_file: File | None = None
    key_file: File | None = None
    client_id: Annotated[str, Field(min_length=1, max_length=128)] = "forewarn"
    topics: Annotated[Filters, Field(min_length=1)] = ("forewarn/v1/#",)

    @property
    def embedded(self) -> bool:
        """Whether the broker is the one inside the service."""
        return self.url == EMBEDDED

    @property
    def address(self) -> str:
        """Where devices publish, without credentials."""
        if self.embedded:
            return f"mqtt://{_bracketed(self.host)}:{self.port}"
        parts = urlsplit(self.url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{_bracketed(parts.hostname or '')}{port}"

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("mqtt.cert_file and mqtt.key_file are allowed only together")
        if self.cert_file is not None and self.key_file is not None:
            check_pair(self.cert_file, self.key_file, "mqtt.cert_file and mqtt.key_file")
        if (self.username is None) != (self.password is None):
            raise ValueError("mqtt.username and mqtt.password are allowed only together")
        if self.embedded and self.username is None and not is_loopback(self.host):
            raise ValueError(
                f"mqtt.host = {self.host!r} is open to others: allowed only with mqtt.username and mqtt.password"
            )
        return self


class StoreSettings(Section):
    """Where readings and scores are kept: the embedded store, or an InfluxDB."""

    url: StoreUrl = Field(default=EMBEDDED, repr=False)
    bucket: Name = "forewarn"
    org: str = ""
    token: str = Field(default="", repr=False)
    retention: LongDuration | None = None
    max_size: Annotated[Size, Field(ge=10**7)] | None = None
    ca_file: Certificates | None = None


class DatabaseSettings(Section):
    """Where alerts, orders and users are kept; None is SQLite in `data.dir`."""

    url: DatabaseUrl | None = Field(default=None, repr=False)


class HttpSettings(Section):
    """Where API and console are served."""

    host: Host = "127.0.0.1"
    port: Port = 8000
    public_url: WebUrl | None = None

    @property
    def address(self) -> str:
        """Where the console is on this machine."""
        return f"http://{_bracketed(self.host)}:{self.port}/"


class FileSettings(Section):
    """A file of its own."""

    file: File | None = None


class SiteSettings(Section):
    """What holds for all sites."""

    timezone: Zone = "UTC"


class UiSettings(Section):
    """The console; without a language the browser's is taken."""

    language: Literal["en", "zh"] | None = None


class EngineSettings(Section):
    """What counts as live."""

    live_within: SomeTime = timedelta(hours=1)


class IngestSettings(Section):
    """Bounds on what comes in."""

    future: Duration = timedelta(hours=24)
    max_payload: Annotated[Size, Field(ge=1_000, le=268_435_455)] = 8 * 2**20
    max_series: Annotated[int, BeforeValidator(no_flag), Field(ge=1)] = MAX_SERIES
    spool_size: Annotated[Size, Field(ge=5 * 10**7)] = 2 * 10**9


class AlarmSettings(Section):
    """How many false alarms the user accepts."""

    budget: FalseAlarmBudget = Budget(1.0, "month")


class ModelSettings(Section):
    """What trained models may do."""

    suppress_baseline: bool = True


class NotifySettings(Section):
    """Who is told about alerts, as apprise URLs, from which severity on, and in which languages."""

    urls: Names = Field(default=(), repr=False)
    minimum: Severity = Severity.HIGH
    languages: Annotated[tuple[Language, ...], BeforeValidator(as_list), Field(min_length=1)] = (
        Language.EN,
        Language.ZH,
    )


class AdapterSettings(Section):
    """How payload formats other than the canonical one are read."""

    site: PlaceName = "default"
    thingsboard_device: PlaceName | None = None
    homeassistant_prefix: Name = "homeassistant"
    zigbee2mqtt_topic: Name = "zigbee2mqtt"
    line_protocol_topics: Filters = ("telegraf/#", "influx/#")
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
    calendar: FileSettings = FileSettings()
    site: SiteSettings = SiteSettings()
    ui: UiSettings = UiSettings()
    engine: EngineSettings = EngineSettings()
    ingest: IngestSettings = IngestSettings()
    alarms: AlarmSettings = AlarmSettings()
    models: ModelSettings = ModelSettings()
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
