"""Which release this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def installed_version() -> str:
    """The version of the installed distribution; `0+source` where the code runs from a bare checkout."""
    try:
        return version("forewarn")
    except PackageNotFoundError:
        return "0+source"
