"""What the settings make of the parts: registry, engine, store, notifications."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from alerts.notify.policy import NotifyConfig
from alerts.riskwatch import Models
from forewarn.config.registry_file import fill, read_registry
from forewarn.config.setting_types import EMBEDDED
from forewarn.config.settings import Settings
from forewarn.config.toml_file import read_toml
from forewarn.engine import EngineConfig
from ingest.adapters.options import Options
from ingest.reading import NS_PER_SECOND
from ingest.registry import Registry
from ingest.stores.store import TelemetryStore
from workorders.calendar_file import parse_calendars
from workorders.sla import Calendars


def engine_config(settings: Settings) -> EngineConfig:
    """Budget and limits. Raises InputError naming what is wrong in `limits.file`."""
    from alerts.limits import parse_limits

    path = settings.limits.file
    rules = parse_limits(read_toml(path), str(path)) if path is not None else ()
    return EngineConfig(settings.alarms.budget, rules, Models(speaks=settings.models.suppress_baseline))


def registry(settings: Settings) -> Registry:
    """A registry that knows the devices of `registry.file`. Raises InputError naming what is wrong in it."""
    made = Registry()
    if settings.registry.file is not None:
        fill(made, read_registry(settings.registry.file))
    return made


def make_store(settings: Settings) -> TelemetryStore:
    """The store of those settings, not opened yet."""
    store = settings.store
    if store.url == EMBEDDED:
        from ingest.stores.sqlite import FILE_NAME, SqliteStore

        return SqliteStore(settings.data.dir / FILE_NAME, retention=store.retention, max_bytes=store.max_size)
    from ingest.stores.influxdb import InfluxStore

    return InfluxStore(
        store.url, store.bucket, org=store.org, token=store.token, retention=store.retention, ca_file=store.ca_file
    )


def notify_config(settings: Settings) -> NotifyConfig:
    """Who is told about alerts, and how. Raises InputError naming a receiver's URL that cannot be sent to."""
    if settings.notify.urls:
        from alerts.notify.sender import check_urls

        check_urls(settings.notify.urls)
    return NotifyConfig(
        urls=settings.notify.urls,
        minimum=settings.notify.minimum,
        languages=settings.notify.languages,
        console_url=settings.http.public_url,
        timezone=settings.site.timezone,
        live_within_ns=round(settings.engine.live_within.total_seconds() * NS_PER_SECOND),
    )


def calendars(settings: Settings) -> Calendars:
    """When service time counts, by site. Raises InputError naming what is wrong in `calendar.file`."""
    path = settings.calendar.file
    return Calendars() if path is None else parse_calendars(read_toml(path), str(path), settings.site.timezone)


def adapter_options(settings: Settings) -> Options:
    """How payload formats are read. Raises InputError naming what is wrong in `mapping.file`."""
    from ingest.adapters.mapping import parse_mappings

    path = settings.mapping.file
    mappings = parse_mappings(read_toml(path), str(path)) if path is not None else ()
    return Options(zone=ZoneInfo(settings.site.timezone), mappings=mappings, **settings.adapters.model_dump())
