"""The series of a device are found, oldest first, however they became known."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest.fleet import NO_SERIES, Fleet


def series_of(fleet: Fleet, device: int) -> list[int]:
    found, number = [], fleet.devices[device]["first"]  # type: ignore[index]  # a record, outside of compiled code
    while number != NO_SERIES:
        found.append(int(number))
        number = fleet.series[number]["next"]
    return found


@given(owners=st.lists(st.integers(0, 5), max_size=60), cuts=st.lists(st.integers(0, 60), max_size=5))
def test_chains_grow_at_their_ends(owners: list[int], cuts: list[int]) -> None:
    device_of, fleet = np.array(owners, np.int32), Fleet()
    for cut in [*sorted(cuts), len(owners)]:
        fleet.follow(device_of[:cut], 6)
    for device in range(6):
        assert series_of(fleet, device) == np.flatnonzero(device_of == device).tolist()
