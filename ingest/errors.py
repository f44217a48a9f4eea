"""The exceptions of ingest.

IngestError
├── InputError        a user's file, name or unit is wrong; the message is one line for that user
├── RetryableError    a server is away or busy; trying again later may work
│   └── NoSpaceError      a size limit is reached or the disk is full
│       └── SpoolFullError    the spool takes no more for now: acknowledge nothing that is not in it
├── RejectedError     a server said no for good; trying again will not help
└── NotFoundError     what was asked for does not exist
"""


class IngestError(Exception):
    """Base of everything ingest raises on purpose."""


class InputError(IngestError):
    """A user's input is wrong; the message names file, line, key or value, and what is allowed."""


class RetryableError(IngestError):
    """The other side is away or busy; the same call may succeed later."""


class NoSpaceError(RetryableError):
    """A size limit is reached or the disk is full."""


class SpoolFullError(NoSpaceError):
    """The spool takes no more until something was forwarded; nothing of the refused batch was kept."""


class RejectedError(IngestError):
    """The other side refused for good; the message holds its reason."""


class NotFoundError(IngestError):
    """What was asked for by name or id does not exist."""


def named(error: Exception) -> str:
    """An exception that is a fault of this program: what kind, and what it says.

    >>> named(ZeroDivisionError("division by zero"))
    'ZeroDivisionError: division by zero'
    """
    return f"{type(error).__name__}: {error}"


def said_by(error: Exception) -> str:
    """What an exception of the system says, without its number and path, to follow a name that is told anyway.

    >>> said_by(FileNotFoundError(2, "No such file or directory", "a.csv"))
    'No such file or directory'
    """
    return (isinstance(error, OSError) and error.strerror) or str(error)
