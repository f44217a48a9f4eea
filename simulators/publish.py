"""Plays a scenario to a broker, at any speed, each device with its own session and will, or through one gateway.

Only here does virtual time meet a clock: a message sent at virtual time T leaves at begin + (T - begin) / speed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from simulators.blocks import Block
from simulators.bulk import BulkSessions
from simulators.csvfile import Progress, write_answers
from simulators.duration import NS
from simulators.errors import SimulatorError
from simulators.limits import allow_files
from simulators.messages import (
    Message,
    announcements,
    device_messages,
    encoder_of,
    gateway_messages,
    history_messages,
    wave_messages,
)
from simulators.payloads.canonical import Canonical
from simulators.payloads.encoder import Commanded, Encoder, Outgoing
from simulators.payloads.flashed import Flashed
from simulators.registry import write_registry
from simulators.scenario import Scenario
from simulators.sessions import LAST_WORDS_S, Broker, Identity, Sessions
from simulators.simulation import Simulation

MAX = float("inf")
"""Speed `max`: as fast as the broker takes it."""
BY_SESSION = "thingsboard"
"""A format whose devices are known by the user name of their session."""
OWN_SESSIONS = 1000
"""Up to that many devices have a session each by default; more share one gateway."""
PER_DRAW_S = 1.0
"""Wall-clock seconds of readings made ahead at a time."""


@dataclass(frozen=True, slots=True)
class Played:
    """What went out."""

    messages: int
    readings: int
    reconnects: int
    begin: int
    end: int
    """Virtual time that was played, ns UTC."""


def simulate_to_mqtt(
    scenario: Scenario,
    url: str,
    *,
    seed: int = 0,
    start: int | None = None,
    speed: float = 1.0,
    until: int | None = None,
    truth: Path | None = None,
    expected: Path | None = None,
    registry: Path | None = None,
    clients: int | None = None,
    qos: int = 1,
    stop: threading.Event | None = None,
    progress: Progress | None = None,
) -> Played:
    """Play a scenario to the broker at `url`, its history first; ends at `until`, or when `stop` is set.

    The registry is written before. Without `start`, it begins so that no stamp lies in the future when the last message
    leaves.
    """
    stop = stop or threading.Event()
    sim = Simulation(scenario, seed, _latest_start(scenario, speed) if start is None else start)
    if registry is not None:
        write_registry(sim, registry)
    played = publish(sim, url, speed=speed, until=until, clients=clients, qos=qos, stop=stop, progress=progress)
    write_answers(sim, truth, expected, played.end)
    return played


def publish(
    sim: Simulation,
    url: str,
    *,
    speed: float = 1.0,
    until: int | None = None,
    history: bool = True,
    since: int | None = None,
    ahead: int = 0,
    clients: int | None = None,
    qos: int = 1,
    stop: threading.Event | None = None,
    progress: Progress | None = None,
) -> Played:
    """Publish a simulation; `clients` 1 is a gateway, more gives each device its session.

    Without `clients` there are sessions for up to OWN_SESSIONS devices, but as fast as possible a gateway, where the
    formats allow one: sessions that nobody paces come hours of virtual time apart, and who lags by so much is silent.

    `since` (ns UTC) leaves out the part of the history before it, which somebody has published already. `ahead` (ns) is
    added to every stamp: a scenario is the same at the same virtual time, whenever it is published.

    Raises SimulatorError if the broker is away, refuses, or stops acknowledging.
    """
    stop = stop or threading.Event()
    broker = Broker.of(url)
    own = _has_sessions(sim, speed) if clients is None else clients > 1
    encoders = [encoder_of(sim, placed) for placed in sim.devices]
    identities = _identities(sim, encoders, own)
    fast = speed == MAX and not broker.tls
    sessions = BulkSessions(broker, identities) if fast else Sessions(broker, identities)
    run = _Run(sim, sessions, encoders, own, qos, ahead, stop, progress)
    end = sim.end if until is None else until
    try:
        if own:
            allow_files(len(sim.devices) + 64)
        run.sessions.connect(stop.is_set)
        reached = sim.history_start
        if not stop.is_set():
            run.say_online()
            if history and sim.history_start < sim.start:
                run.play_history(since)
            reached = run.play(sim.start, end, speed)
        run.finish()
        run.say_offline()
        run.finish()
    finally:
        run.sessions.close()
    return Played(run.messages, run.readings, run.sessions.reconnects, sim.history_start, reached)


class _Run:
    """One publication on its way."""

    def __init__(
        self,
        sim: Simulation,
        sessions: Sessions | BulkSessions,
        encoders: Sequence[Encoder],
        own: bool,
        qos: int,
        ahead: int,
        stop: threading.Event,
        progress: Progress | None,
    ) -> None:
        self.sim, self.sessions, self.own, self.qos, self.stop = sim, sessions, own, qos, stop
        self.ahead = ahead
        self.encoders = encoders
        self.progress = progress or (lambda _share: None)
        self.messages = self.readings = 0
        self._away: set[int] = set()
        """Devices whose session is broken."""
        self._commanded = {one.commands(): n for n, one in enumerate(encoders) if isinstance(one, Commanded)}

    def say_online(self) -> None:
        self._say(0, announcements(self.sim))
        for number in range(len(self.sim.devices)):
            self._hello(number, self.sim.start)

    def say_offline(self) -> None:
        """Tell it ourselves: a session that ends politely sends no will."""
        for number, encoder in enumerate(self.encoders):
            self._say(number, encoder.goodbye(self.sim.end + self.ahead))

    def finish(self) -> None:
        """Wait for what is on its way; a moment only if somebody asked for the end."""
        if self.stop.is_set():
            self.sessions.finish(LAST_WORDS_S)
        else:
            self.sessions.drain()

    def play_history(self, since: int | None) -> None:
        """The time before the start, as a backlog is sent: as fast as it is taken, in batches where there are some."""
        begin = self.sim.history_start if since is None else since
        for block in self.sim.blocks(begin, self.sim.start):
            for message in history_messages(self.sim, self._stamped(block), self.encoders):
                if self.stop.is_set():
                    return
                self._send(message)
        self.sessions.drain(120.0)

    def play(self, begin: int, end: int, speed: float) -> int:
        """The time from `begin` to `end`; returns how far it came."""
        begun = time.monotonic()
        for opens, closes in self.sim.windows(begin, end, self._batch(speed)):
            for message, online in self._merged(opens, closes):
                if not self._wait_until(begun + (message.sent - begin) / NS / speed):
                    return message.sent
                self._answer(message.sent)
                if online is None:
                    self._send(message)
                else:
                    self._change_session(message.device, online, message.sent)
            self.progress((closes - begin) / (end - begin))
        if speed != MAX and not self._wait_until(begun + (end - begin) / NS / speed):
            return self.sim.start
        return end

    def _answer(self, at: int) -> None:
        """Do what devices were told to do meanwhile."""
        while self.sessions.heard:
            topic, command = self.sessions.heard.popleft()
            number = self._commanded.get(topic)
            encoder = None if number is None else self.encoders[number]
            if number is not None and isinstance(encoder, Commanded):
                self._say(number, encoder.answer(command, at + self.ahead))

    def _batch(self, speed: float) -> int | None:
        return None if speed == MAX else max(int(PER_DRAW_S * speed * NS), NS)

    def _merged(self, opens: int, closes: int) -> Iterator[tuple[Message, bool | None]]:
        """Telemetry and comings and goings of sessions, by moment."""
        block = self._stamped(self.sim.block(opens, closes))
        if self.own or not all(isinstance(encoder, Canonical) for encoder in self.encoders):
            messages = device_messages(self.sim, block, self.encoders)
        else:
            messages = gateway_messages(self.sim, block)
        found: list[tuple[Message, bool | None]] = [(message, None) for message in messages]
        found += [(message, None) for message in wave_messages(self.sim, opens, closes, self.encoders)]
        for number, placed in enumerate(self.sim.devices):
            if placed.device.lies:
                changes = placed.device.sessions(opens, closes)
                found += [(Message(at, number, "", b"", 0), online) for at, online in changes]
        return iter(sorted(found, key=lambda one: one[0].sent))

    def _stamped(self, block: Block) -> Block:
        return replace(block, time=block.time + self.ahead) if self.ahead else block

    def _wait_until(self, due: float) -> bool:
        while (left := due - time.monotonic()) > 0:
            if self.stop.is_set():
                return False
            self.sessions.service(min(left, 0.1))
        return not self.stop.is_set()

    def _send(self, message: Message) -> None:
        qos = self.qos if message.qos is None else message.qos
        self.sessions.publish(message.device if self.own else 0, message.topic, message.payload, qos, message.retain)
        self.messages += 1
        self.readings += message.readings

    def _change_session(self, number: int, online: bool, at: int) -> None:
        """A session that breaks lets the broker send the will; one that is back says so."""
        if online != (number in self._away):
            return
        self._away ^= {number}
        if not self.own:
            stamp, encoder = at + self.ahead, self.encoders[number]
            self._say(number, encoder.hello(stamp) if online else encoder.goodbye(stamp))
        elif online:
            self._boot(number, at)
            self.sessions.come_back(number)
            self.sessions.wait_for(number)  # what is said with QoS 0 would be lost before
            self._hello(number, at)
        else:
            self.sessions.break_off(number)

    def _boot(self, number: int, at: int) -> None:
        """New firmware has another will from its first session on."""
        encoder = self.encoders[number]
        if isinstance(encoder, Flashed):
            encoder.boot(at + self.ahead)
            self.sessions.next_will(number, encoder.will())

    def _hello(self, number: int, at: int) -> None:
        """Announce a device; the will of its next session may differ from that of this one."""
        self._say(number, self.encoders[number].hello(at + self.ahead))
        if self.own:
            self.sessions.next_will(number, self.encoders[number].will())

    def _say(self, number: int, words: Iterable[Outgoing]) -> None:
        for word in words:
            qos = 1 if word.qos is None else word.qos
            self.sessions.publish(number if self.own else 0, word.topic, word.payload, qos, word.retain)


def _has_sessions(sim: Simulation, speed: float) -> bool:
    """Whether each device has a session of its own where nobody asks: not too many, and in step or for its format."""
    in_step = speed != MAX or any(placed.spec.format == BY_SESSION for placed in sim.devices)
    return in_step and len(sim.devices) <= OWN_SESSIONS


def _identities(sim: Simulation, encoders: Sequence[Encoder], own: bool) -> list[Identity]:
    if not own:
        return [Identity(f"sim-gateway-{sim.scenario.name}-{sim.seed}", listens=_listens(encoders))]
    return [
        Identity(
            f"sim-{placed.site}-{placed.device.name}",
            encoder.will(),
            placed.device.name if placed.spec.format == BY_SESSION else None,
            _listens([encoder]),
        )
        for placed, encoder in zip(sim.devices, encoders, strict=True)
    ]


def _listens(encoders: Sequence[Encoder]) -> tuple[str, ...]:
    return tuple(one.commands() for one in encoders if isinstance(one, Commanded))


def _latest_start(scenario: Scenario, speed: float) -> int:
    """So early that the end, played at that speed from now on, is not in the future."""
    span = scenario.spec.timeline.span
    ahead = span if speed == MAX else max(0, round(span * (1.0 - 1.0 / speed)))
    return (time.time_ns() - ahead) // NS * NS


def parse_speed(text: str) -> float:
    """`max` or a number above 0, as `--speed` takes them. Raises SimulatorError on anything else."""
    if text == "max":
        return MAX
    try:
        speed = float(text)
    except ValueError:
        speed = -1.0
    if not 0 < speed < MAX:
        raise SimulatorError(f"--speed {text!r}: give a number above 0, or max")
    return speed
