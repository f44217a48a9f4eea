"""What a simulated machine measures, in any format and with any firmware: the reading is what was measured."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from ingest.adapters.options import Options
from ingest.measure import Intake
from ingest.message import Message
from ingest.reading import NS_PER_SECOND, Quality
from ingest.registry import Registry
from ingest.units import conversion
from simulators.machines.table import MACHINES
from simulators.messages import announcements, device_messages, encoder_of
from simulators.payloads.table import FORMATS
from simulators.scenario import Scenario, ScenarioSpec
from simulators.simulation import Simulation
from tests.ingest.test_adapters import NOW, decoder

MINUTE = 60 * NS_PER_SECOND
NO_UNITS = {"thingsboard", "thingsboard-gateway", "line-protocol"}
"""Formats that say nothing of units: who wants them converted names them in the registry."""


def simulation(model: str, kind: str, *lies: dict[str, Any]) -> Simulation:
    metrics = [channel.metric for channel in MACHINES[model].channels]
    device = {"name": "it", "model": model, "battery": True, "format": kind, "metrics": metrics}
    tables = {"description": "d", "timeline": {"span": "10min"}, "device": [device], "lie": lies}
    return Simulation(Scenario(name="one", spec=ScenarioSpec.model_validate(tables)), start=NOW - 10 * MINUTE)


def sent(sim: Simulation) -> Iterator[Message]:
    """Every message of ten minutes, as the broker hands them over."""
    encoder = encoder_of(sim, sim.devices[0])
    for one in (*announcements(sim), *encoder.hello(sim.start)):
        yield Message(one.topic, one.payload, sim.start)
    for message in device_messages(sim, sim.block(sim.start, sim.end), [encoder]):
        yield Message(message.topic, message.payload, message.sent)


def taken(sim: Simulation) -> dict[tuple[str, str | None], list[float]]:
    """Values by metric and canonical unit, after the door."""
    registry = Registry()
    decoding, intake = decoder(Options(thingsboard_device="it")), Intake(registry)
    values: dict[tuple[str, str | None], list[float]] = {}
    for message in sent(sim):
        decoded = decoding.decode([message])
        assert not decoded.problems
        assert not decoded.wishes
        placed = intake.place(decoded.keys, decoded.key, decoded.value)
        assert not placed.refused
        for series, value, quality in zip(placed.series, placed.value, placed.quality, strict=True):
            metric = registry.metric(int(series))
            unit = None if quality & Quality.NO_UNIT else metric.unit
            values.setdefault((metric.name, unit), []).append(float(value))
    return values


def measured(sim: Simulation, metric: str) -> tuple[str, np.ndarray[Any, np.dtype[np.float64]]]:
    """Unit and values of a metric as the device measures it."""
    block = sim.block(sim.start, sim.end)
    rows = block.metric == sim.metrics.index(metric)
    return sim.units[int(block.unit[rows][0])], block.value[rows]


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind not in NO_UNITS])
@pytest.mark.parametrize("model", sorted(MACHINES))
def test_what_comes_with_a_unit_is_what_was_measured(model: str, kind: str) -> None:
    sim = simulation(model, kind)
    arrived = taken(sim)
    for channel in sim.devices[0].device.channels:
        unit, values = measured(sim, channel.metric)
        if unit == "rpm" and kind.startswith("senml"):
            unit, values = "1/s", values / 60.0  # RFC 8428 counts revolutions as events
        if kind == "shelly":  # nothing is said when nothing changes
            values = values[np.diff(values, prepend=np.nan) != 0]
        found = [
            (known, numbers)
            for (_, known), numbers in arrived.items()
            if known is not None and (there := conversion(unit, known)) is not None
            and np.allclose(np.asarray(numbers), values * there.scale + there.offset, rtol=1e-9, atol=1e-9)
        ]  # fmt: skip
        raw = [numbers for (_, known), numbers in arrived.items() if known is None and np.array_equal(numbers, values)]
        assert found or raw, f"{channel.metric} in {unit} is not among {sorted(map(str, arrived))}"
        if channel.metric in {"temperature", "humidity", "current", "power"} and kind != "zigbee2mqtt":
            assert found, f"{channel.metric} has lost its unit"


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind not in NO_UNITS | {"zigbee2mqtt"}])
def test_a_unit_that_is_said_to_be_another_changes_no_reading(kind: str) -> None:
    """°F from the fifth minute on, said as the format says it, or converted where its unit is fixed."""
    swap = {"device": "it", "kind": "unit_swap", "metric": "temperature", "start": "5min", "declared": True}
    honest, swapped = taken(simulation("pump", kind)), taken(simulation("pump", kind, swap))
    [name] = [key for key in honest if key[1] == "°C"]
    one, other = (np.round(told[name], 6).tolist() for told in (honest, swapped))
    assert (set(one), set(other)) == (set(other), set(one))
    assert kind == "shelly" or one == other, "only what says nothing where nothing changes may say more"


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != "shelly"])
def test_a_unit_that_nobody_mentions_is_a_lie_in_every_format(kind: str) -> None:
    swap = {"device": "it", "kind": "unit_swap", "metric": "temperature", "start": "5min"}
    arrived = taken(simulation("pump", kind, swap))
    name = next(key for key in arrived if "temperature" in key[0].lower())
    early, late = arrived[name][:5], arrived[name][5:]
    assert np.median(late) - np.median(early) > 0.8 * np.median(early)


@pytest.mark.parametrize("kind", FORMATS)
def test_new_firmware_with_a_new_name_is_read_on(kind: str) -> None:
    """The metric goes on under its new name, with its unit where the format has any; nothing ends in a reject."""
    change = {"device": "it", "kind": "payload_change", "metric": "vibration", "start": "5min", "rename": "vib_rms"}
    honest, changed = taken(simulation("pump", kind)), taken(simulation("pump", kind, change))
    new = set(changed) - set(honest)
    assert len(new) == 1, f"{sorted(map(str, changed))}"
    assert 3 <= len(changed[new.pop()]) <= 6
