"""What simulated accelerometers record, as the door reduces it: each fault shows where it should, and no other."""

import tomllib
from collections import defaultdict
from datetime import timedelta

import numpy as np
import pytest

from forewarn.config.registry_file import parse_registry
from ingest.adapters import make_adapters
from ingest.decode import Decoder
from ingest.message import Message
from simulators.messages import encoder_of, wave_messages
from simulators.registry import registry_toml
from simulators.scenario import load_scenario
from simulators.simulation import Simulation

Features = dict[tuple[str, str], list[float]]


@pytest.fixture(scope="module")
def features() -> Features:
    """Every feature of the day that the built-in scenario plays, by device and metric, in order of time."""
    sim = Simulation(load_scenario("waveforms"))
    entries = parse_registry(tomllib.loads(registry_toml(sim)), "waveforms")
    machines = {(entry.site, entry.device): entry.said["machine"] for entry in entries}
    adapters = make_adapters(None, lambda site, device: machines[site, device])
    decoder = Decoder(timedelta(hours=24), timedelta(hours=1), 8 * 2**20, adapters)
    encoders = [encoder_of(sim, placed) for placed in sim.devices]
    found: Features = defaultdict(list)
    for message in wave_messages(sim, sim.start, sim.end, encoders):
        decoded = decoder.decode([Message(message.topic, message.payload, message.sent)])
        assert not decoded.problems
        for key, value in zip(decoded.key.tolist(), decoded.value.tolist(), strict=True):
            _, device, metric, _ = decoded.keys[key]
            found[device, metric].append(value)
    return found


def growth(values: list[float]) -> float:
    """The end of the day over its beginning: means of four recordings."""
    return float(np.mean(values[-4:]) / np.mean(values[:4]))


def test_a_worn_bearing_shows_in_the_envelope(features: Features) -> None:
    assert growth(features["pump-1", "acceleration.envelope_bpfo"]) > 5.0
    assert growth(features["pump-2", "acceleration.envelope_bpfo"]) < 2.0
    halfway = features["pump-1", "acceleration.envelope_bpfo"][24] / features["pump-1", "acceleration.envelope_bpfo"][0]
    velocity = features["pump-1", "acceleration.velocity_rms"]
    assert halfway > 2.0 * velocity[24] / velocity[0], "long before the velocity says anything"


def test_imbalance_shows_in_the_velocity(features: Features) -> None:
    assert growth(features["fan-1", "acceleration.velocity_rms"]) > 3.0
    assert growth(features["pump-2", "acceleration.velocity_rms"]) == pytest.approx(1.0, abs=0.15)
