from __future__ import annotations

from pathlib import Path

import pytest

from ingest import checkpointfile
from ingest.checkpointfile import CheckpointFile, HeldCheckpoint, checkpoint_path
from ingest.errors import NoSpaceError, RejectedError, RetryableError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return checkpoint_path(tmp_path / "spool.db")


@pytest.fixture
def file(path: Path) -> CheckpointFile:
    return CheckpointFile(path)


def save(file: CheckpointFile, position: int, state: bytes) -> None:
    file.write(position, state)
    file.replace()


def test_it_comes_back_as_it_was(file: CheckpointFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpointfile, "STEP_BYTES", 3)
    assert (file.position(), file.read()) == (None, None)
    for position, state in ((2**40, b"in several steps"), (0, b""), (7, b"six678")):
        save(file, position, state)
        assert (file.position(), file.read()) == (position, (position, state))
    file.write(8, b"parts, ", b"", b"one after the other")
    file.replace()
    assert file.read() == (8, b"parts, one after the other")
    assert [one.name for one in file.path.parent.iterdir()] == ["spool.checkpoint"]


def test_what_is_written_does_not_count_before_it_is_in_its_place(file: CheckpointFile) -> None:
    save(file, 1, b"old")
    file.write(2, b"a longer new one")
    assert CheckpointFile(file.path).read() == (1, b"old")
    file.write(3, b"new")
    file.replace()
    assert CheckpointFile(file.path).read() == (3, b"new")


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda whole: whole[:-1], id="cut short"),
        pytest.param(lambda whole: whole[:10], id="cut short in the head"),
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda whole: whole + b"x", id="too long"),
        pytest.param(lambda whole: whole[:4] + b"\xff" + whole[5:], id="another position"),
        pytest.param(lambda whole: b"x" * len(whole), id="something else"),
    ],
)
def test_a_torn_one_is_told(file: CheckpointFile, tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    save(file, 5, b"state")
    file.path.write_bytes(damage(file.path.read_bytes()))
    for look in (file.position, file.read):
        with pytest.raises(RejectedError, match=r"spool\.checkpoint: is damaged"):
            look()
    with HeldCheckpoint(file.path) as held, pytest.raises(RejectedError, match="is damaged"):
        held.copy(tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_full_disk_keeps_the_old_one_and_nothing_else(file: CheckpointFile) -> None:
    """What is written goes to /dev/full."""
    save(file, 1, b"old")
    file.path.with_name("spool.checkpoint.part").symlink_to("/dev/full")
    with pytest.raises(NoSpaceError, match=r"spool\.checkpoint: the disk is full"):
        file.write(2, b"new")
    assert file.read() == (1, b"old")
    assert [one.name for one in file.path.parent.iterdir()] == ["spool.checkpoint"]


def test_what_the_system_refuses_can_be_tried_again(tmp_path: Path) -> None:
    with pytest.raises(RetryableError, match=r"none/spool\.checkpoint: No such file or directory"):
        CheckpointFile(tmp_path / "none" / "spool.checkpoint").write(1, b"state")


def test_one_that_is_held_stays_as_it_was(file: CheckpointFile, tmp_path: Path) -> None:
    with HeldCheckpoint(file.path) as none:
        assert (none.exists, none.is_current()) == (False, True)
        save(file, 1, b"old")
        assert not none.is_current()
    with HeldCheckpoint(file.path) as held:
        assert held.is_current()
        save(file, 2, b"newer")
        assert not held.is_current()
        held.copy(tmp_path / "copy")
    assert CheckpointFile(tmp_path / "copy").read() == (1, b"old")
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
