from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest import rejects as rejects_module
from ingest.errors import InputError
from ingest.inbox import inbox_file
from ingest.rejects import Reject, RejectCount, Rejects, RejectSource
from ingest.spool import Spool
from ingest.sqlitefile import SqliteFile
from tests.ingest.spool_child import batch


def reject(number: int, payload: bytes = b"\xff\x00{") -> Reject:
    return Reject(number, RejectSource.MQTT, f"forewarn/v1/s/d{number}/telemetry", "payload is no JSON", payload)


@pytest.fixture
def local(tmp_path: Path) -> Iterator[SqliteFile]:
    local = inbox_file(tmp_path / "spool.db")
    local.open()
    yield local
    local.close()


def stamps(rejects: Rejects, limit: int = 1000) -> list[int]:
    """The arrival of every reject in the list, page by page."""
    found: list[int] = []
    cursor: str | None = None
    while True:
        page = rejects.list(limit, cursor)
        found += [one.received_at for one in page.items]
        if (cursor := page.next) is None:
            return found


def test_a_reject_is_kept_as_it_came(local: SqliteFile, tmp_path: Path) -> None:
    Rejects(local).add([reject(1), Reject(2, RejectSource.STORE, "", "type conflict", b"")])
    local.close()
    local.open()
    store, mqtt = Rejects(local).list(10).items
    assert (mqtt.received_at, mqtt.source, mqtt.topic) == (1, RejectSource.MQTT, "forewarn/v1/s/d1/telemetry")
    assert (mqtt.reason, mqtt.payload, mqtt.size) == ("payload is no JSON", b"\xff\x00{", 3)
    assert (store.source, store.reason) == (RejectSource.STORE, "type conflict")
    assert Rejects(local).get(mqtt.id) == mqtt
    assert Rejects(local).get(99) is None


@pytest.mark.parametrize("limit", [1, 3, 7, 8])
def test_pages_run_from_the_newest_to_the_oldest(local: SqliteFile, limit: int) -> None:
    rejects = Rejects(local)
    rejects.add([reject(n) for n in range(7)])
    assert stamps(rejects, limit) == [6, 5, 4, 3, 2, 1, 0]


def test_a_page_goes_on_where_the_last_one_ended_though_new_ones_came(local: SqliteFile) -> None:
    rejects = Rejects(local)
    rejects.add([reject(n) for n in range(4)])
    first = rejects.list(2)
    rejects.add([reject(9)])
    assert [one.received_at for one in rejects.list(2, first.next).items] == [1, 0]


def test_beyond_the_count_the_oldest_goes_and_is_counted(local: SqliteFile) -> None:
    rejects = Rejects(local, max_count=5)
    for n in range(8):
        rejects.add([reject(n)])
    assert stamps(rejects) == [7, 6, 5, 4, 3]
    assert rejects.count() == RejectCount(5, 3)
    rejects.add([reject(n) for n in range(10, 30)])
    assert stamps(rejects) == [29, 28, 27, 26, 25]
    assert rejects.count() == RejectCount(5, 23)


def test_beyond_the_size_the_oldest_goes(local: SqliteFile) -> None:
    rejects = Rejects(local, max_bytes=10_000)
    for n in range(20):
        rejects.add([reject(n, b"x" * 3_000)])
    assert stamps(rejects) == [19, 18, 17]
    assert rejects.count() == RejectCount(3, 17)


def test_a_payload_beyond_all_bounds_is_cut_but_its_size_is_told(
    local: SqliteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejects_module, "MAX_PAYLOAD_BYTES", 10)
    rejects = Rejects(local)
    rejects.add([reject(1, b"x" * 25)])
    assert [(one.payload, one.size) for one in rejects.list(1).items] == [(b"x" * 10, 25)]


def test_a_reject_that_was_dealt_with_is_removed(local: SqliteFile) -> None:
    rejects = Rejects(local)
    rejects.add([reject(1), reject(2)])
    number = rejects.list(1).items[0].id
    assert rejects.remove(number)
    assert not rejects.remove(number)
    assert stamps(rejects) == [1]
    assert rejects.count() == RejectCount(1, 0)


def test_rejects_are_kept_with_the_batch_they_came_with_or_not_at_all(local: SqliteFile) -> None:
    spool, rejects = Spool(local, max_bytes=len(batch(1).encode()) + 10), Rejects(local)
    spool.open()
    spool.append(batch(1), also=lambda: rejects.add([reject(1)]))

    def fail() -> None:
        rejects.add([reject(2)])
        raise RuntimeError

    with pytest.raises(RuntimeError):
        spool.append(batch(2)[:0], also=fail)
    assert stamps(rejects) == [1]
    assert rejects.count() == RejectCount(1, 0)


@pytest.mark.parametrize(("limit", "cursor"), [(0, None), (10_001, None), (5, "nonsense")])
def test_a_bad_page_is_refused(local: SqliteFile, limit: int, cursor: str | None) -> None:
    with pytest.raises(InputError):
        Rejects(local).list(limit, cursor)
