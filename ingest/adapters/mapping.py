"""The user's own formats: mappings from topics and JSON to readings, checked once, at start (`mapping.file`).

[[mapping]]
topic = "factory/{line}/{machine}/state"
device = "{line}-{machine}"
time = "$.when"

[[mapping.value]]
metric = "temperature"
value = "$.t.celsius"
unit = "°C"

A text may hold `{parts}` of the topic; a text that begins with `$` is a path from the whole payload, with `@` from the
current item. docs/adapters.md tells users about every key.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping as Table
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from typing import Any, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from ingest.adapters.jsonpath import Path, parse_path
from ingest.errors import InputError

MOST_MAPPINGS = 1000
_PART = re.compile(r"\{(\w+)\}")
_LEVEL = re.compile(r"\{(\w+)(\+?)\}")
_MEMBER = "key"
"""The part that names a member where a value's path ends in `.*`."""


class Form(StrEnum):
    """What a payload is."""

    JSON = "json"
    NUMBER = "number"


class TimeFormat(StrEnum):
    """How a time is written."""

    ISO = "iso"
    """ISO 8601; without a zone it is local."""
    S = "s"
    MS = "ms"
    US = "us"
    NS = "ns"


@dataclass(frozen=True, slots=True)
class Words:
    """A text with parts of the topic in it."""

    text: str

    def filled(self, parts: Table[str, str]) -> str:
        """The text with its parts; those that are not in `parts` stay."""
        return _PART.sub(lambda found: parts.get(found[1], found[0]), self.text)

    @property
    def parts(self) -> frozenset[str]:
        """Names of the parts."""
        return frozenset(_PART.findall(self.text))


Source: TypeAlias = Words | Path


@dataclass(frozen=True, slots=True)
class ValueMapping:
    """One number of a payload, or, where the path ends in `.*`, one for each member."""

    metric: Source
    value: Path
    unit: Source | None = None
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a topic pattern: a text of its own, or any text, or the whole rest of the topic."""

    text: str | None = None
    part: str | None = None
    """What that which stands there is called."""
    rest: bool = False


@dataclass(frozen=True, slots=True)
class Mapping:
    """How payloads of some topics are read."""

    levels: tuple[Level, ...]
    device: Source
    values: tuple[ValueMapping, ...]
    form: Form = Form.JSON
    site: Source | None = None
    items: Path | None = None
    time: Path | None = None
    time_format: TimeFormat | None = None
    """None: a text is ISO 8601, a number an epoch in the unit that its size tells."""
    zone: tzinfo | None = None
    """The zone of local times; None: that of the site."""
    seq: Path | None = None
    text_numbers: bool = False
    """Numbers may be written as texts."""

    def match(self, topic: str) -> dict[str, str] | None:
        """The parts of a topic, None if it is not one of these."""
        levels = topic.split("/")
        parts: dict[str, str] = {}
        for place, level in enumerate(self.levels):
            if place >= len(levels) or level.text not in {None, levels[place]}:
                return None
            if level.part is not None:
                parts[level.part] = "/".join(levels[place:]) if level.rest else levels[place]
            if level.rest:
                return parts
        return parts if len(levels) == len(self.levels) else None


def parse_mappings(document: Table[str, Any], source: str) -> tuple[Mapping, ...]:
    """The mappings of a file already read as TOML. Raises InputError naming file, mapping, key and what is allowed."""
    unknown = sorted(set(document) - {"mapping"})
    if unknown:
        raise InputError(f"{source}: unknown key {unknown[0]!r}; a mapping file holds [[mapping]] entries")
    listed = document.get("mapping", [])
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise InputError(f"{source}: 'mapping' must be a list of tables, written [[mapping]]")
    if len(listed) > MOST_MAPPINGS:
        raise InputError(f"{source}: {len(listed)} mappings; allowed are {MOST_MAPPINGS}")
    return tuple(_Reader(one, f"{source}: mapping {number}").mapping() for number, one in enumerate(listed, 1))


def parse_mapping_text(text: str, source: str) -> tuple[Mapping, ...]:
    """The mappings of a TOML text. Raises InputError naming what is wrong in it."""
    try:
        return parse_mappings(tomllib.loads(text), source)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{source}: is not TOML: {error}") from error


def _level(text: str) -> Level | None:
    """A level of a topic pattern, None if it is none."""
    part = _LEVEL.fullmatch(text)
    if part is not None:
        return Level(part=part[1], rest=bool(part[2]))
    if text in {"+", "#"}:
        return Level(rest=text == "#")
    return Level(text) if set(text).isdisjoint("{}+#") else None


_Choice = TypeVar("_Choice", bound=StrEnum)


class _Reader:
    """Reads the keys of one table and says what is wrong with them."""

    def __init__(self, table: dict[str, Any], where: str, parts: frozenset[str] = frozenset()) -> None:
        self._table, self._where, self._parts = table, where, parts

    def mapping(self) -> Mapping:
        """A whole [[mapping]]."""
        self._only("topic", "payload", "site", "device", "items", "time", "time_format", "zone", "seq", "text_numbers",
                   "value")  # fmt: skip
        levels = self._topic()
        form = self._choice("payload", Form) or Form.JSON
        time_format = self._choice("time_format", TimeFormat)
        device, site = self._source("device"), self._source("site")
        if device is None:
            raise self._wrong("device", "is missing")
        return Mapping(
            levels,
            device,
            self._values(form),
            form,
            site,
            self._path("items"),
            self._path("time"),
            time_format,
            self._zone(),
            self._path("seq"),
            self._flag("text_numbers"),
        )

    def _values(self, form: Form) -> tuple[ValueMapping, ...]:
        listed = self._table.get("value", [])
        if not isinstance(listed, list) or not listed or not all(isinstance(one, dict) for one in listed):
            raise self._wrong("value", "must be a list of tables, written [[mapping.value]]")
        where = f"{self._where}: value"
        return tuple(_Reader(one, f"{where} {n}", self._parts).value(form) for n, one in enumerate(listed, 1))

    def value(self, form: Form) -> ValueMapping:
        """A [[mapping.value]]."""
        self._only("metric", "value", "unit", "scale")
        path = self._path("value", each=True) or (Path("$", "$") if form is Form.NUMBER else None)
        if path is None:
            raise self._wrong("value", "is missing")
        metric = self._source("metric", frozenset({_MEMBER}) if path.each else frozenset())
        if metric is None and not path.each:
            raise self._wrong("metric", "is missing")
        scale = self._table.get("scale", 1.0)
        if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 < abs(scale) < float("inf"):
            raise self._wrong("scale", "must be a number that is not 0")
        return ValueMapping(metric or Words(f"{{{_MEMBER}}}"), path, self._source("unit"), float(scale))

    # -- kinds of keys -------------------------------------------------------------------------------------------
    def _only(self, *keys: str) -> None:
        unknown = sorted(set(self._table) - set(keys))
        if unknown:
            raise InputError(f"{self._where}: unknown key {unknown[0]!r}; allowed are {', '.join(keys)}")

    def _wrong(self, key: str, what: str) -> InputError:
        said = f" = {self._table[key]!r}"[:80] if key in self._table else ""
        return InputError(f"{self._where}: {key}{said} {what}")

    def _text(self, key: str) -> str | None:
        text = self._table.get(key)
        if text is not None and (not isinstance(text, str) or not text):
            raise self._wrong(key, "must be a text")
        return text

    def _topic(self) -> tuple[Level, ...]:
        """The levels of the topic pattern; its parts may be used from now on."""
        texts = (self._text("topic") or "").split("/")
        if texts == [""]:
            raise self._wrong("topic", "is missing")
        levels = tuple(map(_level, texts))
        if any(level is None for level in levels):
            raise self._wrong("topic", "has levels other than a text, '+', '{name}' or, at its end, '#' or '{name+}'")
        read = tuple(level for level in levels if level is not None)
        if any(level.rest for level in read[:-1]):
            raise self._wrong("topic", "goes on after the level that stands for the rest of it")
        names = [level.part for level in read if level.part is not None]
        if len(set(names)) != len(names):
            raise self._wrong("topic", "names a part twice")
        self._parts = frozenset(names)
        return read

    def _source(self, key: str, more: frozenset[str] = frozenset()) -> Source | None:
        """A text with parts, or a path."""
        text = self._text(key)
        if text is None:
            return None
        if text[0] in "$@":
            return self._path(key)
        words = Words(text)
        unknown = sorted(words.parts - self._parts - more)
        if unknown:
            allowed = ", ".join(f"{{{part}}}" for part in sorted(self._parts | more)) or "none"
            raise self._wrong(key, f"holds {{{unknown[0]}}}; the parts here are {allowed}")
        return words

    def _path(self, key: str, *, each: bool = False) -> Path | None:
        text = self._text(key)
        path = None if text is None else parse_path(text)
        if text is not None and (path is None or (path.each and not each)):
            raise self._wrong(key, "must be a path such as '$.a.b', \"$['a b'][0]\" or, within items, '@.a'")
        return path

    def _choice(self, key: str, kinds: type[_Choice]) -> _Choice | None:
        text = self._text(key)
        if text is not None and text not in list(kinds):
            raise self._wrong(key, f"must be one of {', '.join(kinds)}")
        return None if text is None else kinds(text)

    def _flag(self, key: str) -> bool:
        flag = self._table.get(key, False)
        if not isinstance(flag, bool):
            raise self._wrong(key, "must be true or false")
        return flag

    def _zone(self) -> tzinfo | None:
        name = self._text("zone")
        try:
            return None if name is None else ZoneInfo(name)
        except (ValueError, OSError, LookupError) as error:
            raise self._wrong("zone", "must be a time zone such as 'Europe/Berlin'") from error
