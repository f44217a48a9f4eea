"""Alerts for tests."""

from collections.abc import Mapping

from hypothesis import strategies as st

from alerts.alert import (
    Alert,
    AlertEvent,
    Confirmed,
    Escalated,
    Explanation,
    Fact,
    Kind,
    Opened,
    Returned,
    Severity,
    alert_id,
)

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
START = 1_767_225_600 * SECOND
"""2026-01-01T00:00:00Z"""

EVIDENCE: Mapping[str, Fact] = {"value": 8.2, "limit": 7.1, "unit": "mm/s", "side": "high", "held_s": 0.0}


def make_alert(
    device: str = "pump-1",
    metric: str | None = "vibration",
    severity: Severity = Severity.HIGH,
    kind: Kind = Kind.LIMIT,
    raised_at: int = START,
    site: str = "plant",
) -> Alert:
    return Alert(
        id=alert_id(site, device, metric, kind, raised_at),
        site=site,
        device=device,
        metric=metric,
        kind=kind,
        severity=severity,
        onset_at=raised_at - 60 * SECOND,
        raised_at=raised_at,
        score=4.5,
        explanation=Explanation("vibration 8.2 mm/s is above the limit of 7.1 mm/s", "振动 8.2 mm/s 高于限值 7.1 mm/s"),
        last_at=raised_at,
        evidence=EVIDENCE,
    )


def opened(**of: object) -> Opened:
    return Opened(make_alert(**of))  # type: ignore[arg-type]


def escalated(alert: Alert, severity: Severity, at: int) -> Escalated:
    return Escalated(alert.id, at, severity, Explanation("worse", "加重"), {"value": 12.0, "unit": "mm/s"})


@st.composite
def histories(draw: st.DrawFn) -> list[AlertEvent]:
    """What an engine may say about a few devices, in order of time."""
    events: list[AlertEvent] = []
    alerts: list[Alert] = []
    for step in range(draw(st.integers(1, 14))):
        at = START + step * 60 * SECOND
        if not alerts or draw(st.booleans()):
            device, metric = draw(st.sampled_from(["pump-1", "fan-2"])), draw(st.sampled_from(["vibration", None]))
            alert = make_alert(device, metric, draw(st.sampled_from(list(Severity))), raised_at=at)
            alerts.append(alert)
            events.append(Opened(alert))
        else:
            events.append(draw(_later(draw(st.sampled_from(alerts)), at, step)))
    return events


def _later(alert: Alert, at: int, count: int) -> st.SearchStrategy[AlertEvent]:
    return st.one_of(
        st.just(Confirmed(alert.id, at, count, 5.0 + count)),
        st.sampled_from(list(Severity)).map(lambda severity: escalated(alert, severity, at)),
        st.just(Returned(alert.id, at)),
    )
