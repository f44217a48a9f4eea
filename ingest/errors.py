"""The exceptions of ingest.

IngestError
├── InputError        a user's file, name or unit is wrong; the message is one line for that user
├── RetryableError    a server is away or busy; trying again later may work
└── RejectedError     a server said no for good; trying again will not help
"""


class IngestError(Exception):
    """Base of everything ingest raises on purpose."""


class InputError(IngestError):
    """A user's input is wrong; the message names file, line, key or value, and what is allowed."""


class RetryableError(IngestError):
    """The other side is away or busy; the same call may succeed later."""


class RejectedError(IngestError):
    """The other side refused for good; the message holds its reason."""


class NotFoundError(IngestError):
    """What was asked for by name or id does not exist."""
