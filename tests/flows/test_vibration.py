"""From an accelerometer to an alert: a bearing wears, and is told of by its fault line long before velocity moves."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import timedelta
from functools import cache

import pytest

from alerts.alert import Alert, AlertEvent, Escalated, Kind, Opened, Revised, Severity, apply
from alerts.limits import parse_limits
from forewarn.config.registry_file import fill, parse_registry
from forewarn.engine import Engine, EngineConfig
from ingest.adapters import make_adapters
from ingest.decode import Decoder
from ingest.message import Message
from ingest.receiver import Receiver
from ingest.registry import Registry
from ingest.sequence import Sequences
from simulators.duration import NS
from simulators.messages import encoder_of, wave_messages
from simulators.registry import registry_toml
from simulators.scenario import Scenario, ScenarioSpec
from simulators.simulation import Simulation

DAY = 86_400 * NS
ONSET, LIFE = 8, 12
"""Days; at the end of its life the bearing would break down."""
ZONES = parse_limits({"limit": [{"metric": "acceleration.velocity_rms", "zones": "ISO 10816-3"}]}, "limits.toml")


def site(defect: str, days: int) -> Simulation:
    waveform = {"every": "20min", "seconds": 0.5, "rate_hz": 10_000.0, "defect": defect}
    tables = {
        "description": "one bearing wears, one does not",
        "site": {"name": "here"},
        "timeline": {"interval": "1h", "span": f"{days}d"},
        "device": [{"name": "pump-{n}", "count": 2, "model": "pump", "schedule": "steady", "waveform": waveform}],
        "fault": [{"device": "pump-1", "kind": "bearing_wear", "onset": f"{ONSET}d", "duration": f"{LIFE}d"}],
    }
    return Simulation(Scenario(name="bearings", spec=ScenarioSpec.model_validate(tables)), seed=1)


@cache
def events_of(defect: str, days: int) -> tuple[int, Sequence[AlertEvent]]:
    """(start of the simulation, what the engine said) of a site whose waveforms come by MQTT."""
    sim, registry = site(defect, days), Registry()
    fill(registry, parse_registry(tomllib.loads(registry_toml(sim)), "registry.toml"))
    adapters = make_adapters(None, registry.machine)
    receiver = Receiver(registry, Decoder(timedelta(hours=24), timedelta(seconds=1), 8 * 2**20, adapters), Sequences())
    engine, events = Engine(registry, EngineConfig(limits=ZONES)), list[AlertEvent]()
    encoders = [encoder_of(sim, placed) for placed in sim.devices]
    sent = sorted(wave_messages(sim, sim.start, sim.end, encoders), key=lambda message: message.sent)
    for first in range(0, len(sent), 64):
        messages = [Message(one.topic, one.payload, one.sent) for one in sent[first : first + 64]]
        received = receiver.receive(messages)
        assert received.rejects == ()
        events += engine.process(received.readings).events
    return sim.start, events


def alerts_of(defect: str, days: int) -> tuple[int, list[Alert]]:
    """(start of the simulation, alerts in order of their raising)."""
    start, events = events_of(defect, days)
    alerts: dict[str, Alert] = {}
    for event in events:
        if isinstance(event, Opened):
            alerts[event.alert.id] = event.alert
        else:
            alerts[event.alert_id] = apply(alerts[event.alert_id], event)
    return start, list(alerts.values())


@pytest.mark.parametrize(
    ("defect", "line"),
    [
        pytest.param("outer", "bpfo", id="the outer race"),
        pytest.param("inner", "bpfi", id="the inner race"),
        pytest.param("ball", "bsf", id="a ball"),
    ],
)
def test_wear_is_told_of_by_the_line_of_the_part_that_wears(defect: str, line: str) -> None:
    start, alerts = alerts_of(defect, ONSET + 2)
    first = next(one for one in alerts if one.device == "pump-1" and one.raised_at > start + ONSET * DAY)
    assert first.kind is Kind.BASELINE
    assert f"acceleration.envelope_{line}" in first.explanation.en


def test_velocity_follows_with_its_alarm_its_zones_and_a_forecast_that_holds() -> None:
    _, events = events_of("outer", ONSET + LIFE)
    limits = {event.alert.id: event.alert for event in events if isinstance(event, Opened) and _is(event, Kind.LIMIT)}
    assert "ALARM, own baseline + 25% of B/C" in next(iter(limits.values())).explanation.en
    damage = next(event for event in events if isinstance(event, Escalated) and event.alert_id in limits)
    assert damage.severity is Severity.CRITICAL
    assert damage.evidence["limit"] == 4.5
    [forecast] = [event.alert for event in events if isinstance(event, Opened) and _is(event, Kind.FORECAST)]
    told = [event for event in events if isinstance(event, Escalated | Revised) and event.alert_id == forecast.id]
    of_damage = [event for event in told if event.evidence["limit"] == 4.5 and event.at < damage.at]
    held = [_at(event, "earliest_at") <= damage.at <= _at(event, "latest_at") for event in of_damage]
    assert len(held) >= 3
    assert sum(held) >= len(held) / 2
    assert damage.at - forecast.raised_at > 2 * DAY
    assert any(event.severity is Severity.HIGH for event in told if isinstance(event, Escalated))


def _is(event: Opened, kind: Kind) -> bool:
    return event.alert.kind is kind and event.alert.metric == "acceleration.velocity_rms"


def _at(event: Escalated | Revised, name: str) -> int:
    return int(event.evidence[name] or 0)


def test_the_sound_one_is_left_in_peace() -> None:
    _, alerts = alerts_of("outer", ONSET + LIFE)
    assert [one for one in alerts if one.device == "pump-2" and one.kind is not Kind.BASELINE] == []
    assert len([one for one in alerts if one.device == "pump-2"]) <= 2, "the budget is one a month"
