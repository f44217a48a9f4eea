"""Spectra show the lines they should, where they should, and no others."""

import numpy as np
import pytest

from simulators.bearings import BEARINGS
from simulators.spectrum import envelope_spectrum, kurtosis, spectrum, velocity_rms
from simulators.waveform import BearingDamage, Defect, Rotor, defect_hz, record

RATE_HZ = 20_000.0
SECONDS = 4.0
ROTOR = Rotor(shaft_hz=24.7)
RESOLUTION_HZ = 1.0 / SECONDS
SLIP_TOLERANCE = 0.01
"""Random slip may move a defect frequency by this share."""


def test_published_multiples_of_the_6205() -> None:
    """Multiples of shaft speed that Case Western Reserve University publishes for its drive-end bearing."""
    found = BEARINGS["6205"].frequencies(1.0)
    assert found.bpfi == pytest.approx(5.4152, rel=0.001)
    assert found.bpfo == pytest.approx(3.5848, rel=0.001)
    assert found.ftf == pytest.approx(0.39828, rel=0.001)
    assert 2 * found.bsf == pytest.approx(4.7135, rel=0.001)


@pytest.mark.parametrize("name", sorted(BEARINGS))
def test_kinematic_identities(name: str) -> None:
    bearing, found = BEARINGS[name], BEARINGS[name].frequencies(30.0)
    assert found.bpfo + found.bpfi == pytest.approx(bearing.n_balls * 30.0)
    assert found.bpfo == pytest.approx(bearing.n_balls * found.ftf)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_shaft_harmonics_have_their_amplitude(order: int) -> None:
    recording = record(ROTOR, SECONDS, RATE_HZ, (), 1)
    hz = order * ROTOR.shaft_hz
    acceleration = ROTOR.harmonics_mms[order - 1] * 1e-3 * 2 * np.pi * hz
    lines = spectrum(recording.acceleration, RATE_HZ)
    assert lines.at(hz, 2 * RESOLUTION_HZ) == pytest.approx(acceleration, rel=0.15)
    assert abs(lines.peak(hz - 5, hz + 5) - hz) <= RESOLUTION_HZ


def test_velocity_rms_is_the_sum_of_squares() -> None:
    wanted = np.sqrt(sum(mms**2 for mms in ROTOR.harmonics_mms))
    assert velocity_rms(record(ROTOR, SECONDS, RATE_HZ, (), 2)) == pytest.approx(wanted, rel=0.05)


@pytest.mark.parametrize("defect", list(Defect))
def test_envelope_shows_the_defect_and_a_healthy_one_does_not(defect: Defect) -> None:
    damage = BearingDamage(defect, 12.0)
    hz = defect_hz(ROTOR, defect)
    bad = envelope_spectrum(record(ROTOR, SECONDS, RATE_HZ, (damage,), 3), 2000.0, 4500.0)
    good = envelope_spectrum(record(ROTOR, SECONDS, RATE_HZ, (), 3), 2000.0, 4500.0)
    near = max(SLIP_TOLERANCE * hz, 2 * RESOLUTION_HZ)
    assert bad.at(hz, near) > 8 * bad.floor(hz * 0.5, hz * 2.5)
    assert good.at(hz, near) < 5 * good.floor(hz * 0.5, hz * 2.5)


def test_inner_race_has_side_bands_at_shaft_speed_and_outer_has_not() -> None:
    def side_band(defect: Defect) -> float:
        lines = envelope_spectrum(
            record(ROTOR, 8.0, RATE_HZ, (BearingDamage(defect, 12.0, slip=0.002),), 4), 2e3, 4.5e3
        )
        hz = defect_hz(ROTOR, defect)
        return lines.at(hz - ROTOR.shaft_hz, 1.0) / lines.at(hz, 1.0)

    assert side_band(Defect.INNER) > 0.2
    assert side_band(Defect.OUTER) < 0.1


def test_impacts_raise_kurtosis_before_velocity() -> None:
    """The early sign of bearing damage: kurtosis far above 3 while velocity RMS has hardly moved."""
    healthy = record(ROTOR, SECONDS, RATE_HZ, (), 5)
    damaged = record(ROTOR, SECONDS, RATE_HZ, (BearingDamage(Defect.OUTER, 6.0),), 5)
    assert kurtosis(damaged.acceleration) > kurtosis(healthy.acceleration) + 1.5
    assert velocity_rms(damaged) < 1.15 * velocity_rms(healthy)


def test_gear_mesh_and_looseness_lines() -> None:
    rotor = Rotor(shaft_hz=24.7, gear_teeth=21, gear_mms=0.5, half_orders_mms=0.8)
    lines = spectrum(record(rotor, SECONDS, RATE_HZ, (), 6).acceleration, RATE_HZ)
    for hz in (21 * 24.7, 20 * 24.7, 22 * 24.7, 0.5 * 24.7, 1.5 * 24.7):
        assert lines.at(hz, 2 * RESOLUTION_HZ) > 4 * lines.floor(hz * 0.7, hz * 1.3)


def test_same_key_same_recording() -> None:
    one, two, other = (record(ROTOR, 0.5, RATE_HZ, (), key) for key in (1, 1, 2))
    assert np.array_equal(one.acceleration, two.acceleration)
    assert not np.array_equal(one.acceleration, other.acceleration)
