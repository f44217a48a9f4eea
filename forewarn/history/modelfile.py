"""Model files: read with every check, written so that a reader sees the old one or the new one."""

from __future__ import annotations

from pathlib import Path

from alerts.policies.risk import read_bytes
from forewarn.atomicfile import write_atomically
from ingest.errors import InputError, said_by
from models.supervised.artefact import MAX_BYTES, encode
from models.supervised.model import RiskModel


def read_model(path: Path) -> RiskModel:
    """The model in a file. Raises InputError, one line naming the file: it is none, damaged, or of a later release."""
    return read_artefact(path)[0]


def read_artefact(path: Path) -> tuple[RiskModel, bytes]:
    """The same, with the bytes of the file."""
    try:
        with path.open("rb") as file:
            blob = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {said_by(error)}") from error
    try:
        return read_bytes(blob), blob
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def write_model(path: Path, model: RiskModel) -> None:
    """Write a model; a file that is there is replaced as a whole. Raises InputError if that is not possible."""
    write_atomically(path, encode(model))
