"""Files that a command writes are there as a whole, or as they were before."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from forewarn.atomicfile import check_place, write_atomically
from ingest.errors import InputError


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    write_atomically(path, b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(InputError, match=r"labels\.csv: cannot be written: File too large"):
            write_atomically(path, b"new" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["labels.csv"]


def test_what_is_no_file_stays(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        with pytest.raises(InputError, match="cannot be written: it is no file"):
            write_atomically(tmp_path / name, b"")
    assert (tmp_path / "pipe").is_fifo()


def test_looking_at_a_place_leaves_nothing_there(tmp_path: Path) -> None:
    check_place(tmp_path / "new")
    with pytest.raises(InputError, match=r"nowhere/new: cannot be written: No such file or directory"):
        check_place(tmp_path / "nowhere" / "new")
    assert not os.listdir(tmp_path)


def test_what_is_read_from_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("precious")
    (tmp_path / "link").symlink_to("a")
    check_place(tmp_path / "b", [tmp_path / "a", tmp_path / "gone"])
    with pytest.raises(InputError, match="is read from"):
        check_place(tmp_path / "link", [tmp_path / "a"])
