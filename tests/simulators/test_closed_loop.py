"""The closed loop: scenario → MQTT → service → alerts → orders → engineers repair → normal again → closure.

A virtual month on a virtual clock, through a real broker and the whole service, judged against the scenario's truth.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from forewarn.config.settings import Settings
from forewarn.live.service import Service
from simulators.bulk import BulkSessions
from simulators.chance import most_by_chance
from simulators.duration import NS
from simulators.faults import FAULTS
from simulators.judge import Raised, judge
from simulators.messages import gateway_messages
from simulators.people import Crew, OpenOrder, People
from simulators.registry import write_registry
from simulators.scenario import load_scenario
from simulators.sessions import Broker, Identity
from simulators.simulation import Simulation
from simulators.truth import truth
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.waiting import wait_until

HOUR = 3600 * NS
FEWEST_RIGHT = 1.0 / 3.0
"""Share of the alerts that are right: eight things go wrong, and chance may make twice as many alarms of the budget."""
LONGEST_DELAY = 12 * HOUR
"""From the beginning of a fault, however slowly it grows, to its first alert."""
SHORTEST_LEAD = 12 * HOUR
"""Between the first alert and the breakdown that would have come: time to send somebody."""


CODES = {
    "bearing_wear": "bearing",
    "lubrication_loss": "lubrication",
    "imbalance": "imbalance",
    "misalignment": "misalignment",
    "looseness": "looseness",
    "cavitation": "operation",
    "blocked_filter": "blockage",
    "refrigerant_leak": "leak",
    "door_open": "operation",
    "overheating": "overheating",
    "silence": "communication",
}
"""What an engineer writes down of each trouble."""


@dataclass
class VirtualClock:
    """The service's clock; it stands until told otherwise."""

    now: int

    def __call__(self) -> int:
        return self.now


class ApiDesk:
    """What people do, through the HTTP API."""

    def __init__(self, url: str) -> None:
        self.client = httpx.Client(base_url=f"{url}/api/v1", timeout=20)

    def items(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """Every item of a list, page by page."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = self.client.get(path, params={**query, **({"cursor": cursor} if cursor else {})})
            page.raise_for_status()
            body = page.json()
            found += body["items"]
            cursor = body["next"]
            if cursor is None:
                return found

    def actions(self, alerts: Sequence[str]) -> list[dict[str, Any]]:
        """Everything people did with those alerts."""
        return [word for one in alerts for word in self.client.get(f"/alerts/{one}").json()["actions"]]

    def post(self, path: str, body: dict[str, Any]) -> None:
        self.client.post(path, json=body).raise_for_status()

    def open_orders(self) -> Sequence[OpenOrder]:
        lasting = {alert["id"] for alert in self.items("/alerts", state=["active", "acknowledged"])}
        return [
            OpenOrder(order["number"], order["device"], at(order["opened_at"]), lasting.isdisjoint(order["alerts"]))
            for order in self.items("/work-orders", open=True)
        ]

    def respond(self, number: str, engineer: str) -> None:
        self.post(f"/work-orders/{number}/assign", {"assignee": engineer})
        for alert in self.items("/alerts", work_order=number, state="active"):
            self.post(f"/alerts/{alert['id']}/acknowledge", {"note": f"seen by {engineer}"})

    def close(self, number: str, engineer: str, found: Sequence[str]) -> None:
        """With the code of what was found, and a word about every alert: what the models learn from."""
        code = next((CODES[kind] for kind in found if kind in CODES), "false_alarm")
        self.post(
            f"/work-orders/{number}/close", {"code": code, "note": f"{engineer}: {', '.join(found) or 'nothing'}"}
        )
        for alert in self.items("/alerts", work_order=number):
            verdict = "anomaly" if found else "not_anomaly"
            self.post(f"/alerts/{alert['id']}/feedback", {"verdict": verdict, "note": engineer})

    def rate(self, number: str, stars: int) -> None:
        """As a word about its alerts, until orders take ratings."""
        for alert in self.items("/alerts", work_order=number):
            self.post(f"/alerts/{alert['id']}/feedback", {"note": f"the customer gives {stars} of 5"})


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * NS


@dataclass
class Loop:
    """One service on virtual time with its simulated site."""

    sim: Simulation
    service: Service
    clock: VirtualClock
    desk: ApiDesk
    sessions: BulkSessions
    sent: int = 0

    def play(self, begin: int, until: int) -> None:
        """Publish [begin, until) and wait until the service has judged it."""
        self.clock.now = until
        for block in self.sim.blocks(begin, until):
            for message in gateway_messages(self.sim, block):
                self.sessions.publish(0, message.topic, message.payload)
                self.sent += message.readings
        self.sessions.drain()
        wait_until(lambda: self.judged() >= self.sent, f"{self.sent} readings judged", 60.0, 0.01)

    def judged(self) -> float:
        """Readings the service is through with."""
        words = ("judged", "duplicate", "late", "conflict")
        found = [self.service.metrics.registry.get_sample_value(f"forewarn_readings_{word}_total") for word in words]
        return sum(value or 0.0 for value in found)


@pytest.fixture
def loop(mosquitto: Mosquitto, unique_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    monkeypatch.setattr(
        "ingest.mqtt.input.REST_S", 0.0
    )  # hour after hour comes by itself: nothing to wait for between them
    monkeypatch.setattr("forewarn.live.judging.REST_S", 0.0)
    sim = Simulation(load_scenario("month"))  # of one name, for its luck is drawn by it
    site = sim.scenario.spec.site.name
    registry = tmp_path / "registry.toml"
    write_registry(sim, registry)
    settings = Settings.model_validate(
        {
            "data": {"dir": str(tmp_path / "data")},
            "mqtt": {"url": mosquitto.url, "topics": [f"forewarn/v1/{site}/#"], "client_id": unique_name},
            "http": {"port": free_port()},
            "registry": {"file": str(registry)},
            # The clock leaps from hour to hour, so all that comes is recorded: readings tell the time.
            "engine": {"live_within": "1s"},
        }
    )
    clock = VirtualClock(sim.history_start)
    service = Service(settings, clock)
    service.start()
    sessions = BulkSessions(Broker.of(mosquitto.url), [Identity(f"{unique_name}-gateway")])
    desk = ApiDesk(f"http://127.0.0.1:{settings.http.port}")
    try:
        wait_until(lambda: not service.not_ready(), "the service is ready", 30.0)
        sessions.connect()
        yield Loop(sim, service, clock, desk, sessions)
    finally:
        sessions.close()
        desk.client.close()
        service.stop()


@pytest.mark.timeout(900)
def test_a_month_from_fault_to_closure(loop: Loop) -> None:
    sim = loop.sim
    crew = Crew(People(sim.scenario.spec.people, sim.seed))
    loop.play(sim.history_start, sim.start)
    for begin in range(sim.start, sim.end, HOUR):
        loop.play(begin, begin + HOUR)
        crew.act(loop.clock.now, loop.desk, sim)

    alerts = loop.desk.items("/alerts")
    orders = loop.desk.items("/work-orders")
    raised = [Raised(one["device"], one["metric"], one["kind"], at(one["raised_at"])) for one in alerts]
    verdict = judge(sim, raised, {order["device"] for order in orders})
    assert verdict.missed == ()
    assert verdict.forbidden == ()
    assert verdict.recall == 1.0
    assert verdict.precision >= FEWEST_RIGHT
    assert max(verdict.delays) <= LONGEST_DELAY

    assert verdict.breakdowns == 0, "the one that was coming was repaired before"
    assert len(verdict.before_failure) == 1
    assert min(verdict.before_failure) >= SHORTEST_LEAD

    accepted = Settings().alarms.budget.per_device_second * (sim.end - sim.start) / NS * len(sim.devices)
    assert len(verdict.false) <= most_by_chance(accepted), Counter(one.device for one in verdict.false)

    ours = [order for order in orders if sim.start <= at(order["opened_at"]) < sim.end - 2 * HOUR]
    times = ("device", "opened_at", "responded_at", "response_due_at")
    assert [tuple(one[key] for key in times) for one in ours if not _answered_in_time(one)] == []
    closed = [order for order in ours if order["closed_at"]]
    assert [order for order in closed if order["solved_at"] > order["solve_due_at"]] == []
    assert {(one.device, CODES[one.kind]) for one in truth(sim) if one.kind in FAULTS} <= {
        (order["device"], order["closure_code"]) for order in closed
    }, "every fault was found by somebody, who says so"
    assert all(fault.ends_at is not None for fault in sim.faults), "and repaired"

    said = [(order["closure_code"], loop.desk.actions(order["alerts"])) for order in closed]
    assert all({word["verdict"] for word in words} >= {_verdict(code)} for code, words in said)
    rated = sum("the customer gives" in word["note"] for _, words in said for word in words)
    assert 0 < rated == sum(len(order["alerts"]) for order in closed if order["number"] in crew.rated)


def _verdict(code: str) -> str:
    return "not_anomaly" if code == "false_alarm" else "anomaly"


def _answered_in_time(order: dict[str, Any]) -> bool:
    return bool(order["responded_at"]) and at(order["responded_at"]) <= at(order["response_due_at"])
