from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import numpy as np
import pytest

from ingest import spool as spool_module
from ingest import sqlitefile as sqlitefile_module
from ingest.checkpointfile import checkpoint_path
from ingest.errors import InputError, NoSpaceError, RejectedError, RetryableError, SpoolFullError
from ingest.inbox import inbox_file
from ingest.keyedscores import KeyedScores
from ingest.spool import Consumer, FaultPoint, Spool
from ingest.sqlitefile import Snapshot, SqliteFile
from tests.ingest.spool_child import ROWS, batch
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]


def local_of(path: Path) -> SqliteFile:
    local = inbox_file(path)
    local.open()
    return local


def opened(local: SqliteFile, max_bytes: int = 10**9) -> Spool:
    spool = Spool(local, max_bytes=max_bytes)
    spool.open()
    return spool


@pytest.fixture
def local(tmp_path: Path) -> Iterator[SqliteFile]:
    local = local_of(tmp_path / "spool.db")
    yield local
    local.close()


@pytest.fixture
def spool(local: SqliteFile) -> Spool:
    return opened(local)


def numbers(spool: Spool, after: int = 0, max_rows: int = 10**9) -> list[int]:
    """Which batches can be read, by the number in their values; each must be whole and at its position."""
    found = spool.read(after, max_rows)
    assert all(set(entry.value.tolist()) == {position} and len(entry) == ROWS for position, entry in found)
    return [position for position, _ in found]


def scores_of(value: float) -> KeyedScores:
    column = np.full(2, float(value))
    times = np.arange(2)
    return KeyedScores((("s", "d", "t"),), np.zeros(2, np.int32), times, column, column, column, column, column)


def test_entries_are_read_in_order_from_anywhere(spool: Spool) -> None:
    assert [spool.append(batch(n)) for n in range(1, 6)] == [1, 2, 3, 4, 5]
    assert numbers(spool) == [1, 2, 3, 4, 5]
    assert numbers(spool, after=3) == [4, 5]
    assert numbers(spool, max_rows=2 * ROWS + 1) == [1, 2]
    assert numbers(spool, max_rows=1) == [1]
    assert numbers(spool, after=5) == []


def test_an_entry_stays_until_engine_and_store_are_past_it(spool: Spool) -> None:
    for n in range(1, 6):
        spool.append(batch(n))
    spool.mark(Consumer.STORE, 4)
    assert numbers(spool) == [1, 2, 3, 4, 5]
    spool.save_checkpoint(2, b"state")
    assert numbers(spool) == [3, 4, 5]
    spool.save_checkpoint(5, b"later")
    assert numbers(spool) == [5]
    assert spool.marks() == {"store": 4, "engine": 5}
    assert spool.load_checkpoint() == (5, b"later")


def test_others_may_keep_a_state_too_and_hold_no_entry_back(spool: Spool) -> None:
    spool.append(batch(1))
    spool.keep("adapters", b"theirs")
    assert spool.load_checkpoint() is None
    spool.save_checkpoint(1, b"ours")
    spool.mark(Consumer.STORE, 1)
    assert (spool.kept("adapters"), spool.load_checkpoint()) == (b"theirs", (1, b"ours"))
    assert numbers(spool) == []


def test_a_mark_never_moves_back(spool: Spool) -> None:
    spool.append(batch(1))
    spool.append(batch(2))
    spool.mark(Consumer.STORE, 2)
    spool.mark(Consumer.STORE, 1)
    assert spool.marks() == {"store": 2}


def test_positions_go_on_after_a_restart_even_of_an_empty_spool(local: SqliteFile) -> None:
    spool = opened(local)
    assert spool.load_checkpoint() is None
    for n in (1, 2):
        spool.append(batch(n))
    spool.mark(Consumer.STORE, 2)
    spool.save_checkpoint(2, b"")
    again = opened(local)
    assert (again.last, numbers(again)) == (2, [])
    assert again.append(batch(3)) == 3


def test_depth_tells_what_waits(local: SqliteFile) -> None:
    spool = opened(local)
    assert (spool.depth().entries, spool.depth().oldest_at) == (0, None)
    for n in (1, 2, 3):
        spool.append(batch(n))
    full = spool.depth()
    assert (full.entries, full.rows, full.oldest_at) == (3, 3 * ROWS, 1)
    spool.put_scores(2, scores_of(1.0))
    spool.put_scores(2, scores_of(2.0))
    assert spool.depth().size_bytes == full.size_bytes + len(scores_of(2.0).encode())
    assert opened(local).depth() == spool.depth()
    spool.mark(Consumer.STORE, 2)
    spool.save_checkpoint(2, b"")
    assert (spool.depth().entries, spool.depth().oldest_at) == (1, 3)
    assert opened(local).depth() == spool.depth()


def test_scores_wait_for_the_store(spool: Spool) -> None:
    for n in (1, 2, 3):
        spool.append(batch(n))
        spool.put_scores(n, scores_of(n))
    spool.save_checkpoint(3, b"")
    spool.mark(Consumer.STORE, 1)
    assert [(at, scores.score.tolist()) for at, scores in spool.read_scores(0, 10**9)] == [(2, [2, 2]), (3, [3, 3])]
    spool.mark(Consumer.STORE, 3)
    spool.put_scores(3, scores_of(3))
    assert spool.read_scores(0, 10**9) == []
    assert spool.depth().size_bytes == 0


def test_a_full_spool_takes_nothing_until_something_was_forwarded(local: SqliteFile) -> None:
    spool = opened(local, max_bytes=3 * len(batch(1).encode()))
    for n in (1, 2, 3):
        spool.append(batch(n))
    with pytest.raises(SpoolFullError, match="the spool is full"):
        spool.append(batch(4))
    assert numbers(spool) == [1, 2, 3]
    spool.save_checkpoint(3, b"")
    spool.mark(Consumer.STORE, 1)
    assert spool.append(batch(4)) == 4
    assert numbers(spool) == [2, 3, 4]


def test_a_full_disk_keeps_what_was_there(local: SqliteFile) -> None:
    spool = opened(local)
    with local.change() as db:
        db.pragma("max_page_count", db.pragma("page_count") + 12)

    def fill() -> None:
        while True:
            spool.append(batch(spool.last + 1))

    with pytest.raises(SpoolFullError, match=r"spool.db: the disk is full"):
        fill()
    last = spool.last
    assert last > 0
    assert numbers(spool) == list(range(1, last + 1))
    spool.save_checkpoint(last, b"")
    spool.mark(Consumer.STORE, last)
    assert spool.append(batch(last + 1)) == last + 1
    assert numbers(opened(local)) == [last + 1]


def test_what_goes_along_is_kept_or_lost_with_the_entry(local: SqliteFile) -> None:
    spool = opened(local)

    def broken() -> None:
        with local.change() as db:
            db.execute("INSERT INTO mark VALUES ('also', 1)")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        spool.append(batch(1), also=broken)
    assert (numbers(spool), opened(local).marks(), spool.depth().entries) == ([], {}, 0)
    assert spool.append(batch(1)[:0], also=lambda: None) == 0
    assert spool.append(batch(1)) == 1


def test_a_commit_is_durable_where_it_says_so(tmp_path: Path) -> None:
    """Counts the syncs that reach the file system through a file layer of SQLite that looks on."""
    synced: list[str] = []

    class LookingFile(apsw.VFSFile):
        def __init__(self, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
            self.name = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
            super().__init__("unix", name, flags)

        def xSync(self, flags: int) -> None:  # noqa: N802
            synced.append(self.name.rsplit("-", 1)[-1])
            super().xSync(flags)

    class Looking(apsw.VFS):
        def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> LookingFile:  # noqa: N802
            return LookingFile(name, flags)

    vfs = Looking("looking", "unix", makedefault=True)
    try:
        local = local_of(tmp_path / "spool.db")
        spool = opened(local)
        steps: list[tuple[Callable[[], object], bool]] = [
            (lambda: spool.append(batch(1)), True),
            (lambda: spool.append(batch(2)), True),
            (lambda: spool.mark(Consumer.STORE, 1), False),
            (lambda: spool.put_scores(2, scores_of(1)), False),
            (lambda: spool.save_checkpoint(1, b""), True),
        ]
        for number, (step, durable) in enumerate(steps):
            synced.clear()
            step()
            assert ("wal" in synced) == durable, f"step {number} synced {synced}"
        local.close()
    finally:
        vfs.unregister()


def test_many_threads_may_use_it_at_once(spool: Spool) -> None:
    read: set[int] = set()
    done = threading.Event()

    def follow() -> None:
        last = 0
        while not (done.is_set() and last == spool.last):
            for position, _ in spool.read(last, 10 * ROWS):
                read.add(position)
                last = position
            spool.mark(Consumer.STORE, last)
            spool.depth()

    def produce() -> None:
        for _ in range(50):
            spool.append(batch(0))

    follower = threading.Thread(target=follow)
    producers = [threading.Thread(target=produce) for _ in range(3)]
    for thread in [follower, *producers]:
        thread.start()
    for thread in producers:
        thread.join(60)
    done.set()
    follower.join(60)
    assert not follower.is_alive()
    assert read == set(range(1, 151))


def test_a_file_that_is_none_of_ours(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is a letter, not a database. " * 100)
    with pytest.raises(RejectedError, match=r"text.db: is damaged or no database"):
        local_of(tmp_path / "text.db")
    local = local_of(tmp_path / "newer.db")
    with local.change() as db:
        db.pragma("user_version", 99)
    local.close()
    with pytest.raises(InputError, match=r"newer.db: was written by a newer release"):
        local_of(tmp_path / "newer.db")
    with pytest.raises(InputError, match="cannot be"):
        local_of(tmp_path / "newer.db" / "sub" / "spool.db")


def test_a_closed_file_says_so(local: SqliteFile, spool: Spool) -> None:
    local.close()
    with pytest.raises(RetryableError, match="is closed"):
        spool.append(batch(1))


def test_a_snapshot_holds_its_moment_however_much_is_written_meanwhile(
    local: SqliteFile, spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlitefile_module, "BACKUP_PAGES", 1)
    for n in range(1, 30):
        spool.append(batch(n))
    snapshot = Snapshot(local.path)
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            spool.append(batch(spool.last + 1))

    writer = threading.Thread(target=write)
    writer.start()
    wait_until(lambda: spool.last > 40, "some more entries")
    snapshot.copy(tmp_path / "copy.db")
    done.set()
    writer.join(60)
    snapshot.close()
    copy = local_of(tmp_path / "copy.db")
    assert numbers(opened(copy)) == list(range(1, 30))
    copy.close()
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    assert numbers(spool) == list(range(1, spool.last + 1))


def test_a_snapshot_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.db: cannot be opened"):
        Snapshot(tmp_path / "none.db")


def test_the_disk_gets_back_what_a_burst_took(local: SqliteFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "SPARE_BYTES", 100_000)
    spool = opened(local)
    for n in range(1, 301):
        spool.append(batch(n))
    spool.mark(Consumer.STORE, 300)
    spool.save_checkpoint(300, b"")
    with local.look() as db:
        assert db.pragma("page_count") * db.pragma("page_size") < 200_000


def row_of_an_earlier_release(local: SqliteFile, position: int, state: bytes) -> None:
    with local.change() as db:
        db.execute("INSERT INTO checkpoint VALUES ('engine', ?, ?)", (position, state))
        db.execute("INSERT INTO mark VALUES ('engine', ?)", (position,))


def rows(local: SqliteFile) -> int:
    with local.look() as db:
        return int(db.execute("SELECT count(*) FROM checkpoint").get)


def test_the_checkpoint_of_an_earlier_release_is_read_until_there_is_another(local: SqliteFile) -> None:
    row_of_an_earlier_release(local, 3, b"theirs")
    spool = opened(local)
    assert (spool.load_checkpoint(), spool.last, rows(local)) == ((3, b"theirs"), 3, 1)
    assert spool.append(batch(4)) == 4
    spool.save_checkpoint(4, b"ours")
    assert (spool.load_checkpoint(), rows(local)) == ((4, b"ours"), 0)


def test_the_file_counts_where_a_kill_left_the_row_of_an_earlier_release(local: SqliteFile) -> None:
    spool = opened(local)
    spool.append(batch(1))
    spool.save_checkpoint(1, b"ours")
    with local.change() as db:
        db.execute("INSERT INTO checkpoint VALUES ('engine', 0, x'00')")
    assert (opened(local).load_checkpoint(), rows(local)) == ((1, b"ours"), 0)


def test_a_torn_checkpoint_costs_the_state_and_no_entry(local: SqliteFile) -> None:
    spool = opened(local)
    for n in (1, 2, 3):
        spool.append(batch(n))
    spool.mark(Consumer.STORE, 3)
    spool.save_checkpoint(2, b"state")
    path = checkpoint_path(local.path)
    path.write_bytes(path.read_bytes()[:-1])
    again = opened(local)
    assert (again.load_checkpoint(), numbers(again), again.last) == ((2, b""), [3], 3)


def test_a_full_disk_keeps_the_checkpoint_that_was_there(spool: Spool, local: SqliteFile) -> None:
    """Another file system takes nothing: what is written goes to /dev/full."""
    spool.append(batch(1))
    spool.save_checkpoint(1, b"old")
    spool.append(batch(2))
    part = local.path.with_name("spool.checkpoint.part")
    part.symlink_to("/dev/full")
    with pytest.raises(NoSpaceError, match=r"spool\.checkpoint: the disk is full"):
        spool.save_checkpoint(2, b"new")
    assert not part.is_symlink()
    assert (spool.load_checkpoint(), numbers(spool), spool.append(batch(3))) == ((1, b"old"), [1, 2], 3)
    spool.save_checkpoint(2, b"new")
    assert opened(local).load_checkpoint() == (2, b"new")


def test_entries_come_in_while_a_checkpoint_is_written(local: SqliteFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first sync of the file lasts until an entry is durable."""
    spool = opened(local)
    spool.append(batch(1))
    syncs: list[int] = []

    def sync(descriptor: int) -> None:
        if not syncs:
            other = threading.Thread(target=spool.append, args=(batch(2),))
            other.start()
            other.join(60)
        syncs.append(descriptor)
        fsync(descriptor)

    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", sync)
    saver = threading.Thread(target=spool.save_checkpoint, args=(1, b"state"), daemon=True)
    saver.start()
    saver.join(60)
    assert not saver.is_alive()
    assert (spool.load_checkpoint(), spool.last, len(syncs)) == ((1, b"state"), 2, 3)


# -- a process that is killed ----------------------------------------------------------------------------------------


class Killed:
    """What a child told before it died."""

    def __init__(self, path: Path, *fault: str, kill_after: int | None = None) -> None:
        command = [sys.executable, "-m", "tests.ingest.spool_child", str(path), *fault]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            self.done = {"append": 0, "store": 0, "engine": 0}
            for count, line in enumerate(child.stdout):
                what, number = line.split()
                self.done[what] = int(number)
                if kill_after is not None and count == kill_after:
                    child.kill()
            self.status = child.wait(60)


def check_after(killed: Killed, path: Path, before: int) -> int:
    """Nothing lost, nothing doubled, whatever the moment was; returns the last position."""
    assert killed.status == -9
    local = local_of(path)
    spool = opened(local)
    marks = spool.marks()
    assert killed.done["append"] <= spool.last <= max(before, killed.done["append"]) + 1
    floor = min(marks.get("engine", 0), marks.get("store", 0))
    assert numbers(spool) == list(range(floor + 1, spool.last + 1))
    assert marks.get("store", 0) >= killed.done["store"]
    assert marks.get("engine", 0) >= killed.done["engine"]
    saved = spool.load_checkpoint()
    assert (saved or (0, b"0")) == (marks.get("engine", 0), str(marks.get("engine", 0)).encode())
    assert spool.depth() == opened(local).depth()
    local.close()
    return spool.last


@pytest.mark.parametrize(
    ("point", "saved", "left"),
    [
        pytest.param(FaultPoint.CHECKPOINT, 5, [6, 7, 8, 9, 10], id="before it is in its place: the old one"),
        pytest.param(FaultPoint.CHECKPOINTED, 10, [9, 10], id="before the entries are deleted: the new one"),
    ],
)
def test_killed_in_a_checkpoint_there_is_the_old_one_or_the_new_one(
    tmp_path: Path, point: FaultPoint, saved: int, left: list[int]
) -> None:
    """The store has confirmed 8; the second checkpoint, at 10, is the one that is killed."""
    path = tmp_path / "spool.db"
    assert Killed(path, point, "2").done == {"append": 10, "store": 8, "engine": 5}
    local = local_of(path)
    with local.look() as db:
        assert db.execute("SELECT position FROM entry ORDER BY position LIMIT 1").get == 6
    spool = opened(local)
    assert (spool.load_checkpoint(), spool.marks()["engine"]) == ((saved, str(saved).encode()), saved)
    assert numbers(spool) == left
    spool.save_checkpoint(10, b"next")
    assert opened(local).load_checkpoint() == (10, b"next")
    local.close()


@pytest.mark.parametrize("point", FaultPoint)
def test_killed_at_a_fault_point_nothing_is_lost_or_doubled(tmp_path: Path, point: FaultPoint) -> None:
    path = tmp_path / "spool.db"
    last = 0
    for nth in ("3", "1"):
        last = check_after(Killed(path, point, nth), path, last)
    assert last >= 2


def test_killed_at_any_moment_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    moments = random.Random(1)
    last = 0
    for _ in range(4):
        last = check_after(Killed(path, kill_after=moments.randrange(5, 80)), path, last)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_killed_at_fifty_moments_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    moments = random.Random(2)
    last, at_points = 0, 0
    for _ in range(50):
        if moments.random() < 0.5:
            point = moments.choice(list(FaultPoint))
            last, at_points = check_after(Killed(path, point, str(moments.randrange(1, 12))), path, last), at_points + 1
        else:
            last = check_after(Killed(path, kill_after=moments.randrange(0, 300)), path, last)
    assert at_points > 15
    assert last > 500
