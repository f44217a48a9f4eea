"""The data folder: for its owner alone, and for one service at a time."""

import os
from pathlib import Path

import pytest

from forewarn.demo import MARK, demo_folder
from forewarn.live.folder import DataFolder
from ingest.errors import InputError


def test_it_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    with DataFolder(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_a_second_service_is_told_who_has_it(tmp_path: Path) -> None:
    with (
        DataFolder(tmp_path),
        pytest.raises(InputError, match=rf"is in use by another forewarn \(process {os.getpid()}\)"),
        DataFolder(tmp_path),
    ):
        pass


def test_it_is_free_again_afterwards(tmp_path: Path) -> None:
    for _ in range(2):
        with DataFolder(tmp_path):
            pass


def test_on_a_full_disk_it_is_taken_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to("/dev/full")
    with DataFolder(tmp_path):
        pass


def test_a_file_in_its_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"data\.dir = .*file' cannot be used"), DataFolder(tmp_path / "file"):
        pass


def test_a_demo_without_a_folder_leaves_nothing_behind() -> None:
    with demo_folder(None) as folder:
        (folder / MARK).touch()
    assert not folder.exists()


def test_a_demo_takes_a_new_folder_and_keeps_it(tmp_path: Path) -> None:
    with demo_folder(tmp_path / "demo") as folder:
        (folder / MARK).touch()
    assert (tmp_path / "demo" / MARK).exists()


def test_a_second_demo_begins_anew(tmp_path: Path) -> None:
    (tmp_path / MARK).touch()
    (tmp_path / "telemetry.db").touch()
    with demo_folder(tmp_path) as folder:
        assert not (folder / "telemetry.db").exists()


def test_a_demo_in_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = pytest.raises(InputError, match=r"--data .*file/x: cannot be used: Not a directory")
    with told, demo_folder(tmp_path / "file" / "x"):
        pass


def test_a_demo_leaves_a_folder_with_other_things_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(InputError, match="holds something else than an earlier demo"), demo_folder(tmp_path):
        pass
    assert (tmp_path / "thesis.txt").exists()
