"""What goes on and on does not fill the log."""

from __future__ import annotations

from forewarn.live.sparing import TELL_EVERY_S, Sparing


def test_at_once_then_once_a_minute_and_nothing_is_left_untold() -> None:
    now, said = [0.0], list[tuple[float, int, str]]()
    sparing = Sparing(lambda number, reason: said.append((now[0], number, reason)), lambda: now[0])
    for second in range(150):
        now[0] = float(second)
        sparing.add(2, reason=f"second {second}")
    now[0] = 1_000.0
    sparing.tell()
    sparing.tell()
    assert said == [
        (0.0, 2, "second 0"),
        (TELL_EVERY_S, 120, "second 1"),
        (2 * TELL_EVERY_S, 120, "second 61"),
        (1_000.0, 58, "second 121"),
    ]
    sparing.add(1, reason="much later")
    assert said[-1] == (1_000.0, 58, "second 121"), "a minute has not passed"
