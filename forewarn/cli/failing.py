"""How a command fails: one line on standard error and the right exit status."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from ingest.errors import InputError, NotFoundError, RejectedError, RetryableError
from simulators.errors import SimulatorError

DONE, OTHER, WRONG_INPUT = 0, 1, 2


@contextmanager
def failing() -> Iterator[None]:
    """Turn a user's mistake into one line and status 2, a failing server into one line and status 1."""
    try:
        yield
    except typer.TyperException as error:
        _leave(error.format_message(), WRONG_INPUT)
    except (InputError, NotFoundError) as error:
        _leave(str(error), WRONG_INPUT)
    except SimulatorError as error:  # a broker that is away is nobody's mistake
        away = isinstance(error.__cause__, ConnectionError | TimeoutError | socket.gaierror)
        _leave(str(error), OTHER if away else WRONG_INPUT)
    except (RetryableError, RejectedError, OSError) as error:
        _leave(str(error), OTHER)
    except (KeyboardInterrupt, typer.Abort):
        _leave("interrupted", OTHER)


def _leave(message: str, status: int) -> None:
    if line := " ".join(message.split()):
        print(f"forewarn: {line}", file=sys.stderr)  # noqa: T201  this is what a command says
    sys.exit(status)
