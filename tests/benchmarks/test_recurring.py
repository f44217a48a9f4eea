"""The bench of what comes again and again."""

from __future__ import annotations

import pytest

from benchmarks._machines import WEEKS
from benchmarks.recurring import KINDS, count, main


def test_what_comes_every_week_is_told_three_times_and_faults_are_found() -> None:
    weeks, found = count("tested on Thursdays", 2, seed=1)
    assert all(weeks[:3])
    assert sum(weeks[4:]) == 0
    assert found == [2, 2]


def test_both_tables_have_a_line_for_each_kind(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def counted(name: str, devices: int, seed: int) -> tuple[list[int], list[int]]:
        return [seed] * (WEEKS - 1), [devices, devices]

    monkeypatch.setattr("benchmarks.recurring.count", counted)
    assert main(["--devices", "3"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("3 of 3") == 4 * len(KINDS)
    assert all(printed.count(name) == 2 for name in KINDS)
