"""Units are values: what is sent becomes what is kept, and nonsense is known as such."""

from __future__ import annotations

import math

import pytest

from ingest.units import conversion, same_unit


@pytest.mark.parametrize(
    ("sent", "value", "unit", "kept"),
    [
        ("°F", 212.0, "°C", 100.0),
        ("degF", 32.0, "°C", 0.0),
        ("K", 273.15, "°C", 0.0),
        ("Cel", 21.5, "°C", 21.5),
        ("degC", 21.5, "°C", 21.5),
        ("m/s", 0.0045, "mm/s", 4.5),
        ("in/s", 1.0, "mm/s", 25.4),
        ("mm/s", 4.5, "mm/s", 4.5),
        ("%RH", 40.0, "%RH", 40.0),
        ("g", 0.2, "g", 0.2),
        ("bar", 1.5, "bar", 1.5),
        ("rpm", 1480.0, "rpm", 1480.0),
        ("V", 230.0, "V", 230.0),
    ],
)
def test_first_sight_of_a_unit(sent: str, value: float, unit: str, kept: float) -> None:
    change = conversion(sent)
    assert change is not None
    assert change.unit == unit
    assert value * change.scale + change.offset == pytest.approx(kept, abs=1e-9)


@pytest.mark.parametrize(
    ("sent", "wanted", "value", "kept"),
    [("bar", "kPa", 1.5, 150.0), ("g", "m/s²", 1.0, 9.80665), ("%", "%RH", 40.0, 40.0), ("°C", "°F", 100.0, 212.0)],
)
def test_a_configured_unit_wins(sent: str, wanted: str, value: float, kept: float) -> None:
    change = conversion(sent, wanted)
    assert change is not None
    assert change.unit == wanted
    assert value * change.scale + change.offset == pytest.approx(kept)


@pytest.mark.parametrize(
    ("sent", "wanted", "value", "kept"),
    [
        ("Hz", "rpm", 25.0, 1500.0),
        ("1/min", "rpm", 1480.0, 1480.0),
        ("min⁻¹", "Hz", 3000.0, 50.0),
        ("rpm", "Hz", 1500.0, 25.0),
        ("rad/s", "rpm", 100.0 * math.pi, 3000.0),
        ("rad/s", "Hz", 100.0 * math.pi, 50.0),
        ("rpm", "deg/s", 1.0, 6.0),
        ("1/s", "Hz", 50.0, 50.0),
    ],
)
def test_a_speed_of_rotation_counts_turns(sent: str, wanted: str, value: float, kept: float) -> None:
    change = conversion(sent, wanted)
    assert change is not None
    assert value * change.scale + change.offset == pytest.approx(kept)


@pytest.mark.parametrize("sent", ["furlongs per moon", "", " ", "[]", "1/0", "\x00", "degC;drop", "5"])
def test_what_is_no_unit(sent: str) -> None:
    assert conversion(sent) is None


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "sent",
    [
        "9**9**9",
        "m^9^9^9",
        "m**99999999999",
        "9⁹⁹⁹⁹⁹⁹⁹⁹",
        "((9))**((9))**((9))",
        "1e999999999*m",
        "(" * 64,
        "a " * 40 + "!",
    ],
)
def test_a_sum_is_no_unit_however_long_it_would_take(sent: str) -> None:
    assert conversion(sent) is None


@pytest.mark.parametrize("sent", ["W/(m²·K)", "kg·m/s^2", "1/min", "kW*h", "m s^-1", "µg/m³", "inH2O", "N·m"])
def test_products_and_powers_are_units(sent: str) -> None:
    assert conversion(sent) is not None


@pytest.mark.parametrize(("sent", "wanted"), [("m/s", "°C"), ("%", "mm/s"), ("V", "A")])
def test_another_quantity_cannot_be_converted(sent: str, wanted: str) -> None:
    assert conversion(sent, wanted) is None


@pytest.mark.parametrize(
    ("sent", "wanted", "value", "kept"),
    [
        ("°F", "°C", 32.0, 0.0),
        ("°F", "°C", 68.0, 20.0),
        ("°F", "°C", 212.0, 100.0),
        ("°F", "°C", 199.0, 835 / 9),
        ("°C", "°F", 37.0, 98.6),
        ("K", "°C", 293.15, 20.0),
        ("km/h", "mm/s", 36.0, 10_000.0),
        ("rpm", "Hz", 1_500.0, 25.0),
        ("psi", "kPa", 100.0, 689.4757293168362),
    ],
)
def test_a_conversion_is_as_exact_as_doubles_are(sent: str, wanted: str, value: float, kept: float) -> None:
    """A limit at 100 °C is not broken by 212 °F."""
    change = conversion(sent, wanted)
    assert change is not None
    assert value * change.scale + change.offset == pytest.approx(kept, rel=4e-16, abs=0)


def test_spellings() -> None:
    assert same_unit("℃", "degC")
    assert not same_unit("C", "F")
