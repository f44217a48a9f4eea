"""Throws bad payloads at every adapter for as long as it is told to, and watches the memory.

    forewarn bench fuzz_adapters [--minutes N] [--engine atheris|random] [--examples DIR] [--only FORMAT…] [--seed N]

`atheris`, a coverage-guided fuzzer (dependency group `fuzz`; the default where it is installed), finds its own way
from the golden examples; `random` changes them at random. A crash, a hang, an impossible result or growing memory
ends the run and shows the payload.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from ingest.errors import InputError

if TYPE_CHECKING:
    from ingest.decode import Decoder
    from ingest.message import Message

NOW = 1_764_000_600 * 10**9
FUTURE = timedelta(hours=24)
LATEST = NOW + round(FUTURE.total_seconds()) * 10**9 + 10**12
MAX_PAYLOAD = 1 << 20
RESTART_EVERY = 20_000
"""Inputs after which the adapters are saved and restored, as by a restart of the service."""
WARM_UP = 0.3
"""Share of the run after which memory should not grow any more."""
ALLOWED_GROWTH = 64 << 20
SLOWEST_S = 5.0


def main(arguments: Sequence[str]) -> int:
    """Run until the time is over; 0 if nothing was found."""
    parser = argparse.ArgumentParser(prog="forewarn bench fuzz_adapters", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--engine", choices=["atheris", "random"])
    parser.add_argument("--examples", type=Path, default=Path("tests/ingest/examples"))
    parser.add_argument("--only", nargs="+", default=["*"], metavar="FORMAT", help="folders of examples to begin with")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    if not asked.examples.is_dir():
        raise InputError(f"{asked.examples}: no such folder; run it in a source tree, or name one with --examples")
    engine = asked.engine or ("atheris" if importlib.util.find_spec("atheris") else "random")
    run = _with_atheris if engine == "atheris" else _at_random
    cases = sorted(path for name in asked.only for path in asked.examples.glob(f"{name}/*") if path.is_dir())
    if not cases:
        raise InputError(f"--only {' '.join(asked.only)}: no examples in {asked.examples}")
    return run(cases, asked.minutes * 60, asked.seed)


class Complaint(Exception):  # noqa: N818  what the fuzzer shows
    """An adapter did what it must not."""


class Target:
    """A decoder that is fed and watched."""

    def __init__(self, seconds: float) -> None:
        self._began, self._seconds = time.monotonic(), seconds
        self._settled: int | None = None
        self.inputs = self.rejected = self.readings = 0
        self._decoder = self._fresh(None)

    def _fresh(self, saved: bytes | None) -> Decoder:
        from ingest.adapters import make_adapters
        from ingest.adapters.mapping import parse_mappings
        from ingest.adapters.options import Options
        from ingest.decode import Decoder

        mappings = parse_mappings({"mapping": [
            {"topic": "factory/{site}/{x}/state", "site": "{site}", "device": "{x}", "items": "$.a", "time": "@.t",
             "value": [{"metric": "@.n", "value": "@.v", "unit": "@.u"}, {"value": "@.all.*"}]},
            {"topic": "plain/{x+}", "device": "{x}", "payload": "number", "value": [{"metric": "m"}]},
        ]}, "fuzz")  # fmt: skip
        self._adapters = make_adapters(Options(mappings=mappings))
        if saved is not None:
            self._adapters.restore(saved)
        return Decoder(FUTURE, timedelta(hours=1), MAX_PAYLOAD, self._adapters)

    def feed(self, messages: list[Message]) -> None:
        """Decode them. Raises Complaint."""
        from benchmarks._mutation import complaint

        began = time.process_time()
        decoded = self._decoder.decode(messages)
        took = time.process_time() - began
        problem = complaint(decoded, LATEST) or (f"{took:.1f} s for one input" if took > SLOWEST_S else None)
        if problem:
            shown = [(message.topic, message.payload.hex()) for message in messages]
            raise Complaint(f"{problem}: {shown}")
        self.inputs += 1
        self.readings += len(decoded)
        self.rejected += len(decoded.problems)
        if self.inputs % RESTART_EVERY == 0:
            self._decoder = self._fresh(self._adapters.save())
            self._watch()

    def _watch(self) -> None:
        """Raises Complaint if the memory grows though everything has been seen."""
        used = _memory()
        if time.monotonic() - self._began < WARM_UP * self._seconds:
            return
        self._settled = used if self._settled is None else min(self._settled, used)
        if used - self._settled > ALLOWED_GROWTH:
            raise Complaint(f"memory grew from {self._settled >> 20} to {used >> 20} MiB")

    def report(self) -> None:
        """Say what was done."""
        print(
            f"{self.inputs} inputs in {time.monotonic() - self._began:.0f} s: {self.readings} readings taken,"
            f" {self.rejected} parts rejected, {_memory() >> 20} MiB in use, nothing found"
        )


def _memory() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _seeds(cases: Sequence[Path]) -> Iterator[list[tuple[str, bytes]]]:
    """(topic, payload) of the messages of each golden example."""
    for case in cases:
        if (case / "messages.json").exists():
            listed = json.loads((case / "messages.json").read_text("utf-8"))
            yield [(said["topic"], _payload(said)) for said in listed]
            continue
        [path] = case.glob("input.*")
        payload = bytes.fromhex(path.read_text("ascii")) if path.suffix == ".hex" else path.read_bytes()
        yield [((case / "topic").read_text("utf-8").removesuffix("\n"), payload)]


def _payload(said: dict[str, Any]) -> bytes:
    from benchmarks._mutation import sparkplug_payload

    if "sparkplug" in said:
        return sparkplug_payload(said["sparkplug"])
    if "hex" in said:
        return bytes.fromhex(said["hex"])
    return json.dumps(said["json"]).encode() if "json" in said else str(said["text"]).encode()


def _at_random(cases: Sequence[Path], seconds: float, seed: int) -> int:
    from benchmarks._mutation import mutate
    from ingest.message import Message

    seeds, rng, target = list(_seeds(cases)), Random(seed), Target(seconds)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        messages = [Message(topic, payload, NOW) for topic, payload in rng.choice(seeds)]
        target.feed([mutate(message, rng) for message in messages])
    target.report()
    return 0


def _with_atheris(cases: Sequence[Path], seconds: float, seed: int) -> int:
    """Let atheris choose: the first two bytes of an input name the topic, the rest is the payload."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["ingest.adapters", "ingest.payload", "ingest.decode"]):
        from ingest.adapters import make_adapters
        from ingest.message import Message

        make_adapters().route("forewarn/v1/a/b/telemetry")
    seeds = list(_seeds(cases))
    topics = sorted({topic for messages in seeds for topic, _ in messages})
    target = Target(seconds)

    def one_input(data: bytes) -> None:
        topic = topics[int.from_bytes(data[:2], "little") % len(topics)]
        target.feed([Message(topic, data[2:], NOW)])
        if time.monotonic() > end:
            target.report()
            sys.stdout.flush()
            shutil.rmtree(folder, ignore_errors=True)
            os._exit(0)  # libFuzzer would end the process itself, without a word of ours

    with tempfile.TemporaryDirectory(prefix="forewarn-fuzz-") as folder:
        for number, (topic, payload) in enumerate(pair for messages in seeds for pair in messages):
            (Path(folder) / f"{number:04}").write_bytes(topics.index(topic).to_bytes(2, "little") + payload)
        end = time.monotonic() + seconds
        flags = [
            f"-seed={seed or 1}",
            "-max_len=4096",
            f"-timeout={round(2 * SLOWEST_S)}",
            f"-artifact_prefix={folder}/",
            "-verbosity=0",
        ]
        atheris.Setup(["forewarn-bench", folder, *flags, f"-max_total_time={round(seconds)}"], one_input)
        atheris.Fuzz()
    return 0
