"""Features of waveforms against signals whose answer is known, and against simulated bearing damage."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.machine import UNKNOWN, Bearing, Machine
from ingest.reading import FloatArray
from ingest.vibration.features import (
    ENVELOPE_RATE,
    MIN_SAMPLES,
    VELOCITY_BASIS,
    Quantity,
    Waveform,
    features,
)
from ingest.vibration.spectrum import Spectrum, envelope
from simulators.bearings import BEARINGS
from simulators.waveform import BearingDamage, Defect, Rotor, record

RATE = 10_000.0
SHAFT_HZ = 24.7
BEARING = Bearing(9, 7.94, 39.04)
MACHINE = Machine(speed_rpm=60 * SHAFT_HZ, bearing=BEARING)
LINE_OF = {Defect.OUTER: "bpfo", Defect.INNER: "bpfi", Defect.BALL: "bsf", Defect.CAGE: "ftf"}


def seconds(length: float, rate_hz: float = RATE) -> FloatArray:
    return np.arange(round(length * rate_hz)) / rate_hz


def sine(hz: float, rms: float, length: float = 1.0, rate_hz: float = RATE, phase: float = 0.7) -> FloatArray:
    return np.asarray(np.sqrt(2.0) * rms * np.sin(2.0 * np.pi * hz * seconds(length, rate_hz) + phase))


def values(
    samples: FloatArray,
    machine: Machine = UNKNOWN,
    rate_hz: float = RATE,
    quantity: Quantity = Quantity.ACCELERATION,
    shaft_hz: float | None = SHAFT_HZ,
) -> dict[str, float]:
    return {one.name: one.value for one in features(Waveform(quantity, rate_hz, samples), machine, shaft_hz)}


@pytest.mark.parametrize("hz", [12.3, 24.7, 50.0, 159.155, 733.31, 990.0])
def test_a_sine_of_known_velocity(hz: float) -> None:
    """v = a / 2πf: 1 mm/s at any frequency of the band is 1 mm/s."""
    found = values(sine(hz, 2 * np.pi * hz * 1e-3))
    assert found["velocity_rms"] == pytest.approx(1.0, rel=0.01)
    assert found["rms"] == pytest.approx(2 * np.pi * hz * 1e-3, rel=0.02)
    assert found["kurtosis"] == pytest.approx(1.5, rel=0.02)
    assert found["crest_factor"] == pytest.approx(np.sqrt(2.0), rel=0.02)


def test_velocities_add_as_squares_and_what_is_outside_the_band_does_not_count() -> None:
    inside = sine(20.0, 2 * np.pi * 20.0 * 3e-3) + sine(400.0, 2 * np.pi * 400.0 * 4e-3)
    assert values(inside)["velocity_rms"] == pytest.approx(5.0, rel=0.01)
    outside = sine(4.0, 1.0) + sine(1300.0, 50.0) + 9.81
    assert values(inside + outside)["velocity_rms"] == pytest.approx(5.0, rel=0.03)


def test_a_velocity_sensor_needs_no_integration() -> None:
    found = values(sine(50.0, 2.0) + sine(3.0, 5.0), quantity=Quantity.VELOCITY)
    assert found["velocity_rms"] == pytest.approx(2.0, rel=0.01)
    assert set(found) == {"rms", "kurtosis", "crest_factor", "velocity_rms"}


def test_bands_hold_what_lies_in_them() -> None:
    found = values(sine(30.0, 1.0) + sine(300.0, 2.0) + sine(3000.0, 3.0))
    bands = {name: value for name, value in found.items() if name.startswith("band_")}
    assert bands == {
        "band_10_100hz": pytest.approx(1.0, rel=0.01),
        "band_100_1000hz": pytest.approx(2.0, rel=0.01),
        "band_1000_4000hz": pytest.approx(3.0, rel=0.01),
    }


def test_white_noise_is_gaussian_and_its_power_is_spread_evenly() -> None:
    noise = np.random.default_rng(1).normal(0.0, 2.0, 100_000)
    found = values(noise)
    assert found["rms"] == pytest.approx(2.0, rel=0.01)
    assert found["kurtosis"] == pytest.approx(3.0, abs=0.1)
    assert found["band_1000_4000hz"] == pytest.approx(2.0 * np.sqrt(3000.0 / 5000.0), rel=0.01)


@pytest.mark.parametrize(
    ("rate_hz", "length", "machine", "name", "basis"),
    [
        pytest.param(2_560.0, 1.0, UNKNOWN, "velocity_rms", VELOCITY_BASIS, id="2.56 kHz holds 1 kHz"),
        pytest.param(2_100.0, 1.0, UNKNOWN, "velocity_rms", VELOCITY_BASIS, id="so does 2.1 kHz, just"),
        pytest.param(
            2_000.0, 1.0, UNKNOWN, "velocity_rms_to_500hz", "velocity_rms 10-500 Hz", id="2 kHz does not: another name"
        ),
        pytest.param(300.0, 4.0, UNKNOWN, "velocity_rms_to_100hz", "velocity_rms 10-100 Hz", id="slow sampling"),
        pytest.param(2_560.0, 0.3, UNKNOWN, None, None, id="too short for 10 Hz"),
        pytest.param(2_560.0, 1.0, Machine(speed_rpm=300.0), None, None, id="a slow machine: too short for 2 Hz"),
        pytest.param(2_560.0, 2.0, Machine(speed_rpm=300.0), "velocity_rms", VELOCITY_BASIS, id="long enough for 2 Hz"),
    ],
)
def test_a_velocity_says_which_band_it_is_of(
    rate_hz: float, length: float, machine: Machine, name: str | None, basis: str | None
) -> None:
    waveform = Waveform(Quantity.ACCELERATION, rate_hz, sine(24.7, 1.0, length, rate_hz))
    found = [one for one in features(waveform, machine, None) if one.name.startswith("velocity")]
    assert [(one.name, one.basis, one.unit) for one in found] == ([] if name is None else [(name, basis, "mm/s")])


def test_a_slow_machine_is_heard_from_2_hz_on() -> None:
    slow = sine(4.0, 2 * np.pi * 4.0 * 2e-3, 4.0)
    assert values(slow, Machine(speed_rpm=240.0))["velocity_rms"] == pytest.approx(2.0, rel=0.02)
    assert values(slow)["velocity_rms"] < 0.02


def test_without_a_unit_only_the_shape_is_told() -> None:
    found = features(Waveform(Quantity.UNKNOWN, RATE, sine(50.0, 1.0)), MACHINE, SHAFT_HZ)
    assert [(one.name, one.unit) for one in found] == [("kurtosis", "1"), ("crest_factor", "1")]


def test_a_sensor_that_stands_still_has_no_shape() -> None:
    found = values(np.full(10_000, 9.81), MACHINE)
    assert found["rms"] == pytest.approx(0.0, abs=1e-9)
    assert found["velocity_rms"] == pytest.approx(0.0, abs=1e-9)


def test_the_mean_square_spectrum_adds_up() -> None:
    signal = np.random.default_rng(3).normal(size=9_999)
    assert Spectrum.of(signal, 1.0).power.sum() == pytest.approx(signal.var(), rel=0.05)


def test_the_envelope_of_a_modulated_tone_is_its_modulation() -> None:
    t = seconds(2.0)
    modulation = 1.0 + 0.5 * np.cos(2 * np.pi * 37.0 * t)
    found = envelope(modulation * np.sin(2 * np.pi * 2000.0 * t), RATE, 1000.0, 3000.0)
    assert found[500:-500] == pytest.approx(modulation[500:-500], abs=0.01)
    spectrum = Spectrum.of(found, RATE)
    assert spectrum.line_rms(37.0, 1.0) == pytest.approx(0.5 / np.sqrt(2.0), rel=0.02)
    assert spectrum.line_rms(74.0, 1.0) < 0.01


def test_fault_frequencies_of_published_bearings() -> None:
    """Multiples of shaft speed of a 6205 as the Case Western Reserve bearing data centre gives them."""
    found = BEARING.frequencies(1.0)
    assert found.bpfo == pytest.approx(3.5848, abs=0.001)
    assert found.bpfi == pytest.approx(5.4152, abs=0.001)
    assert found.ftf == pytest.approx(0.39828, abs=0.0001)
    assert 2 * found.bsf == pytest.approx(4.7135, abs=0.001)


@pytest.mark.parametrize("name", ["6205", "6309", "22220"])
@pytest.mark.parametrize(("rate_hz", "length"), [(10_000.0, 1.0), (25_600.0, 1.0), (10_000.0, 4.0)])
@pytest.mark.parametrize("defect", list(Defect))
def test_the_right_fault_line_stands_out(defect: Defect, rate_hz: float, length: float, name: str) -> None:
    """Early damage: the line of the damaged part grows most of all, many times beyond what a sound bearing shows."""
    simulated = BEARINGS[name]
    bearing = Bearing(simulated.n_balls, simulated.ball_mm, simulated.pitch_mm, simulated.contact_deg)
    machine = Machine(speed_rpm=60 * SHAFT_HZ, bearing=bearing)
    rotor = Rotor(SHAFT_HZ, simulated)

    def lines(damage: tuple[BearingDamage, ...], seed: int) -> dict[str, float]:
        samples = record(rotor, length, rate_hz, damage, name, seed).acceleration
        found = values(samples, machine, rate_hz)
        return {line: found[f"envelope_{line}"] for line in LINE_OF.values()}

    sound = [lines((), seed) for seed in range(5)]
    usual = {line: np.median([one[line] for one in sound]) for line in LINE_OF.values()}
    worn = lines((BearingDamage(defect, 3.0),), 99)
    times = {line: worn[line] / usual[line] for line in LINE_OF.values()}
    assert max(times, key=lambda line: times[line]) == LINE_OF[defect], times
    assert times[LINE_OF[defect]] > 6, times
    assert max(one[line] / usual[line] for one in sound for line in usual) < 2.5


def test_damage_shows_in_the_envelope_while_velocity_hardly_moves() -> None:
    rotor, simulated = Rotor(SHAFT_HZ, BEARINGS["6205"]), BearingDamage(Defect.OUTER, 3.0)
    sound = values(record(rotor, 1.0, RATE, (), "a").acceleration, MACHINE)
    worn = values(record(rotor, 1.0, RATE, (simulated,), "a").acceleration, MACHINE)
    assert worn["velocity_rms"] < 1.05 * sound["velocity_rms"]
    assert worn["envelope_bpfo"] > 8 * sound["envelope_bpfo"]
    assert worn["kurtosis"] > sound["kurtosis"]


@pytest.mark.parametrize(
    ("machine", "shaft_hz", "rate_hz", "length"),
    [
        pytest.param(Machine(speed_rpm=1480.0), SHAFT_HZ, RATE, 1.0, id="no bearing"),
        pytest.param(Machine(bearing=BEARING), None, RATE, 1.0, id="no speed"),
        pytest.param(MACHINE, SHAFT_HZ, 1_500.0, 4.0, id="sampled too slowly for a resonance"),
        pytest.param(MACHINE, SHAFT_HZ, RATE, 0.0256, id="too short to tell the lines apart"),
    ],
)
def test_no_fault_line_without_what_it_takes(
    machine: Machine, shaft_hz: float | None, rate_hz: float, length: float
) -> None:
    samples = np.random.default_rng(0).normal(size=max(MIN_SAMPLES, round(length * rate_hz)))
    found = values(samples, machine, rate_hz, shaft_hz=shaft_hz)
    assert [name for name in found if name.startswith("envelope_")] == []
    assert rate_hz / ENVELOPE_RATE > 500


def test_names_units_and_bases_of_everything() -> None:
    found = features(Waveform(Quantity.ACCELERATION, 25_600.0, sine(50.0, 1.0, 1.0, 25_600.0)), MACHINE, SHAFT_HZ)
    assert [(one.name, one.unit, one.basis) for one in found] == [
        ("rms", "m/s²", "acceleration_rms"),
        ("kurtosis", "1", "kurtosis"),
        ("crest_factor", "1", "crest_factor"),
        ("velocity_rms", "mm/s", "velocity_rms"),
        ("band_10_100hz", "m/s²", "acceleration_rms 10-100 Hz"),
        ("band_100_1000hz", "m/s²", "acceleration_rms 100-1000 Hz"),
        ("band_1000_4000hz", "m/s²", "acceleration_rms 1000-4000 Hz"),
        ("band_4000_10000hz", "m/s²", "acceleration_rms 4000-10000 Hz"),
        ("envelope_bpfo", "m/s²", "envelope_bpfo"),
        ("envelope_bpfi", "m/s²", "envelope_bpfi"),
        ("envelope_bsf", "m/s²", "envelope_bsf"),
        ("envelope_ftf", "m/s²", "envelope_ftf"),
    ]
