"""A checkpoint comes back as it was, and anything else is refused."""

import pytest

from forewarn.engine import StateError
from forewarn.live.checkpoint import Checkpoint


def test_it_comes_back_as_it_was() -> None:
    made = Checkpoint(b"engine\0state", [["site", "pump", [[1, 2, 3]]]], b'{"adapters": 1}', b"board\0")
    assert Checkpoint.decode(b"".join(made.encode())) == made


def test_one_of_a_release_without_a_board_is_read() -> None:
    head = b'{"version":1,"sequences":[],"adapters":2}'
    blob = b"FWC1" + len(head).to_bytes(4, "little") + head + b"{}" + b"engine"
    assert Checkpoint.decode(blob) == Checkpoint(b"engine", [], b"{}", b"")


@pytest.mark.parametrize(
    "blob",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"FWC1", id="cut short"),
        pytest.param(b"XXXX\0\0\0\0", id="something else"),
        pytest.param(b"FWC1\x02\0\0\0{}", id="another version"),
        pytest.param(b"FWC1\xff\xff\0\0nonsense", id="nonsense"),
    ],
)
def test_anything_else_is_refused(blob: bytes) -> None:
    with pytest.raises(StateError):
        Checkpoint.decode(blob)
