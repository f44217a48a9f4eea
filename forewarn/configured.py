"""What the settings make of the engine: a registry with the known devices, and how readings are judged."""

from __future__ import annotations

from forewarn.engine import EngineConfig
from forewarn.registry_file import fill, read_registry
from forewarn.settings import Settings
from forewarn.toml_file import read_toml
from ingest.registry import Registry


def engine_config(settings: Settings) -> EngineConfig:
    """Budget and limits. Raises InputError naming what is wrong in `limits.file`."""
    from alerts.limits import parse_limits

    path = settings.limits.file
    rules = parse_limits(read_toml(path), str(path)) if path is not None else ()
    return EngineConfig(settings.alarms.budget, rules)


def registry(settings: Settings) -> Registry:
    """A registry that knows the devices of `registry.file`. Raises InputError naming what is wrong in it."""
    made = Registry()
    if settings.registry.file is not None:
        fill(made, read_registry(settings.registry.file))
    return made
