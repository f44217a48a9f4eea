"""The console's texts in both languages, and which one a person gets."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib import resources

from alerts.alert import Explanation
from api.web.reasons import in_chinese


class Language(StrEnum):
    """The languages of everything a person reads."""

    EN = "en"
    ZH = "zh"


@lru_cache
def texts(language: Language) -> Mapping[str, str]:
    """Every text by its dotted key, as in `locale/*.toml`."""
    file = resources.files("api.web").joinpath("locale", f"{language}.toml")
    return dict(_flat("", tomllib.loads(file.read_text(encoding="utf-8"))))


def _flat(prefix: str, table: Mapping[str, object]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in table.items():
        found += _flat(f"{prefix}{name}.", value) if isinstance(value, dict) else [(f"{prefix}{name}", str(value))]
    return found


class _Counted(int):
    """A number in a text, which knows the word that goes with it."""

    def __format__(self, form: str) -> str:
        one, mark, more = form.partition("|")
        return (one if self == 1 else more) if mark else super().__format__(form)


def filled(text: str, values: Mapping[str, object]) -> str:
    """A text with its `{placeholders}` filled; `{n:one|more}` says one thing of 1 and another of any other number.

    >>> filled("{n} {n:alert|alerts}", {"n": 1}), filled("{n} {n:alert|alerts}", {"n": 0})
    ('1 alert', '0 alerts')
    """
    return text.format_map({name: _Counted(one) if type(one) is int else one for name, one in values.items()})


@dataclass(frozen=True, slots=True)
class Translator:
    """Gives texts in one language."""

    language: Language

    def __call__(self, key: str, **values: object) -> str:
        """The text with that key, its `{placeholders}` filled. Raises KeyError on a key that does not exist.

        >>> Translator(Language.EN)("nav.alerts")
        'Alerts'
        """
        text = texts(self.language)[key]
        return filled(text, values) if values else text

    def of(self, text: Explanation) -> str:
        """The right one of two texts."""
        return text.zh if self.language is Language.ZH else text.en

    def reason(self, text: str, head: str = "reason.said") -> str:
        """Why something is so, which the service says in English; what nobody here has said follows that head."""
        if self.language is Language.EN:
            return text
        return in_chinese(text) or self(head, text=text)

    @property
    def between(self) -> str:
        """What stands between the words of a list."""
        return "、" if self.language is Language.ZH else ", "

    def optional(self, key: str, otherwise: str) -> str:
        """The text with that key, or `otherwise` if there is none."""
        return texts(self.language).get(key, otherwise)


def choose(wished: str | None, remembered: str | None, configured: str | None, accepted: str | None) -> Language:
    """The language to speak: as asked for now (`?lang`), as chosen before (cookie), as configured (`ui.language`), or
    as the browser accepts (`Accept-Language`), in this order.

    >>> choose(None, None, None, "fr;q=0.9, zh-CN;q=0.8, en;q=0.5")
    <Language.ZH: 'zh'>
    """
    for candidate in (wished, remembered, configured):
        if candidate in set(Language):
            return Language(candidate)
    for tag in _by_preference(accepted or ""):
        primary = tag.split("-")[0].lower()
        if primary in set(Language):
            return Language(primary)
    return Language.EN


def _by_preference(accepted: str) -> list[str]:
    weighted: list[tuple[float, str]] = []
    for part in accepted.split(",")[:20]:
        tag, _, parameter = part.strip().partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            weight = 0.0
        if weight > 0:
            weighted.append((weight, tag.strip()))
    return [tag for _, tag in sorted(weighted, key=lambda pair: -pair[0])]
