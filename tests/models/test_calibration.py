"""How often what follows from the histogram is worked out."""

from __future__ import annotations

import pytest

from models.calibration import _is_due


@pytest.mark.parametrize(
    ("learned", "due"), [(128, True), (272, True), (1040, False), (1056, True), (8192, True), (8320, False)]
)
def test_survival_and_tail_are_worked_out_more_rarely_as_more_is_known(learned: int, due: bool) -> None:
    assert _is_due(learned) is due
