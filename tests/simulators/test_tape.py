"""Random numbers by position, and what is built on them."""

import pickle

import numpy as np
import pytest

from simulators.climate import Climate, ClimateSpec, relative_humidity, saturation_pa
from simulators.sampled import Sampled
from simulators.signals import lagged, wander
from simulators.tape import BLOCK, Tape

T = 1_767_225_600.0 + np.arange(0.0, 20 * 86400.0, 60.0)


@pytest.mark.parametrize("uniform", [False, True])
def test_any_cut_gives_the_same_numbers(uniform: bool) -> None:
    whole = Tape(1, "a", uniform=uniform).take(0, 10 * BLOCK)
    tape = Tape(1, "a", uniform=uniform)
    for start, stop in ((0, 1), (BLOCK - 1, BLOCK + 1), (7, 5 * BLOCK + 3), (3 * BLOCK, 4 * BLOCK)):
        assert np.array_equal(tape.take(start, stop), whole[start:stop])
    index = np.array([5000, 3, 3, 777])
    assert np.array_equal(tape.at(index), whole[index])


def test_moments_and_independence() -> None:
    normal, uniform = Tape(1, "a").take(0, 400_000), Tape(1, "a", uniform=True).take(0, 400_000)
    assert abs(normal.mean()) < 0.01
    assert abs(normal.std() - 1) < 0.01
    assert abs(uniform.mean() - 0.5) < 0.005
    for lag in (1, BLOCK):
        assert abs(np.corrcoef(normal[lag:], normal[:-lag])[0, 1]) < 0.01
    assert abs(np.corrcoef(normal, Tape(1, "b").take(0, 400_000))[0, 1]) < 0.01
    assert abs(np.corrcoef(normal, Tape(2, "a").take(0, 400_000))[0, 1]) < 0.01


def test_a_pickled_tape_goes_on_the_same() -> None:
    tape = Tape(9, "z")
    copy = pickle.loads(pickle.dumps(tape))  # noqa: S301  our own bytes
    assert np.array_equal(copy.take(5, 50), tape.take(5, 50))


def test_wander_has_unit_variance_and_forgets() -> None:
    value = wander(Tape(1, "w"), np.arange(0.0, 4e6, 20.0), 900.0)
    assert abs(value.std() - 1) < 0.05
    one, two = value[:-45], value[45:]  # one period apart
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.3
    assert abs(np.corrcoef(value[:-135], value[135:])[0, 1]) < 0.05
    assert np.corrcoef(value[:-1], value[1:])[0, 1] > 0.99


def test_lag_answers_a_step_as_a_first_order_system() -> None:
    tau, step_at = 600.0, 999_960.0  # a point of the grid
    t = np.arange(step_at, step_at + 3000.0, 10.0)
    answer = lagged(lambda grid: (grid >= step_at).astype(float), t, tau)
    assert np.abs(answer - (1.0 - np.exp(-(t - step_at) / tau))).max() < 0.005
    assert answer[-1] > 0.985


def test_sampled_is_linear_between_its_points_on_any_cut() -> None:
    slow = Sampled(lambda t: np.sin(t / 5000.0), 300)
    assert np.abs(slow(T) - np.sin(T / 5000.0)).max() < 1e-3
    for start in (0, 1439, 1440, 7000):
        assert np.array_equal(slow(T[start : start + 50]), slow(T)[start : start + 50])


def test_saturation_pressure_against_the_ashrae_table() -> None:
    """Fundamentals 2017, chapter 1, table 3: 0.6112, 1.2282, 2.3393, 4.2470 kPa at 0, 10, 20, 30 °C."""
    found = saturation_pa(np.array([0.0, 10.0, 20.0, 30.0]))
    assert np.abs(found / np.array([611.2, 1228.2, 2339.3, 4247.0]) - 1).max() < 0.001


def test_weather_has_a_day_and_moist_air_behaves() -> None:
    climate = Climate(ClimateSpec(), 0.0, 1, "site")
    temperature, humidity = climate.temperature(T), climate.humidity(T)
    hour = (T % 86400) // 3600
    course = np.array([temperature[hour == h].mean() for h in range(24)])
    assert 12 <= course.argmax() <= 17
    assert 2 <= course.argmin() <= 8
    assert np.corrcoef(temperature, humidity)[0, 1] < -0.3
    assert humidity.min() >= 1.0
    assert humidity.max() <= 100.0
    warmer = relative_humidity(temperature + 5.0, climate.vapour(T))
    assert (warmer <= humidity + 1e-9).all()
