"""Rejects read once more: what they give, and what is still wrong."""

from datetime import timedelta

import orjson
import pytest

from ingest.adapters import make_adapters
from ingest.adapters.mapping import Mapping, parse_mapping_text
from ingest.adapters.options import Options
from ingest.decode import Decoder
from ingest.errors import InputError
from ingest.reading import Quality
from ingest.registry import Metric, Registry, UnitState
from ingest.rejects import Reject, RejectSource
from ingest.rereading import Attempt, Reread, attempts, reread
from ingest.times import parse_time

ARRIVED = parse_time("2026-05-01T10:00:00Z")
NOW = parse_time("2026-05-03T10:00:00Z")
MAPPING = """
[[mapping]]
topic = "factory/{machine}"
site = "hall"
device = "{machine}"
text_numbers = true

[[mapping.value]]
metric = "temperature"
value = "$.t"
unit = "°F"
"""


def mqtt(payload: object, topic: str = "factory/press") -> Reject:
    raw = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    return Reject(ARRIVED, RejectSource.MQTT, topic, "no adapter reads this topic", raw, len(raw), id=7)


def sent(said: object, source: RejectSource = RejectSource.HTTP) -> Reject:
    raw = orjson.dumps(said)
    return Reject(ARRIVED, source, "", "for some reason", raw, len(raw), id=7)


def read(
    *rejects: Reject, mapping: str = MAPPING, registry: Registry | None = None, dry: bool = False
) -> tuple[Reread, list[Attempt]]:
    mappings: tuple[Mapping, ...] = parse_mapping_text(mapping, "mapping") if mapping else ()
    adapters = make_adapters(Options(mappings=mappings))
    decoder = Decoder(timedelta(hours=24), timedelta(hours=1), 10**6, adapters)
    known = Registry() if registry is None else registry
    found = reread(rejects, decoder, known, mappings, now=NOW, dry=dry)
    return found, attempts(rejects, found, 100)


@pytest.mark.parametrize(
    ("reject", "mapping", "rows", "problem"),
    [
        pytest.param(mqtt({"t": "50"}), MAPPING, [("hall", "press", "temperature", 10.0, "°C")], None, id="mapped"),
        pytest.param(mqtt({"t": "50"}), "", [], "no adapter reads this topic", id="without the mapping"),
        pytest.param(
            mqtt({"t": "x"}), MAPPING, [], "temperature: value should be a finite number, not 'x'", id="wrong"
        ),
        pytest.param(
            mqtt({"values": {"t": 1, "u": "x"}}, "forewarn/v1/s/d/telemetry"),
            "",
            [("s", "d", "t", 1.0, None)],
            "u: value should be a finite number, not a text",
            id="in part",
        ),
        pytest.param(
            mqtt(b"online", "forewarn/v1/s/d/status"), "", [], "it is readable, but holds no reading", id="no reading"
        ),
        pytest.param(
            sent({"device": "d", "values": {"t": 1}}), "", [("default", "d", "t", 1.0, None)], None, id="over HTTP"
        ),
        pytest.param(
            sent({"id": "d", "t": 1}),
            '[[mapping]]\ntopic = "#"\ndevice = "$.id"\n[[mapping.value]]\nmetric = "t"\nvalue = "$.t"',
            [("default", "d", "t", 1.0, None)],
            None,
            id="over HTTP by a mapping of any topic",
        ),
        pytest.param(
            sent({"site": "s", "device": "d", "metric": "t", "ts": 1, "score": 2.0}, RejectSource.STORE),
            "",
            [],
            "'values' is missing",
            id="a score that was refused",
        ),
    ],
)
def test_what_a_reject_gives(
    reject: Reject, mapping: str, rows: list[tuple[str, str, str, float, str | None]], problem: str | None
) -> None:
    _, (told,) = read(reject, mapping=mapping)
    assert told.number == 7
    assert [(row.site, row.device, row.metric, round(row.value, 9), row.unit) for row in told.rows] == rows
    assert (told.n_rows, told.problem) == (len(rows), problem)


def test_a_reading_without_stamp_has_the_time_of_its_arrival_and_is_history() -> None:
    found, _ = read(mqtt({"t": 50}))
    assert found.batch.time.tolist() == [ARRIVED]
    assert found.batch.received_at.tolist() == [NOW]
    assert found.batch.quality.tolist() == [Quality.HISTORICAL | Quality.STAMPED_ON_ARRIVAL]


def test_a_count_of_the_device_does_not_make_it_a_repetition() -> None:
    found, _ = read(sent({"device": "d", "values": {"t": 1}, "seq": 5}))
    assert found.batch.seq.tolist() == [-1]


def test_a_refused_point_is_the_same_reading_again() -> None:
    registry = Registry()
    registry.put_metric("s", "d", Metric("t", "°C", UnitState.KNOWN, "°F"))
    time = "2026-05-01T09:00:00.123456789Z"
    said = {"site": "s", "device": "d", "ts": 1777626000123.4568, "time": time}
    found, (told,) = read(
        sent(said | {"values": {"t": 21.5}, "units": {"t": "°C"}}, RejectSource.STORE), registry=registry
    )
    assert found.batch.time.tolist() == [parse_time(time)]
    assert found.batch.value.tolist() == [21.5], "it was converted before it was refused"
    assert told.problem is None


def test_a_payload_of_which_only_the_beginning_was_kept_gives_nothing() -> None:
    cut = Reject(ARRIVED, RejectSource.MQTT, "factory/press", "too large", b'{"t": 50}', 2_000_000, id=7)
    found, (told,) = read(cut, mqtt({"t": 32}))[0], read(cut)[1]
    assert (told.n_rows, told.problem) == (0, "only the first 9 of 2000000 bytes were kept: it cannot be read again")
    assert found.origin.tolist() == [1]
    assert found.problems[1] is None


def test_trying_leaves_the_registry_as_it_is() -> None:
    registry = Registry()
    registry.put_metric("hall", "press", Metric("temperature", "bar", UnitState.KNOWN, "bar"))
    before = registry.version
    _, (told,) = read(mqtt({"t": 50}), registry=registry, dry=True)
    assert told.problem == "temperature: unit '°F' of metric 'temperature' is of another quantity than 'bar'"
    _, (told,) = read(mqtt({"t": 50}, "factory/mill"), registry=registry, dry=True)
    assert (told.rows[0].unit, told.problem) == ("°C", None)
    assert (registry.version, registry.n_series) == (before, 1)


def test_nothing_at_all() -> None:
    found, told = read()
    assert (len(found.batch), told) == (0, [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[mapping", "mapping: is not TOML"),
        ("a = " + "[" * 50_000, "mapping: is not TOML"),
        ("[[mapping]]\ntopic = 'a'", "mapping: mapping 1: device is missing"),
    ],
)
def test_a_mapping_that_is_none(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_mapping_text(text, "mapping")
