"""What can be said about a machine, and what no machine has."""

from typing import Any

import pytest

from ingest.machine import UNKNOWN, Bearing, Foundation, Machine, as_table, machine_from

WHOLE = {
    "power_kw": 30,
    "speed_rpm": 1480,
    "foundation": "flexible",
    "bearing": {"balls": 19, "ball_mm": 21.0, "pitch_mm": 140.0, "contact_deg": 10.0},
}


def test_a_table_becomes_a_machine_and_a_table_again() -> None:
    made = machine_from(WHOLE)
    assert made == Machine(30.0, 1480.0, Foundation.FLEXIBLE, Bearing(19, 21.0, 140.0, 10.0))
    assert as_table(made) == WHOLE
    assert machine_from(as_table(made)) == made
    assert machine_from({}) == UNKNOWN
    assert as_table(UNKNOWN) == {}


def test_what_is_null_is_not_known() -> None:
    assert machine_from({"power_kw": None, "bearing": None}) == UNKNOWN


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"colour": "red"}, "unknown key 'colour'; allowed are power_kw, speed_rpm, foundation, bearing"),
    ({"power_kw": 0}, "power_kw = 0.0 must be above 0"),
    ({"power_kw": "big"}, "power_kw = 'big' must be a number"),
    ({"power_kw": True}, "power_kw = True must be a number"),
    ({"speed_rpm": float("nan")}, "must be a number"),
    ({"speed_rpm": -1}, "speed_rpm = -1.0 must be above 0"),
    ({"foundation": "mud"}, "foundation = 'mud' must be one of rigid, flexible"),
    ({"bearing": "6205"}, "bearing = '6205' must be a table"),
    ({"bearing": {"balls": 9, "ball_mm": 7.9}}, "'pitch_mm' is missing"),
    ({"bearing": {"balls": 9, "ball_mm": 7.9, "pitch_mm": 39, "width": 5}}, "unknown key 'width'"),
    ({"bearing": {"balls": 9.5, "ball_mm": 7.9, "pitch_mm": 39}}, "balls = 9.5 must be a whole number"),
    ({"bearing": {"balls": 2, "ball_mm": 7.9, "pitch_mm": 39}}, "balls = 2 must be from 3 to 200"),
    ({"bearing": {"balls": 9, "ball_mm": 40, "pitch_mm": 39}}, "must be above 0 and below pitch_mm"),
    ({"bearing": {"balls": 9, "ball_mm": 7.9, "pitch_mm": 39, "contact_deg": 90}}, "contact_deg = 90.0 must be from 0"),
]


@pytest.mark.parametrize(("said", "answer"), WRONG, ids=[answer for _, answer in WRONG])
def test_what_no_machine_has_is_named(said: dict[str, Any], answer: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the message is what is checked
        machine_from(said)
    assert answer in str(caught.value)
