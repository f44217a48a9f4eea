"""Bytes become values or get a reason; half a text never gets in."""

import pytest

from ingest.payload import NotFinite, PayloadError, parse_json


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        pytest.param(b"", "payload is empty", id="nothing"),
        pytest.param(b'{"a": "\xff"}', "payload is not UTF-8: byte 7 is 0xff", id="not UTF-8"),
        pytest.param(b'{"a": ', "payload is not JSON", id="cut off"),
        pytest.param(b"[" * 5000, "payload is nested too deeply", id="too deep"),
        pytest.param(rb'{"a\ud834": 1}', r"payload holds half a surrogate pair: '\ud834'", id="half a name"),
        pytest.param(rb'["\udd1e", NaN]', r"payload holds half a surrogate pair: '\udd1e'", id="half a text, and NaN"),
    ],
)
def test_what_cannot_be_read_gets_its_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(PayloadError) as error:
        parse_json(payload)
    assert str(error.value).startswith(reason)


def test_one_bad_number_spares_its_neighbours() -> None:
    value = parse_json(rb'{"\ud834\udd1e": 1, "b": NaN, "c": 1e999}')
    assert value == {"\U0001d11e": 1, "b": NotFinite("NaN"), "c": NotFinite("1e999")}
    assert isinstance(value, dict)
    assert value["b"] != "NaN", "it is no text that could be a name"
