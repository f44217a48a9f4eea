"""The bench of machines that run in several ways."""

from __future__ import annotations

import pytest

from benchmarks.regimes import FAULTS, WAYS, count, main


def test_a_fault_of_a_machine_that_is_stopped_at_night_and_at_weekends_is_found() -> None:
    delays, before = count("nor at weekends", "+3 mm/s", 2)
    assert len(delays) == 2
    assert max(delays) < 60
    assert before < 1.0


def test_the_table_has_a_line_for_each_way_and_a_column_for_each_fault(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def counted(name: str, fault: str, devices: int) -> tuple[list[int], float]:
        asked.append((name, fault))
        return [7] * devices, 0.25

    monkeypatch.setattr("benchmarks.regimes.count", counted)
    assert main(["--devices", "2"]) == 0
    assert asked == [(name, fault) for name in WAYS for fault in FAULTS]
    assert capsys.readouterr().out.count("2 of 2, 7 min") == len(asked)
