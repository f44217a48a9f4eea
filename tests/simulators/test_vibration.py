"""Recordings of machines: as loud as the machine says, showing the fault it has, and out over MQTT whole."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from simulators.bearings import BEARINGS
from simulators.duration import NS
from simulators.errors import SimulatorError
from simulators.machines.table import MACHINES
from simulators.publish import MAX, publish
from simulators.scenario import Scenario, ScenarioSpec, load_scenario
from simulators.simulation import Simulation
from simulators.spectrum import envelope_spectrum, kurtosis, spectrum, velocity_rms
from simulators.vibration import Waveform
from tests.servers.mosquitto import Mosquitto
from tests.simulators.listener import Listener
from tests.waiting import wait_until

HOUR = 3600 * NS
SHAFT_HZ = 24.7


def simulation(model: str, fault: str | None = None, site: str = "here", **more: Any) -> Simulation:
    waveform = {"every": "1h", "seconds": 4.0, "rate_hz": 20_000.0}
    tables: dict[str, Any] = {
        "description": "one machine",
        "site": {"name": site},
        "timeline": {"interval": "60s", "span": "10h"},
        "device": [{"name": "it", "model": model, "schedule": "steady", "waveform": waveform}],
    }
    if fault is not None:
        tables["fault"] = [{"device": "it", "kind": fault, "onset": "0s", "duration": "8h"}]
    return Simulation(Scenario(name="one", spec=ScenarioSpec.model_validate({**tables, **more})))


def reported(sim: Simulation, waveform: Waveform) -> float:
    """What the machine's vibration truly is when that recording begins, mm/s."""
    device = sim.devices[waveform.device].device
    return float(device.machine.signals(np.array([[waveform.time / NS]]), device.around)["vibration"]()[0, 0])


@pytest.mark.parametrize("model", ["pump", "fan", "gearmotor", "compressor"])
@pytest.mark.parametrize("fault", [None, "imbalance", "misalignment", "looseness", "bearing_wear", "lubrication_loss"])
def test_a_recording_is_as_loud_as_the_machine_says(model: str, fault: str | None) -> None:
    sim = simulation(model, fault)
    recordings = list(sim.waveforms())
    assert len(recordings) == 10
    for waveform in recordings:
        assert velocity_rms(waveform.recording) == pytest.approx(reported(sim, waveform), rel=0.12)


@pytest.mark.parametrize(
    ("fault", "hz"),
    [
        pytest.param("imbalance", SHAFT_HZ, id="imbalance at 1x"),
        pytest.param("misalignment", 2 * SHAFT_HZ, id="misalignment at 2x"),
        pytest.param("looseness", 0.5 * SHAFT_HZ, id="looseness at half orders"),
        pytest.param("bearing_wear", BEARINGS["6205"].frequencies(SHAFT_HZ).bpfo, id="a worn outer race at BPFO"),
    ],
)
def test_a_fault_grows_at_its_own_frequency_and_not_at_others(fault: str, hz: float) -> None:
    first, *_, last = simulation("gearmotor", fault).waveforms()
    before, after = (spectrum(one.recording.acceleration, 20_000.0) for one in (first, last))
    assert after.at(hz, 0.5) > 2.5 * before.at(hz, 0.5)
    assert after.at(3 * SHAFT_HZ, 0.5) < 1.5 * before.at(3 * SHAFT_HZ, 0.5)


@pytest.mark.parametrize("model", ["pump", "fan", "gearmotor", "compressor"])
def test_vanes_blades_lobes_and_teeth_are_heard(model: str) -> None:
    """A line at so many times the shaft's frequency, with side bands at the shaft's on both sides of it."""
    recording = next(iter(simulation(model).waveforms())).recording
    lines, passing = spectrum(recording.acceleration, 20_000.0), MACHINES[model].passing
    for order in (passing, passing - 1, passing + 1):
        hz = order * SHAFT_HZ
        assert abs(lines.peak(hz - 3, hz + 3) - hz) <= 0.25
        assert lines.at(hz, 0.25) > 8 * lines.floor(hz - 10, hz + 10)


def test_the_envelope_knows_of_wear_before_the_velocity_does() -> None:
    sim = simulation("pump", "bearing_wear")
    first, _, early, *_ = sim.waveforms()
    bpfo = BEARINGS["6205"].frequencies(SHAFT_HZ).bpfo
    assert velocity_rms(early.recording) < 1.1 * velocity_rms(first.recording)
    lines = envelope_spectrum(early.recording, 2000.0, 4500.0)
    assert lines.at(bpfo, 0.02 * bpfo) > 8 * lines.floor(bpfo / 2, bpfo * 2.5)
    assert kurtosis(early.recording.acceleration) > kurtosis(first.recording.acceleration)


def test_recordings_depend_on_seed_and_time_alone() -> None:
    whole = list(simulation("pump").waveforms())
    sim = simulation("pump")
    cuts = [sim.start + part * 37 * 60 * NS for part in range(17)] + [sim.end]
    parts = [one for begin, end in pairwise(cuts) for one in sim.waveforms(begin, end)]
    assert [one.time for one in parts] == [one.time for one in whole]
    assert all(
        np.array_equal(a.recording.acceleration, b.recording.acceleration) for a, b in zip(parts, whole, strict=True)
    )
    another = next(iter(Simulation(sim.scenario, 1).waveforms()))
    assert not np.array_equal(another.recording.acceleration, whole[0].recording.acceleration)


def test_a_silent_device_records_for_nobody() -> None:
    lie = {"device": "it", "kind": "silence", "start": "3h", "end": "6h"}
    sim = simulation("pump", lie=[lie])
    assert not [one for one in sim.waveforms() if sim.start + 3 * HOUR <= one.time < sim.start + 6 * HOUR]
    assert len(list(sim.waveforms())) == 7


@pytest.mark.parametrize("clients", [None, 2], ids=["gateway", "own-sessions"])
def test_recordings_go_out_whole(mosquitto: Mosquitto, unique_name: str, clients: int | None) -> None:
    """Topic and payload as docs/simulators.md says."""
    sim = simulation("fan", "imbalance", unique_name)
    wanted = list(sim.waveforms(sim.start, sim.start + 3 * HOUR))
    with Listener(mosquitto, f"forewarn/v1/{unique_name}/it/waveform") as heard:
        publish(sim, mosquitto.url, speed=MAX, until=sim.start + 3 * HOUR, clients=clients)
        wait_until(lambda: len(heard.messages) == len(wanted) == 3, "every recording")
    for (_, payload, _), waveform in zip(heard.messages, wanted, strict=True):
        body = orjson.loads(payload)
        values = np.array(body.pop("values"))
        assert body == {
            "ts": waveform.time // 10**6,
            "metric": "acceleration",
            "unit": "m/s²",
            "rate_hz": 20_000.0,
            "scale": 0.001,
        }
        assert values.dtype == np.int64
        assert np.abs(values * body["scale"] - waveform.recording.acceleration).max() <= 0.0005 + 1e-9


def test_the_built_in_scenario_records_each_of_its_machines() -> None:
    sim = Simulation(load_scenario("waveforms"))
    found = [one.device for one in sim.waveforms(sim.start, sim.start + 6 * HOUR)]
    assert [found.count(number) for number in range(3)] == [12, 12, 6]


SITE = 'description = "d"\n[[device]]\nname = "a"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param('model = "coldroom"\nwaveform = {}\n', "has no vibration to record", id="nothing vibrates"),
        pytest.param('model = "pump"\nformat = "tasmota"\nwaveform = {}\n', "no waveform", id="no such payload"),
        pytest.param('model = "pump"\nwaveform = { bearing = "1" }\n', "'1' does not exist", id="no such bearing"),
        pytest.param(
            'model = "pump"\nwaveform = { seconds = 60.0, rate_hz = 50000.0 }\n',
            "must not exceed 262144",
            id="too long",
        ),
        pytest.param(
            'model = "pump"\nwaveform = { every = "1s", seconds = 2.0 }\n',
            "longer than the recording",
            id="overlapping",
        ),
    ],
)
def test_a_waveform_that_cannot_be_gets_one_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(SITE + text, encoding="utf-8")
    with pytest.raises(SimulatorError) as caught:
        load_scenario(path)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
