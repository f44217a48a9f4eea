"""Why the work on an order waits: the reasons, and what they mean in both languages."""

from __future__ import annotations

from enum import StrEnum

from alerts.alert import Explanation


class PauseReason(StrEnum):
    """What is waited for."""

    CUSTOMER = "customer"
    PARTS = "parts"
    WEATHER = "weather"
    ACCESS = "access"
    OTHER = "other"
    """What the note says."""


PAUSE_LABELS = {
    PauseReason.CUSTOMER: Explanation("Waiting for the customer", "等待客户"),
    PauseReason.PARTS: Explanation("Waiting for parts", "等待备件"),
    PauseReason.WEATHER: Explanation("Weather", "天气原因"),
    PauseReason.ACCESS: Explanation("No access", "无法进场"),
    PauseReason.OTHER: Explanation("Another reason", "其他原因"),
}
"""What a person reads for each reason."""
