"""What several commands take: the settings, where readings come from, and spans of time."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from forewarn.config.settings import Settings

Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings in TOML; ./forewarn.toml if it is there."),
]


def settings_of(config: Path | None) -> Settings:
    """The settings of a command. Raises InputError saying what is wrong with them."""
    from forewarn.config.settings_file import load

    return load(config, os.environ)


def check_source(files: Sequence[Path], from_store: bool, of_store: Mapping[str, str | None]) -> None:
    """Readings come from files or from the store, and options of the store, by name, go with the latter only."""
    if from_store and files:
        raise typer.BadParameter(f"{files[0]}: readings come from files or with --from-store, not from both")
    if not from_store and not files:
        raise typer.BadParameter("missing argument FILE.csv…: the readings; or --from-store, those of the service")
    for name, value in of_store.items():
        if value is not None and not from_store:
            raise typer.BadParameter(f"--{name} {value}: is allowed only with --from-store")


def span(name: str, text: str) -> timedelta:
    """The span of time that the option of that name gives."""
    from forewarn.config.quantities import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(f"--{name} {text} {error}") from error
