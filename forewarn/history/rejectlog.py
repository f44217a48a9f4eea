"""Rows of a run that cannot be used, in bounded memory: what is too much for it waits on disk.

row ─▶ the log of its file ─▶ (too many) a temporary file ─▶ rejects.csv, file by file in the order given
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Any, Self

from forewarn.atomicfile import UNPRINTABLE

HEADER = ("line", "reason", "row")
MEMORY_BYTES = 1 << 23
"""Held in memory for each file of a run."""


class RejectLog:
    """Takes bad rows as they come and writes them as `line,reason,row` (contract, section 4)."""

    def __init__(self, files: Sequence[Path]) -> None:
        """Of a run over `files`; where there are several, `line` is FILE:LINE."""
        self._several = len(files) > 1
        self._files = list(dict.fromkeys(files))
        self._held = ExitStack()
        self._logs: dict[Path, tuple[SpooledTemporaryFile[str], Any]] = {}
        self._count = 0

    def __enter__(self) -> Self:
        """Nothing is opened before it is needed."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let go of memory and disk."""
        self._held.close()

    def __len__(self) -> int:
        """How many there are."""
        return self._count

    def add(self, path: Path, line: int, reason: str, row: str) -> None:
        """Keep one row of a file."""
        if path not in self._logs:
            log = self._held.enter_context(
                SpooledTemporaryFile(  # noqa: SIM115  held
                    MEMORY_BYTES, "w+", encoding="utf-8", errors=UNPRINTABLE, newline=""
                )
            )
            self._logs[path] = log, csv.writer(log, lineterminator="\n")
        self._logs[path][1].writerow((f"{path.name}:{line}" if self._several else line, reason, row))
        self._count += 1

    def write(self, path: Path) -> None:
        """Write all rows, file by file in the order given, each in the order of its lines."""
        with path.open("w", encoding="utf-8", newline="") as out:
            csv.writer(out, lineterminator="\n").writerow(HEADER)
            for log, _ in (self._logs[file] for file in self._files if file in self._logs):
                log.seek(0)
                shutil.copyfileobj(log, out)
