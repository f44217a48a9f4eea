"""Reads rejects once more, as they are or by a mapping of a person's: to see what that gives, or to take it.

    request ─▶ reread ─▶ what would come out of it
            ─▶ call by the receiving thread: reread ─▶ spool, and the reject goes, in one commit ─▶ answer
            ─▶ call by the forwarding thread, for points that the store refused: reread ─▶ store ─▶ answer

Nothing else of the running service notices: adapters that remember get a copy of what they remember.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from forewarn.live.receiving import MAX_ROWS, Entry
from ingest.adapters.mapping import Mapping
from ingest.decode import Decoder
from ingest.registry import Registry
from ingest.rejects import Reject, Rejects, RejectSource
from ingest.rereading import Attempt, Replayed, Reread, attempts, reread
from ingest.stores.store import TelemetryStore

AT_ONCE, BYTES_AT_ONCE = 100, 8 * 2**20
"""Rejects read in one go, and taken in one commit: messages wait no longer than that takes."""

MakeDecoder: TypeAlias = Callable[[Sequence[Mapping]], Decoder]
"""A decoder of its own that reads by these mappings before all others."""
Ask: TypeAlias = Callable[[Callable[[], list[Replayed]]], list[Replayed]]
"""Has something done by a thread of the pipeline, and waits for it."""
Keep: TypeAlias = Callable[[Entry, Callable[[], object]], None]
"""Makes an entry durable, with something else in the same commit; for the receiving thread."""


class Replaying:
    """Tries and replays rejects; safe to use from any thread."""

    def __init__(
        self,
        registry: Registry,
        rejects: Rejects,
        store: TelemetryStore,
        make_decoder: MakeDecoder,
        clock: Callable[[], int],
        keep: Keep,
        ask_receiving: Ask,
        ask_forwarding: Ask,
        taken: Callable[[int], object],
    ) -> None:
        self._registry, self._rejects, self._store = registry, rejects, store
        self._make_decoder, self._clock, self._keep = make_decoder, clock, keep
        self._ask_receiving, self._ask_forwarding, self._taken = ask_receiving, ask_forwarding, taken

    def attempt(self, numbers: Sequence[int], mappings: Sequence[Mapping], most_rows: int) -> list[Attempt]:
        """What rejects would give; of those that are not there (any more) nothing. Changes nothing."""
        tried: list[Attempt] = []
        for rejects in self._chunks(numbers):
            tried += attempts(rejects, self._read(rejects, mappings, dry=True), most_rows)
        return tried

    def replay(self, numbers: Sequence[int], mappings: Sequence[Mapping]) -> list[Replayed]:
        """Take what can be taken; returns once it is durable. Raises RetryableError when there is no room."""
        return [one for rejects in self._chunks(numbers) for one in self._replay(rejects, mappings)]

    def _replay(self, rejects: Sequence[Reject], mappings: Sequence[Mapping]) -> Iterator[Replayed]:
        """The engine has judged refused points, and would drop them as duplicates: they go straight to the store."""
        refused = [one.id for one in rejects if one.source is RejectSource.STORE]
        others = [one.id for one in rejects if one.source is not RejectSource.STORE]
        if others:  # looked up again by the thread that takes them: another request may have been faster
            yield from self._ask_receiving(lambda: self._take(self._found(others), mappings))
        if refused:
            yield from self._ask_forwarding(lambda: self._store_again(self._found(refused), mappings))

    def _take(self, rejects: Sequence[Reject], mappings: Sequence[Mapping]) -> list[Replayed]:
        found = self._read(rejects, mappings, dry=False)
        told = _told(rejects, found)
        for start in range(0, max(len(found.batch), 1), MAX_ROWS):
            rows = slice(start, start + MAX_ROWS)
            last = start + MAX_ROWS >= len(found.batch)
            entry = Entry(found.batch[rows], found.readings[rows])
            self._keep(entry, lambda last=last: self._settle(told) if last else None)  # type: ignore[misc]
        self._taken(len(found.batch))
        return told

    def _store_again(self, rejects: Sequence[Reject], mappings: Sequence[Mapping]) -> list[Replayed]:
        found = self._read(rejects, mappings, dry=False)
        told = _told(rejects, found)
        for refused in self._store.write(found.batch):
            place = int(found.origin[refused.row])
            told[place] = replace(told[place], accepted=told[place].accepted - 1, problem=refused.reason)
        self._settle(told)
        return told

    def _settle(self, told: Sequence[Replayed]) -> None:
        """What was taken as a whole goes, what was taken in part says what is left."""
        for one in told:
            if one.problem is None:
                self._rejects.remove(one.number)
            elif one.accepted:
                self._rejects.amend(one.number, one.problem)

    def _chunks(self, numbers: Sequence[int]) -> Iterator[list[Reject]]:
        chunk: list[Reject] = []
        for number in dict.fromkeys(numbers):
            chunk += self._found([number])
            if len(chunk) == AT_ONCE or sum(len(one.payload) for one in chunk) >= BYTES_AT_ONCE:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    def _found(self, numbers: Sequence[int]) -> list[Reject]:
        return [found for number in numbers if (found := self._rejects.get(number)) is not None]

    def _read(self, rejects: Sequence[Reject], mappings: Sequence[Mapping], *, dry: bool) -> Reread:
        decoder = self._make_decoder(mappings)
        return reread(rejects, decoder, self._registry, mappings, now=self._clock(), dry=dry)


def _told(rejects: Sequence[Reject], found: Reread) -> list[Replayed]:
    counts = np.bincount(found.origin, minlength=len(rejects)).tolist()
    return [Replayed(one.id, *pair) for one, *pair in zip(rejects, counts, found.problems, strict=True)]
