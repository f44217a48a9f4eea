"""The configurations that a backtest compares: settings with a name, and in what they differ.

`--against` takes a settings file, or one setting to change: `alarms.budget=3 per device-week`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from forewarn.config.configured import engine_config
from forewarn.config.settings import Settings, keys
from forewarn.config.settings_file import DEFAULT_FILE, PREFIX, SECRETS, load
from ingest.errors import InputError
from models.detectors.limits import LimitRule

_CHANGE = re.compile(r"\s*([a-z_]+\.[a-z_]+)\s*=\s*(.*\S)\s*")
_NO_FOLDER = re.compile(r"[^\w.=-]+")
AS_SHIPPED = "as shipped"
MOST = 4
"""Configurations beside the first: more cannot be told apart on a page."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the configurations."""

    name: str
    """As people know it: the file, or the setting that is changed."""
    settings: Settings

    @property
    def folder(self) -> str:
        """The name as that of a folder."""
        return _NO_FOLDER.sub("-", self.name).strip("-.") or "other"


def base_variant(config: Path | None, environ: Mapping[str, str]) -> Variant:
    """What everything else is compared with: the settings of `--config`, or `./forewarn.toml`, or those shipped."""
    shown = config or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)
    return Variant(AS_SHIPPED if shown is None else shown.name, load(config, environ))


def other_variants(wanted: Sequence[str], config: Path | None, environ: Mapping[str, str]) -> list[Variant]:
    """A variant for each `--against`. Raises InputError saying which of them is wrong, and how."""
    if len(wanted) > MOST:
        raise InputError(f"--against: at most {MOST} configurations can be compared with the first, not {len(wanted)}")
    found = [_other(text, config, environ) for text in wanted]
    for place, variant in enumerate(found):
        if variant.folder.lower() in {other.folder.lower() for other in found[:place]}:
            raise InputError(
                f"--against {wanted[place]}: another one has that name already; give the file another name"
            )
    return found


def _other(text: str, config: Path | None, environ: Mapping[str, str]) -> Variant:
    change = None if Path(text).is_file() else _CHANGE.fullmatch(text)
    if change is None:
        return Variant(Path(text).name, load(Path(text), environ))
    key, value = change.groups()
    variable = PREFIX + key.upper().replace(".", "__")
    try:
        return Variant(f"{key} = {value}", load(config, {**environ, variable: value}))
    except InputError as error:
        raise InputError(str(error).replace(f"{variable}:", "--against:", 1)) from error


@dataclass(frozen=True, slots=True)
class Differing:
    """A setting that is not the same in all configurations: its texts, in their order."""

    key: str
    values: tuple[str, ...]


def differing(variants: Sequence[Variant]) -> list[Differing]:
    """Settings that differ; what is secret is not shown."""
    found = []
    for key in keys():
        section, _, name = key.partition(".")
        values = [getattr(getattr(variant.settings, section), name) for variant in variants]
        if any(value != values[0] for value in values):
            texts = ["(hidden)" if key in SECRETS else _shown(value) for value in values]
            found.append(Differing(key, tuple(texts)))
    return found


def _shown(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A limit rule that only one of two configurations has."""

    rule: LimitRule
    added: bool
    """By the other one; else it is missing there."""


def rule_changes(base: Variant, other: Variant) -> list[RuleChange]:
    """Limit rules that one of them has and the other has not."""
    ours, theirs = engine_config(base.settings).limits, engine_config(other.settings).limits
    gone = [RuleChange(rule, added=False) for rule in ours if rule not in theirs]
    return gone + [RuleChange(rule, added=True) for rule in theirs if rule not in ours]
