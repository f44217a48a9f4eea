"""Reads a TOML file of the user's."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from ingest.errors import InputError, said_by


def read_toml(path: Path) -> dict[str, Any]:
    """The file's tables. Raises InputError naming file and, where known, line and column."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {said_by(error)}") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: is no valid TOML: {error}") from error
