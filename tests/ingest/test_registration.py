"""What devices tell about themselves goes into the registry, under what people said."""

import pytest

from ingest.adapters.adapter import Registration
from ingest.registration import register
from ingest.registry import Device, Metric, Registry


@pytest.mark.parametrize(
    ("known", "said", "expected"),
    [
        pytest.param(None, {}, Metric("t"), id="a new metric"),
        pytest.param(None, {"interval_s": 7200.0}, Metric("t", interval_s=7200.0), id="how often it speaks"),
        pytest.param(None, {"expire_after_s": 900.0}, Metric("t", interval_s=90.0), id="when it counts as lost"),
        pytest.param(None, {"basis": "temperature"}, Metric("t", basis="temperature"), id="what it is"),
        pytest.param(
            Metric("t", basis="velocity_rms", interval_s=60.0),
            {"basis": "speed", "interval_s": 5.0, "expire_after_s": 9.0},
            Metric("t", basis="velocity_rms", interval_s=60.0),
            id="what people said stays",
        ),
    ],
)
def test_metrics(known: Metric | None, said: dict[str, float | str], expected: Metric) -> None:
    registry = Registry()
    if known is not None:
        registry.put_metric("s", "d", known)
    register(registry, [Registration("s", "d", "t", **said)])  # type: ignore[arg-type]  # fields by name
    number = registry.find("s", "d", "t")
    assert number is not None
    assert registry.metric(number) == expected


@pytest.mark.parametrize(("known", "title"), [(None, "Bedroom"), ("", "Bedroom"), ("Pump", "Pump")])
def test_titles(known: str | None, title: str) -> None:
    registry = Registry()
    if known is not None:
        registry.put_device(Device("s", "d", title=known or None))
    register(registry, [Registration("s", "d", title="Bedroom")])
    assert registry.device(0).title == title


def test_the_same_again_changes_nothing() -> None:
    registry = Registry()
    said = [Registration("s", "d", "t", basis="b", expire_after_s=60.0), Registration("s", "d", title="T")]
    register(registry, said)
    version = registry.version
    register(registry, said)
    assert registry.version == version


def test_impossible_names_are_passed_over() -> None:
    registry = Registry()
    register(registry, [Registration("s", "a/b", "t"), Registration("", "d", title="x"), Registration("s", "d", "*")])
    assert registry.n_series == 0
