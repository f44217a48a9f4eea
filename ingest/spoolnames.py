"""The names that entries of the spool stand for: each is written once, and entries hold its number.

A fleet says the same names again and again; in every entry they would take more room, and time, than the readings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import apsw
import numpy as np
import orjson

from ingest.bynumber import ByNumber, Renumbered
from ingest.columns import SeriesName
from ingest.errors import RejectedError
from ingest.keyed import KeyedBatch, UnitNote
from ingest.reading import IntArray, TimeArray

SCHEMA = "CREATE TABLE IF NOT EXISTS name (number INTEGER PRIMARY KEY, said TEXT NOT NULL) STRICT"

MAX_NAMES = 1 << 19
"""Names, each with what is known of its unit, before numbers are given anew: a bound against invented ones."""

Noted: TypeAlias = tuple[SeriesName, UnitNote]


class SpoolNames:
    """Numbers for (name, unit note). Not thread-safe, but for `look_up`."""

    def __init__(self) -> None:
        self._number: dict[Noted, int] = {}
        self._renumbered = Renumbered()
        self._fresh: list[tuple[int, Noted]] = []
        """Not in the file yet."""
        self._next = 1
        self._read: dict[int, Noted] = {}
        self._outdated: tuple[int, int] | None = None
        """(number, position): names below go when the entries up to there are gone."""

    def load(self, db: apsw.Connection) -> None:
        """Take in what the file holds."""
        self._number = {_noted(said): number for number, said in db.execute("SELECT number, said FROM name")}
        self._next = max(self._number.values(), default=0) + 1

    def numbers(self, batch: KeyedBatch) -> TimeArray:
        """The number of each name of the batch, shape (names,); new ones are due to be saved."""
        names, units = batch.names, batch.units
        if isinstance(names, ByNumber) and isinstance(units, ByNumber) and names.numbers is units.numbers:
            return self._renumbered.of(names, lambda place: self._number_of((names.every[place], units.every[place])))
        return np.array([self._number_of(noted) for noted in zip(names, units, strict=True)], np.int64)

    def _number_of(self, noted: Noted) -> int:
        number = self._number.get(noted)
        if number is None:
            number = self._number[noted] = self._next
            self._fresh.append((number, noted))
            self._next += 1
        return number

    def save(self, db: apsw.Connection) -> None:
        """Write new names, with the entry that needs them; `saved` tells that this was committed."""
        if self._fresh:
            told = [(number, orjson.dumps(noted).decode()) for number, noted in self._fresh]
            db.executemany("INSERT OR REPLACE INTO name VALUES (?, ?)", told)

    def saved(self, last: int) -> None:
        """What was written is there to stay; the newest entry is at `last`."""
        self._fresh.clear()
        if len(self._number) > MAX_NAMES and self._outdated is None:
            self._outdated = (self._next, last)
            self._number, self._renumbered = {}, Renumbered()

    def drop(self, db: apsw.Connection, floor: int) -> None:
        """Delete what no entry needs any more, now that those up to `floor` are gone."""
        if self._outdated is not None and floor >= self._outdated[1]:
            db.execute("DELETE FROM name WHERE number < ?", (self._outdated[0],))
            self._outdated = None

    def look_up(self, db: apsw.Connection, numbers: IntArray) -> tuple[Sequence[SeriesName], Sequence[UnitNote]]:
        """Names and unit notes by number. Raises RejectedError if the file does not hold one of them."""
        wanted, known = numbers.tolist(), self._read
        missing = [number for number in wanted if number not in known]
        if missing:
            if len(known) > MAX_NAMES:
                known = self._read = {}
                missing = wanted
            query = "SELECT number, said FROM name WHERE number BETWEEN ? AND ?"
            for number, said in db.execute(query, (min(missing), max(missing))):
                known[number] = _noted(said)
        try:
            found = [known[number] for number in wanted]
        except KeyError as error:
            raise RejectedError(f"a spooled entry cannot be read: name {error} is missing") from error
        return tuple(name for name, _ in found), tuple(note for _, note in found)


def _noted(said: str) -> Noted:
    name, note = orjson.loads(said)
    return tuple(name), tuple(note)
