"""What `forewarn user` and `forewarn token` share: access to the database, and a password that is never an argument."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from api.access.store import AccessStore
from forewarn.database_admin import open_database
from ingest.errors import InputError


@contextmanager
def access_store(url: str) -> Iterator[AccessStore]:
    """Access in the database at that SQLAlchemy URL, made first if it is a SQLite file that is not there yet.

    Raises InputError or RetryableError as `open_database` does.
    """
    engine = open_database(url)
    try:
        yield AccessStore(engine)
    finally:
        engine.dispose()


def read_password(file: Path | None, ask: Callable[[str], str]) -> str:
    """A new password: the first line of `file`, or what a person types twice. Raises InputError.

    `ask` shows a prompt and returns what was typed without showing it.
    """
    if file is not None:
        return _first_line(file)
    password = ask("Password: ")
    if ask("Again: ") != password:
        raise InputError("the two passwords differ")
    return password


def _first_line(file: Path) -> str:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise InputError(f"{file}: the password cannot be read: {reason}") from error
    if not lines or not lines[0]:
        raise InputError(f"{file}: its first line should be the password, but is empty")
    return lines[0]
