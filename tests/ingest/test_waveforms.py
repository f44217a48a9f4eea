"""Waveforms over MQTT: what a message becomes, and what is wrong with one that becomes nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import orjson
import pytest

from ingest.adapters import make_adapters
from ingest.decode import Decoded, Decoder
from ingest.machine import UNKNOWN, Bearing, Machine
from ingest.message import Message
from ingest.receiver import Received, Receiver
from ingest.registry import Device, Metric, Registry
from ingest.rejects import Reject, RejectSource
from ingest.rereading import reread
from ingest.sequence import Sequences
from ingest.times import parse_time
from ingest.vibration.features import MAX_SAMPLES, VELOCITY_BASIS

NOW = parse_time("2025-11-24T16:10:00Z")
AT = parse_time("2025-11-24T16:00:00Z")
TOPIC = "forewarn/v1/plant/pump-1/waveform"
MACHINE = Machine(speed_rpm=1480.0, bearing=Bearing(9, 7.94, 39.04))
COUNTS = np.rint(1000 * np.sqrt(2) * np.sin(2 * np.pi * 50 * np.arange(10_000) / 10_000)).astype(int).tolist()
"""1 m/s² at 50 Hz in thousandths."""


def body(**said: Any) -> dict[str, Any]:
    whole = {"ts": AT // 10**6, "metric": "acceleration", "unit": "m/s²", "rate_hz": 10_000.0, "scale": 0.001}
    return {name: value for name, value in {**whole, "values": COUNTS, **said}.items() if value is not ...}


def decode(payload: object, machine: Machine = UNKNOWN, topic: str = TOPIC) -> Decoded:
    adapters = make_adapters(None, lambda site, device: machine if (site, device) == ("plant", "pump-1") else UNKNOWN)
    raw = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    decoder = Decoder(timedelta(hours=24), timedelta(hours=1), 8 * 2**20, adapters)
    return decoder.decode([Message(topic, raw, NOW)])


def values(decoded: Decoded) -> dict[str, float]:
    return {
        decoded.keys[key][2]: value
        for key, value in zip(decoded.key.tolist(), decoded.value.tolist(), strict=True)
    }  # fmt: skip


def reasons(decoded: Decoded) -> list[str]:
    return [problem.reason for problem in decoded.problems]


def test_a_waveform_becomes_readings_of_the_moment_it_began() -> None:
    decoded = decode(body(), MACHINE)
    found = values(decoded)
    assert found["acceleration.rms"] == pytest.approx(1.0, rel=0.001)
    assert found["acceleration.velocity_rms"] == pytest.approx(1000 / (2 * np.pi * 50), rel=0.001)
    assert {"acceleration.kurtosis", "acceleration.crest_factor", "acceleration.envelope_bpfo"} <= set(found)
    assert set(decoded.time.tolist()) == {AT}
    assert reasons(decoded) == []
    units = {decoded.keys[key][2]: decoded.keys[key][3] for key in decoded.key.tolist()}
    assert units["acceleration.velocity_rms"] == "mm/s"
    bases = {one.metric: one.basis for one in decoded.registrations}
    assert bases["acceleration.velocity_rms"] == VELOCITY_BASIS
    assert set(bases) == set(found)


@pytest.mark.parametrize(
    ("said", "rms"),
    [
        pytest.param({"unit": "g", "scale": 0.001}, 9.80665, id="g"),
        pytest.param({"unit": "mm/s²", "scale": 1}, 1.0, id="mm/s², whole numbers"),
        pytest.param({"unit": "m/s^2", "scale": ..., "values": [n / 1000 for n in COUNTS]}, 1.0, id="no scale"),
        pytest.param({"scale": -0.001}, 1.0, id="a sensor upside down"),
    ],
)
def test_units_and_scales_of_acceleration(said: dict[str, Any], rms: float) -> None:
    assert values(decode(body(**said)))["acceleration.rms"] == pytest.approx(rms, rel=0.001)


def test_a_waveform_of_velocity() -> None:
    decoded = decode(body(metric="housing", unit="m/s", scale=1e-6))
    assert values(decoded)["housing.velocity_rms"] == pytest.approx(1.0, rel=0.001)


def test_the_speed_in_the_message_counts_for_more_than_the_rated_one() -> None:
    times = np.arange(40_000) / 10_000
    bpfo = 9 / 2 * (600 / 60) * (1 - 7.94 / 39.04)
    rung = (1 + np.cos(2 * np.pi * bpfo * times)) * np.sin(2 * np.pi * 3000 * times)
    said = {"scale": ..., "values": rung.tolist()}
    slow = values(decode(body(**said, speed_rpm=600), MACHINE))
    assert slow["acceleration.envelope_bpfo"] == pytest.approx(1 / np.sqrt(2), rel=0.02)
    assert values(decode(body(**said), MACHINE))["acceleration.envelope_bpfo"] < 0.01


def test_without_a_unit_its_shape_is_taken_and_the_rest_told_once() -> None:
    adapters = make_adapters()
    decoder = Decoder(timedelta(hours=24), timedelta(hours=1), 8 * 2**20, adapters)
    messages = [Message(TOPIC, orjson.dumps(body(unit=unit, ts=...)), NOW) for unit in (..., "furlong", None)]
    decoded = decoder.decode(messages)
    assert sorted(values(decoded)) == ["acceleration.crest_factor", "acceleration.kurtosis"]
    assert len(decoded) == 6
    assert [(problem.message, problem.metric) for problem in decoded.problems] == [(0, "acceleration.rms")]
    assert "no unit of acceleration or velocity" in decoded.problems[0].reason
    assert decoded.registrations[0].basis == "kurtosis"


WRONG = {
    "an array": ([], "a waveform should be an object, not an array"),
    "no json": (b"\x00\x01", "payload is not JSON"),
    "no rate": (body(rate_hz=...), "'rate_hz' is missing"),
    "a rate of nothing": (body(rate_hz=0), "'rate_hz' is 0, it should be above 0"),
    "an absurd rate": (body(rate_hz=1e9), "at most 1e+06"),
    "a rate in words": (body(rate_hz="fast"), "'rate_hz' should be a finite number, not a text"),
    "a rate that is true": (body(rate_hz=True), "'rate_hz' should be a finite number, not true"),
    "a speed below zero": (body(speed_rpm=-5), "'speed_rpm' is -5"),
    "a scale in words": (body(scale="m"), "'scale' should be a finite number"),
    "no values": (body(values=...), "'values' should be an array of numbers"),
    "values by name": (body(values={"0": 1}), "'values' should be an array of numbers"),
    "too few": (body(values=[1] * 255), "'values' has 255 samples, allowed are 256 to 262144"),
    "too many": (body(values=[1] * (MAX_SAMPLES + 1)), "'values' has 262145 samples"),
    "a gap": (body(values=[*COUNTS[:300], None, *COUNTS[:300]]), "sample 300 should be a finite number, not null"),
    "a flag": (body(values=[*COUNTS[:300], True]), "sample 300 should be a finite number, not true"),
    "a word": (body(values=["1", *COUNTS]), "sample 0 should be a finite number, not a text"),
    "NaN": (orjson.dumps(body()).replace(b"[0,", b"[NaN,", 1), "sample 0 should be a finite number, not NaN"),
    "absurd samples": (body(values=[1e300, -1e300] * 200), "samples are beyond 1e+09"),
    "beyond what a number holds": (body(values=[1e308, -1e308] * 200, scale=1e10), "samples are beyond 1e+09"),
    "an impossible name": (body(metric="a/b"), "metric 'a/b' holds a character"),
    "a name that is none": (body(metric=5), "metric is not a text"),
    "a name too long for its features": (body(metric="x" * 110), "too long for the names of its features"),
    "before 1990": (body(ts=5), "is before 1990"),
    "a time in words": (body(ts="today"), "'ts' should be epoch milliseconds"),
}


@pytest.mark.parametrize(("payload", "reason"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_used_is_refused_as_a_whole_with_the_reason(payload: object, reason: str) -> None:
    decoded = decode(payload, MACHINE)
    assert len(decoded) == 0
    [said] = reasons(decoded)
    assert reason in said
    assert decoded.registrations == ()


def test_the_largest_waveform_is_taken() -> None:
    assert len(decode(body(values=(COUNTS * 27)[:MAX_SAMPLES]), MACHINE)) == 11


def received(registry: Registry, *payloads: dict[str, Any]) -> Received:
    decoder = Decoder(
        timedelta(hours=24), timedelta(hours=1), 8 * 2**20, make_adapters(None, registry.machine)
    )  # fmt: skip
    receiver = Receiver(registry, decoder, Sequences())
    return receiver.receive([Message(TOPIC, orjson.dumps(one), NOW) for one in payloads])


def test_the_registry_learns_what_the_numbers_are_but_people_know_better() -> None:
    registry = Registry()
    registry.put_device(Device("plant", "pump-1", machine=MACHINE))
    registry.put_metric("plant", "pump-1", Metric("acceleration.rms", basis="as the maker says"))
    assert len(received(registry, body()).batch) == 11

    def known(name: str) -> Metric:
        number = registry.find("plant", "pump-1", f"acceleration.{name}")
        assert number is not None
        return registry.metric(number)

    assert (known("velocity_rms").unit, known("velocity_rms").basis) == ("mm/s", VELOCITY_BASIS)
    assert (known("kurtosis").unit, known("kurtosis").basis) == ("1", "kurtosis")
    assert known("rms").basis == "as the maker says"


def test_a_reject_is_read_again_as_history_once_the_bearing_is_known() -> None:
    registry, raw = Registry(), orjson.dumps(body())
    registry.put_device(Device("plant", "pump-1", machine=MACHINE))
    reject = Reject(NOW, RejectSource.MQTT, TOPIC, "no adapter reads this topic", raw, len(raw), id=1)
    decoder = Decoder(timedelta(hours=24), timedelta(hours=1), 10**6, make_adapters(None, registry.machine))
    found = reread([reject], decoder, registry, now=NOW)
    assert found.problems == (None,)
    assert "acceleration.envelope_bpfo" in {name[2] for name in found.batch.names}
