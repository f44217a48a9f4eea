"""Hands a message to a receiver through apprise: e-mail, webhooks, chats, SMS gateways, …"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote, urlencode

from alerts.alert import Severity
from alerts.notify.message import Text
from ingest.errors import InputError, RetryableError

if TYPE_CHECKING:
    from apprise import NotifyType

SEND_TIMEOUT_S = 20
"""For the whole of one try, within the lease of a notice."""
_WEBHOOKS = ("json", "jsons", "form", "forms", "xml", "xmls")
"""Receivers that take fields of our own beside title and text."""
_BAD = ("WARNING", "ERROR", "CRITICAL")


class Sender(Protocol):
    """Hands over a message."""

    def send(self, url: str, text: Text, severity: Severity, facts: Mapping[str, str]) -> None:
        """Return once the receiver took the message. Raises RetryableError saying why it did not."""
        ...


class AppriseSender:
    """Sends by apprise URL; webhooks also get `facts` as fields and `Idempotency-Key` as a header."""

    def send(self, url: str, text: Text, severity: Severity, facts: Mapping[str, str]) -> None:
        """As in `Sender`."""
        from apprise import Apprise, NotifyFormat

        receiver = Apprise()
        if not receiver.add(_with_facts(url, facts)):
            raise RetryableError("apprise does not take the URL of the receiver")
        with receiver.notify(
            title=text.title,
            body=text.body,
            notify_type=_type(severity),
            body_format=NotifyFormat.TEXT,
            timeout=SEND_TIMEOUT_S,
        ) as result:
            if not result:
                words = [entry.message for entry in result.logs() if entry.level in _BAD]
                raise RetryableError(words[-1] if words else f"apprise: {result.status.name.lower()}")


def check_urls(urls: tuple[str, ...]) -> None:
    """Raises InputError naming the first URL, by its place and scheme, that apprise cannot use."""
    from apprise import Apprise

    for place, url in enumerate(urls, start=1):
        if not Apprise().add(url):
            scheme = url.partition("://")[0][:20]
            raise InputError(f"notify.urls: number {place} ({scheme}://…) is no URL that apprise can send to")


def takes_fields(url: str) -> bool:
    """Whether a program reads what is sent there, from fields of ours; elsewhere people read it.

    >>> takes_fields("jsons://hooks.example/forewarn"), takes_fields("mailtos://plant.example")
    (True, False)
    """
    return url.partition("://")[0].lower() in _WEBHOOKS


def _with_facts(url: str, facts: Mapping[str, str]) -> str:
    if not takes_fields(url):
        return url
    extras = {f":{name}": value for name, value in facts.items()}
    extras["+Idempotency-Key"] = facts["idempotency_key"]
    return url + ("&" if "?" in url else "?") + urlencode(extras, quote_via=quote)


def _type(severity: Severity) -> NotifyType:
    from apprise import NotifyType

    match severity:
        case Severity.CRITICAL:
            return NotifyType.FAILURE
        case Severity.HIGH:
            return NotifyType.WARNING
        case _:
            return NotifyType.INFO
