"""A model as bytes: arrays and a header in JSON, nothing that can run.

One file: an npz of the trees and of what the model knows, with the array `head` holding JSON. `sha256` in the header is
over all the rest. Reading checks the format, the version, the digest, every shape and every number, and that the
trees are trees; it never unpickles.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.errors import InputError
from ingest.rows import under
from ingest.times import parse_time
from models.supervised.features import Vocabulary, column_names
from models.supervised.model import RiskModel
from models.supervised.telemetry import SPANS
from models.supervised.trees import Trees

FORMAT = "forewarn-risk-model"
VERSION = 1
"""Grows when a model can no longer be read by the code that read those before."""
MAX_BYTES = 256 << 20
MAX_WORDS = 4096
_FACTS = {
    "trained_on": ("readings", "entries", "failures"),
    "measures": ("failures", "warned", "false", "device_months"),
}
_ARRAYS = ("signature", "precision", "seen_least", "seen_most")


def encode(model: RiskModel) -> bytes:
    """The model as bytes for `decode`; the same model gives the same bytes."""
    arrays: dict[str, NDArray[Any]] = {f"trees/{name}": column for name, column in model.trees.arrays().items()}
    arrays |= {
        "signature": model.words.signature,
        "precision": model.words.precision,
        "seen_least": model.seen_least,
        "seen_most": model.seen_most,
    }
    head: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "metrics": model.words.metrics,
        "codes": model.words.codes,
        "services": model.words.services,
        "recent": model.words.recent,
        "slot_ns": model.slot_ns,
        "facts": dict(model.facts),
    }
    text = np.frombuffer(_text(head | {"sha256": _digest(head, arrays)}), np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, head=text, **arrays)  # type: ignore[arg-type]  # numpy types the keywords as its own flag
    return buffer.getvalue()


def decode(blob: bytes) -> RiskModel:
    """Undo `encode`. Raises InputError in one line if these are no such bytes, damaged, or of a later release."""
    head, arrays = _opened(blob)
    if head.get("format") != FORMAT:
        raise InputError("is no model of Forewarn's")
    if head.get("version") != VERSION:
        raise InputError(f"is of version {head.get('version')!r}; this release reads version {VERSION}")
    try:
        if head.pop("sha256", None) != _digest(head, arrays):
            raise ValueError("its contents do not have the digest that it names")
        return _model(head, arrays, hashlib.sha256(blob).hexdigest())
    except (LookupError, TypeError, ValueError) as error:
        raise InputError(f"is damaged: {error}") from error


def _opened(blob: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    if len(blob) > MAX_BYTES:
        raise InputError(f"has {len(blob)} bytes, at most {MAX_BYTES} are read")
    try:
        with zipfile.ZipFile(io.BytesIO(blob)) as packed:
            size = sum(part.file_size for part in packed.infolist())
        if size > MAX_BYTES:
            raise InputError(f"holds {size} bytes, at most {MAX_BYTES} are read")
        with np.load(io.BytesIO(blob), allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
        head = json.loads(arrays.pop("head").tobytes(), parse_constant=_finite, parse_float=_finite)
    except InputError:
        raise
    except Exception as error:  # each way of packing has its own, and numpy and json have more
        raise InputError("is no model, or damaged: it cannot be unpacked") from error
    if not isinstance(head, dict):
        raise InputError("is no model of Forewarn's")
    return head, arrays


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no number")
    return value


def _model(head: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], digest: str) -> RiskModel:
    metrics, codes, services = (_words(head[name]) for name in ("metrics", "codes", "services"))
    signature, precision, least, most = (arrays[name] for name in _ARRAYS)
    drift = (len(metrics), len(SPANS))
    shapes = ((len(codes), len(metrics)), (len(codes),), drift, drift)
    for name, array, shape in zip(_ARRAYS, (signature, precision, least, most), shapes, strict=True):
        if array.shape != shape or array.dtype != np.float64 or not np.isfinite(array).all():
            raise ValueError(f"{name!r} should hold numbers in the shape {shape}")
    recent, slot_ns = head["recent"], head["slot_ns"]
    if not (type(recent) is int and type(slot_ns) is int and 0 < recent < 10**6 and 0 < slot_ns < 10**18):
        raise ValueError("its horizon is none")
    _check_facts(head["facts"])
    words = Vocabulary(metrics, codes, services, signature, precision, recent)
    parts = under(arrays, "trees/")
    trees = Trees.of_arrays(parts, len(column_names(words)))
    return RiskModel(words, trees, slot_ns, least, most, head["facts"], digest)


def _check_facts(facts: object) -> None:
    """Whether what people are shown of them is what it should be, as far as it is there."""
    if not isinstance(facts, dict):
        raise TypeError("'facts' should be an object")
    for name, numbers in _FACTS.items():
        said = facts.get(name, {})
        if not isinstance(said, dict) or not all(isinstance(said.get(one, 0), int | float) for one in numbers):
            raise ValueError(f"the fact {name!r} should hold the numbers {', '.join(numbers)}")
    learned = facts.get("trained_on", {})
    if not isinstance(learned.get("devices", []), list):
        raise TypeError("the fact 'devices' should be a list")
    for name in ("start", "end"):
        parse_time(learned.get(name, "1990-01-01T00:00:00Z"))


def _words(said: object) -> tuple[str, ...]:
    if not isinstance(said, list) or len(said) > MAX_WORDS or not all(isinstance(word, str) for word in said):
        raise ValueError("its vocabulary is none")
    if len(set(said)) < len(said):
        raise ValueError("its vocabulary names something twice")
    return tuple(said)


def _text(head: Mapping[str, Any]) -> bytes:
    return json.dumps(head, sort_keys=True, ensure_ascii=False).encode()


def _digest(head: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(_text(head))
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
