"""Decides who is told what and when: the reason for a notice, the reason to skip one, and when to try again.

outbox:  pending ──sent──▶ sent
            │ ▲ └─skip reason──▶ skipped
       sent badly: later again, until GIVE_UP_AFTER ──▶ failed

In a flood people get one message about many notices now and then, in place of one for each.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import Random

from alerts.alert import Alert, Severity, State

SECOND_NS = 1_000_000_000
HOUR_NS = 3_600 * SECOND_NS
FIRST_DELAY_NS = 10 * SECOND_NS
LONGEST_DELAY_NS = HOUR_NS
"""The delay doubles from the first to the longest: a mail server that restarts is met soon, one that is away all night
is not hammered."""
GIVE_UP_AFTER_NS = 24 * HOUR_NS
"""A page about yesterday's trouble helps nobody; the alert and its order are still there."""
MAX_PENDING = 1_000
"""Notices that may wait, all receivers together; more is a flood that no person reads."""
FLOOD = 10
FLOOD_WITHIN_NS = 600 * SECOND_NS
"""More notices than that to a receiver within ten minutes are a flood (EEMUA 191, ISA-18.2) …"""
GATHER_NS = 120 * SECOND_NS
"""… of which it is told at once, and then of all that came meanwhile, so long after the message before."""


class Language(StrEnum):
    """A language that people read."""

    EN = "en"
    ZH = "zh"


class Reason(StrEnum):
    """Why somebody is told."""

    OPENED = "opened"
    ESCALATED = "escalated"
    WORK_ORDER = "work_order"
    UNSHELVED = "unshelved"
    """The alert was set aside for a while, which is over."""
    COMPLAINT = "complaint"
    """A customer complained about the work order of the alert, whatever became of the alert."""


class Skip(StrEnum):
    """Why somebody is not told after all."""

    RECORDED = "recorded"
    """The trouble is not of now: recorded data, or readings that come late."""
    OVER = "over"
    """The condition is gone, or a person closed the alert."""
    SHELVED = "shelved"
    """A person set the alert aside for a while."""
    FLOOD = "flood"
    """Too many notices wait already."""
    NO_RECEIVER = "no_receiver"
    """The receiver was taken out of the settings."""


@dataclass(frozen=True, slots=True)
class NotifyConfig:
    """The settings of notifications."""

    urls: tuple[str, ...] = ()
    """Receivers as apprise URLs; none: nobody is told."""
    minimum: Severity = Severity.HIGH
    """The least severity of an alert that somebody is told of."""
    languages: tuple[Language, ...] = (Language.EN, Language.ZH)
    console_url: str | None = None
    """Where people reach the console, e.g. `https://forewarn.example`; None: messages carry no link."""
    timezone: str = "UTC"
    """IANA name of the zone in which messages give times."""
    live_within_ns: int = HOUR_NS
    """Trouble older than this when it is first recorded is not told."""


def notify_reason(alert: Alert, news: Reason, opened_order: bool, minimum: Severity) -> Reason | None:
    """Why people are told of the news of an alert; None if they are not."""
    if alert.severity.rank >= minimum.rank:
        return news
    return Reason.WORK_ORDER if opened_order else None


def notice_key(alert: Alert, reason: Reason, at: int) -> str:
    """What a receiver can know a repeated notice about an alert by.

    The alert's id, with the severity it escalated to, the number of the order that it opened, or when its shelf ended.
    """
    match reason:
        case Reason.OPENED:
            return alert.id
        case Reason.ESCALATED:
            return f"{alert.id}:{alert.severity}"
        case Reason.WORK_ORDER:
            return f"{alert.id}:{alert.work_order}"
        case Reason.UNSHELVED:
            return f"{alert.id}:{at}"
        case Reason.COMPLAINT:
            raise ValueError("a complaint is about an order: see `complaint_key`")


def complaint_key(order: str, complaint: int) -> str:
    """The same for a complaint about the order of that number."""
    return f"{order}:complaint-{complaint}"


def skip_at_once(alert: Alert, event_at: int, now: int, pending: int, live_within_ns: int) -> Skip | None:
    """Why a notice is skipped when it is first recorded; `event_at` is the event time of what it tells."""
    if now - event_at > live_within_ns:
        return Skip.RECORDED
    if is_over(alert.state, alert.cleared_at):
        return Skip.OVER
    return Skip.FLOOD if pending >= MAX_PENDING else None


def at_once(lately: int, since_message_ns: int | None) -> int:
    """How many of the notices that wait for a receiver go into its next message; 0: it is not yet time for one.

    `lately` counts those that wait and those of the last ten minutes, `since_message_ns` is how long ago the last
    message went out, None where that is longer ago.

    >>> at_once(FLOOD, 0), at_once(FLOOD + 1, 0), at_once(FLOOD + 1, GATHER_NS)
    (1, 0, 1000)
    """
    if lately <= FLOOD:
        return 1
    return 0 if since_message_ns is not None and since_message_ns < GATHER_NS else MAX_PENDING


def is_over(state: State, cleared_at: int | None) -> bool:
    """Whether there is nothing left to tell about an alert."""
    return cleared_at is not None or state in {State.CLEARED, State.CLOSED, State.RETURNED}


def delay_ns(tries: int, rng: Random) -> int:
    """How long to wait after the `tries`-th failed try: doubling, with jitter between half and all of it."""
    longest = min(FIRST_DELAY_NS << min(tries - 1, 32), LONGEST_DELAY_NS)
    return int(longest * rng.uniform(0.5, 1.0))
