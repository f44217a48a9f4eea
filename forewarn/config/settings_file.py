"""Reads settings from `forewarn.toml` and the environment, and says in one line what is wrong with them.

forewarn.toml ──▶ {section: {key: value}} ─┐
FOREWARN_SECTION__KEY, …_FILE ─────────────┴─▶ Settings, or InputError
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from forewarn.config.settings import Settings, keys
from ingest.errors import InputError, said_by

DEFAULT_FILE = Path("forewarn.toml")
PREFIX = "FOREWARN_"
SECRETS = {"store.token", "mqtt.password", "notify.urls"}
_URLS = {"mqtt.url", "store.url", "database.url"}
_PASSWORD = re.compile(r"(?<=//).*@", re.DOTALL)
"""Up to the last `@`, for a password that should have been percent-encoded may hold anything."""
_SHOWN = 80

Given = dict[str, dict[str, Any]]


def load(config: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings of `config` (None: `./forewarn.toml` if it is there) under those of the environment.

    Raises InputError in one line that names file or variable, key, value and what is allowed.
    """
    path = config or DEFAULT_FILE
    if config is not None and not path.is_file():
        raise InputError(f"{path}: no such file")
    variables = {name: environ[name] for name in sorted(environ) if name.startswith(PREFIX) and "__" in name}
    names: dict[str, str] = {}
    given = _from_environment(variables, names)

    class _Sourced(BaseSettings, Settings):
        model_config = SettingsConfigDict(case_sensitive=True)

        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_: PydanticBaseSettingsSource, **__: PydanticBaseSettingsSource
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (
                InitSettingsSource(settings_cls, cast("dict[str, Any]", given)),
                TomlConfigSettingsSource(settings_cls, path),
            )

    try:
        read = _Sourced()
        return Settings(**{section: getattr(read, section) for section in Settings.model_fields})
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: is no valid TOML: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {said_by(error)}") from error
    except ValidationError as error:
        raise InputError(_problem(error, names, path)) from error


def _from_environment(variables: Mapping[str, str], names: dict[str, str]) -> Given:
    """Settings from variables; fills `names`: key → the variable it came from."""
    known = keys()
    given: Given = {}
    for name, text in variables.items():
        key, value = _key_of(name), text
        if key not in known and key.endswith("_file") and key.removesuffix("_file") in known:
            key, value = key.removesuffix("_file"), _secret(name, text)
        if key not in known:
            raise InputError(f"{name}: unknown setting {key!r}; {_allowed(key)}")
        if key in names:
            raise InputError(f"{name}: {key} is set by {names[key]} already; allowed is one of the two")
        names[key] = name
        section, _, rest = key.partition(".")
        given.setdefault(section, {})[rest] = value
    return given


def _key_of(name: str) -> str:
    """The key that a variable is named after."""
    return name.removeprefix(PREFIX).lower().replace("__", ".")


def _secret(name: str, path: str) -> str:
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{name}: the file {path!r} cannot be read: {said_by(error)}") from error


def _problem(error: ValidationError, names: Mapping[str, str], path: Path) -> str:
    """The first thing that is wrong, in one line."""
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"][:2])
    where = _where(key, names, path)
    if first["type"] == "extra_forbidden":
        return f"{where}: unknown setting {key!r}; {_allowed(key)}"
    if first["type"] in {"model_type", "model_attributes_type"}:
        return f"{where}: {key} = {first['input']!r} should be a table, written [{key}]"
    message = _sentence(first)
    if "." not in key:
        return f"{where}: {message}"
    secret = key in SECRETS or (key in names and _key_of(names[key]) != key)  # its …_FILE was read
    return f"{where}: {key} = {'(hidden)' if secret else _shown(key, first['input'])} {message}"


def _where(key: str, names: Mapping[str, str], path: Path) -> str:
    """Where a key was set: a variable, or the file; what concerns a whole section may come from either."""
    if key in names or path.is_file():
        return names.get(key, str(path))
    section = key.partition(".")[0]
    return next((name for known, name in names.items() if known.startswith(f"{section}.")), str(path))


def _sentence(error: ErrorDetails) -> str:
    """The library's message, continuing after `key = value`."""
    match error["type"], error.get("ctx", {}):
        case "greater_than_equal", {"ge": least}:
            return f"should be at least {least}"
        case "less_than_equal", {"le": most}:
            return f"should be at most {most}"
        case "too_short" | "string_too_short", _:
            return "should not be empty"
        case "path_type", _:
            return "should be a path"
        case "tuple_type", _:
            return "should be a list"
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return message.partition(", unable to")[0]


def _shown(key: str, value: object) -> str:
    """The value as it may be told: no passwords, no page-long texts."""
    text = repr(value)
    if key in _URLS:
        text = _PASSWORD.sub("(hidden)@", text)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _allowed(key: str) -> str:
    """What could stand in the place of an unknown key."""
    section = key.partition(".")[0]
    inside = sorted(known for known in keys() if known.startswith(f"{section}."))
    sections = sorted({known.partition(".")[0] for known in keys()})
    return "allowed are " + (", ".join(inside) if inside else "the sections " + ", ".join(sections))
