"""Where the history of a backtest comes from. Every configuration reads it anew, in the same order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from alerts.alert import Explanation
from forewarn.config.configured import registry
from forewarn.config.settings import Settings
from forewarn.report.words import told
from ingest.csvblocks import OnBadRow
from ingest.csvfile import read_batches
from ingest.errors import InputError
from ingest.logentry import LogEntry
from ingest.reading import ReadingBatch
from ingest.registry import Registry

SHOWN_FILES = 3


class Origin(Protocol):
    """A history that can be read as often as wanted."""

    @property
    def count_from(self) -> int | None:
        """Time from which alerts count, ns UTC; readings before only teach. None: all of them count."""

    @property
    def paths(self) -> Sequence[Path]:
        """The files, if it is files."""

    def registry(self, settings: Settings) -> Registry:
        """What is known of the devices before the first reading, with a configuration."""

    def batches(self, registry: Registry, on_bad_row: OnBadRow) -> Iterator[ReadingBatch]:
        """The readings, in order of arrival."""

    def entries(self) -> Sequence[LogEntry]:
        """What is known to have been logged about the devices until then."""

    def shown(self) -> Explanation:
        """Where they come from, for people."""


def check_again(files: Iterable[Path]) -> None:
    """Raise InputError if one of them can be read only once."""
    for path in files:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise InputError(f"{path}: has to be read more than once, which a pipe cannot be")


@dataclass(frozen=True, slots=True)
class Files:
    """Readings files, merged by row time into one run."""

    paths: Sequence[Path]
    count_from: int | None = None

    def registry(self, settings: Settings) -> Registry:
        """The devices of `registry.file`."""
        return registry(settings)

    def batches(self, registry: Registry, on_bad_row: OnBadRow) -> Iterator[ReadingBatch]:
        """Every usable row."""
        return read_batches(self.paths, registry, on_bad_row)

    def entries(self) -> Sequence[LogEntry]:
        """Nothing beside the readings."""
        return ()

    def shown(self) -> Explanation:
        """Their names."""
        names = [path.name for path in self.paths]
        more = [f"… (+{len(names) - SHOWN_FILES})"] if len(names) > SHOWN_FILES else []
        return told("from_files", files=", ".join(names[:SHOWN_FILES] + more))
