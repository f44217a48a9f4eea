"""Which earlier alerts are like one, in what order, and what is said of them: tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.alert import Alert, Kind, Opened, Verdict
from tests.alerts.samples import HOUR, START, make_alert
from workorders.closure import ClosureCode
from workorders.opening import Book
from workorders.order import Closed, apply
from workorders.similar import DAYS, MOST_SHOWN, Nearness, Past, nearness, similar

DAY = 24 * HOUR
NOW = START + 400 * DAY
ALERT = make_alert(raised_at=NOW)


def before(days: float, **of: object) -> Alert:
    """An alert of the same kind that was raised so many days earlier."""
    return make_alert(raised_at=NOW - int(days * DAY), **of)  # type: ignore[arg-type]


def solved(alert: Alert, code: ClosureCode | None, note: str = "", hours: float = 5.0, cls: str = "pump") -> Past:
    """With an order that was closed with that code so many hours after it was opened; None: it is still open."""
    book = Book()
    book.take(Opened(alert))
    (order,) = book.orders.values()
    if code is not None:
        order = apply(order, Closed(code, alert.raised_at + int(hours * HOUR), "wang", note))
    return Past(book.alerts[alert.id], cls, order)


@pytest.mark.parametrize(
    ("other", "asset_class", "expected"),
    [
        pytest.param(before(1), "pump", Nearness.DEVICE, id="the same device"),
        pytest.param(before(1), None, Nearness.DEVICE, id="the same device, of no class"),
        pytest.param(before(1, device="pump-2"), "pump", Nearness.SITE, id="another one of its class at the site"),
        pytest.param(before(1, site="north"), "pump", Nearness.CLASS, id="one of its class elsewhere"),
        pytest.param(before(1, device="fan-2"), "fan", None, id="another class"),
        pytest.param(before(1, device="pump-2"), None, None, id="another one of no class"),
        pytest.param(before(1, kind=Kind.BASELINE), "pump", None, id="another kind"),
        pytest.param(before(1, metric="temperature"), "pump", None, id="another metric"),
        pytest.param(before(0, device="pump-2"), "pump", None, id="at the same time: not before"),
        pytest.param(before(-1), "pump", None, id="later"),
    ],
)
def test_what_is_like_an_alert(other: Alert, asset_class: str | None, expected: Nearness | None) -> None:
    assert nearness(ALERT, "pump", Past(other, asset_class)) is expected


def test_an_alert_on_a_whole_device_is_like_one_on_the_metric_that_led_it() -> None:
    whole = replace(make_alert(metric=None, kind=Kind.BASELINE, raised_at=NOW), evidence={"metric": "vibration"})
    assert nearness(whole, None, Past(before(1, kind=Kind.BASELINE))) is Nearness.DEVICE
    assert nearness(whole, None, Past(before(1, kind=Kind.BASELINE, metric="flow"))) is None


def test_alerts_of_one_order_are_one_trouble() -> None:
    mine = replace(ALERT, work_order="WO-1")
    assert nearness(mine, None, Past(replace(before(1), work_order="WO-1"))) is None
    twice = [Past(replace(before(days), work_order="WO-2")) for days in (3, 2)]
    (one,) = similar(mine, None, twice).items
    assert one.past.alert.raised_at == NOW - 2 * DAY


def test_the_nearest_come_first_and_of_these_the_newest() -> None:
    pasts = [
        Past(before(1, site="north"), "pump"),
        Past(before(2, device="pump-2"), "pump"),
        *(Past(before(days)) for days in (40, 30, 200)),
        Past(before(5, device="pump-3"), "pump"),
    ]
    found = similar(ALERT, "pump", pasts).items
    assert [(one.near, (NOW - one.past.alert.raised_at) // DAY) for one in found] == [
        (Nearness.DEVICE, 30),
        (Nearness.DEVICE, 40),
        (Nearness.DEVICE, 200),
        (Nearness.SITE, 2),
        (Nearness.SITE, 5),
    ]
    assert len(found) == MOST_SHOWN
    assert similar(ALERT, "pump", pasts[::-1]).items == found


def verdict(past: Past, said: Verdict, note: str = "") -> Past:
    return replace(past, verdict=said, said=note)


@pytest.mark.parametrize(
    ("past", "code", "note", "hours"),
    [
        pytest.param(solved(before(1), ClosureCode.BEARING, "Replaced"), ClosureCode.BEARING, "Replaced", 5, id="code"),
        pytest.param(solved(before(1), None), None, "", None, id="an order that is open"),
        pytest.param(solved(before(1), ClosureCode.UNSPECIFIED), None, "", 5, id="closed without a reason"),
        pytest.param(
            verdict(solved(before(1), ClosureCode.UNSPECIFIED), Verdict.NOT_ANOMALY, "Cleaning"),
            ClosureCode.FALSE_ALARM,
            "Cleaning",
            5,
            id="somebody said it was none",
        ),
        pytest.param(
            verdict(solved(before(1), ClosureCode.LEAK, "Seal"), Verdict.NOT_ANOMALY, "?"),
            ClosureCode.LEAK,
            "Seal",
            5,
            id="who looked at the machine knows better",
        ),
        pytest.param(verdict(Past(before(1)), Verdict.ANOMALY, "Seen"), None, "Seen", None, id="right, no order"),
    ],
)
def test_what_became_of_it(past: Past, code: ClosureCode | None, note: str, hours: float | None) -> None:
    assert (past.code, past.note) == (code, note)
    assert past.solve_s == (None if hours is None else hours * 3_600)


@pytest.mark.parametrize(
    ("pasts", "en", "zh"),
    [
        pytest.param([], None, None, id="nothing before"),
        pytest.param(
            [
                solved(before(3), ClosureCode.BEARING),
                solved(before(9), ClosureCode.FALSE_ALARM),
                solved(before(DAYS), ClosureCode.BEARING),
            ],
            "3 similar on this device in 90 days: 2 × bearing damage, 1 × false alarm",
            "本设备近 90 天有 3 次类似报警：轴承损坏 2 次，误报 1 次",
            id="the most frequent first",
        ),
        pytest.param(
            [solved(before(1), None), solved(before(200), ClosureCode.LEAK)],
            "1 similar on this device in 90 days: 1 without a finding",
            "本设备近 90 天有 1 次类似报警：无结论 1 次",
            id="nobody knows yet",
        ),
        pytest.param(
            [solved(before(200), ClosureCode.LEAK), solved(before(300), None)],
            "last similar on this device on 2026-07-20: leak",
            "本设备上一次类似报警在 2026-07-20：泄漏",
            id="long ago",
        ),
        pytest.param(
            [solved(before(4, device="pump-2"), ClosureCode.LOOSENESS), solved(before(200), ClosureCode.LEAK)],
            "1 similar on other devices of class pump at the site in 90 days: 1 × looseness",
            "本站点其他 pump 类设备近 90 天有 1 次类似报警：松动 1 次",
            id="lately only at another one",
        ),
        pytest.param(
            [solved(before(4, site="north"), ClosureCode.BLOCKAGE)],
            "1 similar on devices of class pump at other sites in 90 days: 1 × blocked filter or pipe",
            "其他站点 pump 类设备近 90 天有 1 次类似报警：过滤器或管道堵塞 1 次",
            id="elsewhere",
        ),
    ],
)
def test_the_line_that_sums_it_up(pasts: list[Past], en: str | None, zh: str | None) -> None:
    found = similar(ALERT, "pump", pasts).summary
    assert (found.en if found else None, found.zh if found else None) == (en, zh)


def test_what_is_cut_off_is_said_to_be_the_least() -> None:
    past = [solved(before(3), ClosureCode.BEARING)]
    assert "at least" not in str(similar(ALERT, "pump", past, {Nearness.SITE}).summary)
    found = similar(ALERT, "pump", past, {Nearness.DEVICE}).summary
    assert found is not None
    assert found.en == "at least 1 similar on this device in 90 days: 1 × bearing damage"
    assert found.zh == "本设备近 90 天有至少 1 次类似报警：轴承损坏 1 次"
