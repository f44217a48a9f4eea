"""A checkpoint: everything that has to be known again to go on behind a position of the spool."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import orjson

from forewarn.engine import StateError

VERSION = 1
_HEAD = struct.Struct("<4sI")
_MAGIC = b"FWC1"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the engine, the memory of repeated messages and the board know."""

    engine: bytes
    sequences: list[list[object]]
    adapters: bytes = b""
    """What the payload formats knew, of a release that kept it here."""
    board: bytes = b""
    """What was last heard; empty in checkpoints of earlier releases."""

    def encode(self) -> tuple[bytes, bytes]:
        """The checkpoint as bytes for `decode`, in two parts, so that the engine's state need not be copied."""
        sizes = {"adapters": len(self.adapters), "board": len(self.board)}
        facts = {"version": VERSION, "sequences": self.sequences, **sizes}
        head = orjson.dumps(facts)
        return _HEAD.pack(_MAGIC, len(head)) + head + self.adapters + self.board, self.engine

    @classmethod
    def decode(cls, blob: bytes) -> Checkpoint:
        """Undo `encode`, of both parts together. Raises StateError if these are no such bytes or of another version."""
        try:
            magic, size = _HEAD.unpack_from(blob)
            head = orjson.loads(blob[_HEAD.size : _HEAD.size + size])
            if magic != _MAGIC or head["version"] != VERSION:
                raise StateError("the checkpoint is of another version")
            rest = blob[_HEAD.size + size :]
            board, engine = head["adapters"], head["adapters"] + head.get("board", 0)
            return cls(rest[engine:], head["sequences"], rest[:board], rest[board:engine])
        except (struct.error, orjson.JSONDecodeError, LookupError, TypeError) as error:
            raise StateError(f"the checkpoint cannot be read: {error}") from error
