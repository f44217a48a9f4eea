"""Models as files: the same back, the same bytes, nothing that can run, and one line for what is no model."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forewarn.history.modelfile import read_model, write_model
from ingest.errors import InputError
from models.supervised import artefact
from models.supervised.artefact import decode, encode
from models.supervised.features import LogFacts, Vocabulary, column_names, matrix
from models.supervised.telemetry import SPANS
from tests.small_model import PROVEN, small_model


def arrays_of(blob: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(blob), allow_pickle=False) as found:
        return {name: found[name] for name in found.files}


def packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]  # numpy types the keywords as its own flag
    return buffer.getvalue()


def forged(change: Callable[[dict[str, Any], dict[str, np.ndarray]], None], sign: bool = True) -> bytes:
    """A model that somebody changed, with a digest that is right again."""
    arrays = arrays_of(encode(small_model()))
    head = json.loads(arrays.pop("head").tobytes())
    digest = head.pop("sha256")
    change(head, arrays)
    if sign:
        digest = artefact._digest(head, arrays)
    text = np.frombuffer(artefact._text(head | {"sha256": digest}), np.uint8)
    return packed({"head": text, **arrays})


def said(name: str, value: Any) -> bytes:
    """A model with another fact."""
    return forged(lambda head, _: head["facts"].update({name: value}))


HEADER_OF_NPY = b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (SHAPE)}".ljust(118)


def zipped(method: int, files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, held in files.items():
            archive.writestr(name, held)
    return buffer.getvalue()


def arrays_as_files() -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(encode(small_model()))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def damaged(blob: bytes) -> bytes:
    """With other bytes in the first file of the archive."""
    return blob[:44] + bytes(255 - byte for byte in blob[44:60]) + blob[60:]


def locked(blob: bytes) -> bytes:
    """An archive that says of its first file that it is encrypted."""
    found = bytearray(blob)
    found[6] |= 1
    found[found.index(b"PK\x01\x02") + 8] |= 1
    return bytes(found)


def test_a_model_comes_back_and_says_the_same() -> None:
    made = small_model()
    blob = encode(made)
    back = decode(blob)
    assert encode(back) == blob == encode(small_model())
    assert (back.words.metrics, back.words.codes, back.words.services) == (
        made.words.metrics,
        made.words.codes,
        made.words.services,
    )
    drift, log = np.random.default_rng(0).normal(size=(50, 2, len(SPANS))) * 2, LogFacts.nothing(50, made.words)
    log.since[25:] = 3.0
    told = made.probability(drift, log)
    assert back.probability(drift, log).tolist() == told.tolist()
    assert len(set(told.tolist())) == 2
    assert back.digest != ""


def test_the_columns_have_as_many_names() -> None:
    words = small_model().words
    rows = matrix(np.zeros((3, 2, len(SPANS))), LogFacts.nothing(3, words), words)
    assert rows.shape == (3, len(column_names(words)))
    assert rows.dtype == np.float32
    assert len(set(column_names(words))) == len(column_names(words))


def test_a_device_without_metrics_or_log_still_has_a_row() -> None:
    words = Vocabulary((), (), (), np.zeros((0, 0)), np.zeros(0), 24)
    rows = matrix(np.zeros((2, 0, len(SPANS))), LogFacts.nothing(2, words), words)
    assert rows.shape == (2, len(column_names(words)))


REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "cannot be unpacked"),
    "text": (b"time,device,metric,value\n" * 9, "cannot be unpacked"),
    "a pickle": (pickle.dumps({"format": artefact.FORMAT}), "cannot be unpacked"),
    "another npz": (packed({"head": np.frombuffer(b"{}", np.uint8)}), "no model of Forewarn's"),
    "an npz without a header": (packed({"a": np.zeros(3)}), "cannot be unpacked"),
    "a header that is a list": (packed({"head": np.frombuffer(b"[]", np.uint8)}), "no model of Forewarn's"),
    "of a later release": (forged(lambda head, _: head.update(version=2)), "is of version 2; this release reads"),
    "another digest": (forged(lambda head, _: head.update(recent=48), sign=False), "does not have the digest"),
    "another leaf": (
        forged(lambda _, arrays: arrays["trees/value"].__setitem__(1, 9.0), sign=False),
        "does not have the digest",
    ),
    "an endless tree": (forged(lambda _, a: a["trees/left"].__setitem__(0, 0)), "a tree does not end"),
    "a feature too many": (forged(lambda _, a: a["trees/feature"].__setitem__(0, 999)), "a feature that there is not"),
    "a signature of other metrics": (forged(lambda _, a: a.update(signature=np.zeros((2, 3)))), "'signature'"),
    "no number": (forged(lambda _, a: a["precision"].__setitem__(0, np.nan)), "'precision'"),
    "a metric twice": (forged(lambda head, _: head.update(metrics=["flow", "flow"])), "twice"),
    "words that are numbers": (forged(lambda head, _: head.update(codes=[1])), "vocabulary"),
    "no horizon": (forged(lambda head, _: head.update(recent=0)), "horizon"),
    "no curve": (forged(lambda head, _: head.update(facts={"slot_s": 1})), "no curve of thresholds"),
    "a curve of nothing": (forged(lambda head, _: head.update(facts={"curve": []})), "curve of thresholds is empty"),
    "facts that are a list": (forged(lambda head, _: head.update(facts=[])), "'facts'"),
    "a curve beyond all numbers": (said("curve", [PROVEN | {"device_months": 10**400}]), "no curve of thresholds"),
    "measures that are words": (said("measures", {"warned": "most"}), "fact 'measures' should hold the numbers"),
    "data that are a list": (said("trained_on", []), "fact 'trained_on' should hold the numbers"),
    "devices that are a number": (said("trained_on", {"devices": 7}), "fact 'devices' should be a list"),
    "data of no time": (said("trained_on", {"start": "long ago"}), "long ago"),
    "what is no number": (said("note", float("nan")), "cannot be unpacked"),
    "words that nobody can write": (forged(lambda head, _: head.update(codes=["\\ud800"]), sign=False), "damaged"),
    "no npy": (zipped(zipfile.ZIP_STORED, {"head.npy": b"{}"}), "cannot be unpacked"),
    "more numbers than there is memory": (
        zipped(zipfile.ZIP_STORED, {"head.npy": HEADER_OF_NPY.replace(b"SHAPE", b"%d," % 10**15)}),
        "cannot be unpacked",
    ),
    "a nest without end": (packed({"head": np.frombuffer(b"[" * 200_000, np.uint8)}), "cannot be unpacked"),
    "behind a password": (locked(encode(small_model())), "cannot be unpacked"),
    "more trees than a model has": (
        forged(lambda _, a: a.update({"trees/root": np.zeros(5000, np.int32)})),
        "more than 4096 trees",
    ),
} | {
    f"damaged where it is packed, {method}": (damaged(zipped(method, arrays_as_files())), "cannot be unpacked")
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_model_is_one_line(case: str, tmp_path: Path) -> None:
    blob, message = REFUSED[case]
    path = tmp_path / "pump.model"
    path.write_bytes(blob)
    with pytest.raises(InputError) as error:
        read_model(path)
    assert message in str(error.value).replace("do not have", "does not have")
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_objects_are_never_unpickled() -> None:
    buffer = io.BytesIO()
    arrays = arrays_of(encode(small_model()))
    arrays["precision"] = np.array([_Boom()], dtype=object)
    np.savez(buffer, allow_pickle=True, **arrays)
    with pytest.raises(InputError, match="cannot be unpacked"):
        decode(buffer.getvalue())


class _Boom:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a model ran code when it was read",))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99, 0.9999])
def test_a_file_cut_short_is_refused(share: float) -> None:
    blob = encode(small_model())
    with pytest.raises(InputError):
        decode(blob[: int(share * len(blob))])


def test_a_changed_byte_is_noticed_wherever_it_matters() -> None:
    """Bytes of the archive's own bookkeeping may change without harm; then the model is the same."""
    blob, rng = encode(small_model()), np.random.default_rng(0)
    refused = 0
    for place in rng.integers(0, len(blob), 300).tolist():
        changed = bytearray(blob)
        changed[place] ^= 1 << int(rng.integers(8))
        try:
            back = decode(bytes(changed))
        except InputError:
            refused += 1
        else:
            assert replace(back, digest="").facts == small_model().facts
            assert encode(back) == blob
    assert refused > 150


def test_a_file_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("head.npy", bytes(3_000_000))
    monkeypatch.setattr(artefact, "MAX_BYTES", 1_000_000)
    assert len(buffer.getvalue()) < 100_000
    with pytest.raises(InputError, match="holds 3000000 bytes"):
        decode(buffer.getvalue())


def test_a_model_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "pump.model"
    write_model(path, small_model())
    write_model(path, small_model(note="second"))
    assert read_model(path).facts["note"] == "second"
    assert [file.name for file in tmp_path.iterdir()] == ["pump.model"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere/pump\.model: cannot be written"):
        write_model(tmp_path / "nowhere" / "pump.model", small_model())
