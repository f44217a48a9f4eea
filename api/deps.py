"""What the API needs from the rest, each as the least that will do; `forewarn.live.service` hands in the real parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from prometheus_client import CollectorRegistry

from alerts.budget import Budget
from alerts.store import AlertStore
from api.access.links import LinkStore
from api.access.principal import Principal
from api.access.store import AccessStore
from api.board import Board
from api.hub import Hub
from api.recall import Recall
from ingest.adapters.mapping import Mapping as PayloadMapping
from ingest.log_store import LogStore
from ingest.registry import Registry
from ingest.registry_store import RegistryStore
from ingest.rejects import Rejects
from ingest.rereading import Attempt, Replayed
from ingest.stores.store import TelemetryStore
from workorders.complaints import Complaints
from workorders.findings import FindingStore
from workorders.past import PastStore
from workorders.review import ModelReviews
from workorders.store import OrderStore


class Rejection(Protocol):
    """One value of a telemetry request that was not taken."""

    @property
    def index(self) -> int: ...
    @property
    def metric(self) -> str | None: ...
    @property
    def reason(self) -> str: ...


class TelemetryResult(Protocol):
    """What became of the readings of a telemetry request."""

    @property
    def accepted(self) -> int:
        """How many readings are durable now."""
        ...

    @property
    def rejected(self) -> Sequence[Rejection]:
        """What was not taken, and why."""
        ...


Submit = Callable[[Sequence[object]], TelemetryResult]
"""Takes canonical objects and returns once their readings are durable. Raises RetryableError when there is no room."""


class Replays(Protocol):
    """Reads rejects once more."""

    def attempt(self, numbers: Sequence[int], mappings: Sequence[PayloadMapping], most_rows: int) -> Sequence[Attempt]:
        """What they would give, at most `most_rows` rows of each; changes nothing."""
        ...

    def replay(self, numbers: Sequence[int], mappings: Sequence[PayloadMapping]) -> Sequence[Replayed]:
        """Take what can be taken; returns once it is durable. Raises RetryableError when there is no room."""
        ...


@dataclass(frozen=True)
class Deps:
    """Everything the API works with."""

    registry: Registry
    records: RegistryStore
    board: Board
    telemetry: TelemetryStore
    rejects: Rejects
    alerts: AlertStore
    orders: OrderStore
    complaints: Complaints
    links: LinkStore
    findings: FindingStore
    past: PastStore
    access: AccessStore
    hub: Hub
    submit: Submit
    submit_log: Submit
    """The same for log entries."""
    log: LogStore
    replays: Replays
    unshelve: Callable[[str, str, int, str], None]
    """Ends a shelf: id of the alert, who, when and a note. Raises NotFoundError, or WrongStateError."""
    models: ModelReviews
    looking: Callable[[], tuple[str | None, str | None]]
    """Digests of the active model and the shadow that the engine judges by at this moment."""
    not_ready: Callable[[], Mapping[str, str]]
    """The parts that are down and why; empty when all is well."""
    degraded: Callable[[], Mapping[str, str]]
    """The parts that do less than they should, while readings are taken in and judged, and why."""
    metrics: CollectorRegistry
    clock: Callable[[], int]
    """Now, ns UTC."""
    loopback: bool
    """Whether `http.host` is a loopback address."""
    version: str
    zone: ZoneInfo
    """`site.timezone`."""
    budget: Budget
    """`alarms.budget`."""
    language: str | None = None
    """`ui.language`."""
    public_url: str | None = None
    """`http.public_url`."""
    max_body: int = 8 * 2**20
    """The largest body of a telemetry request, in bytes."""


async def _deps(request: Request) -> Deps:
    found: Deps = request.app.state.deps
    return found


async def _principal(request: Request) -> Principal:
    found: Principal = request.state.principal
    return found


def _recall(request: Request) -> None:
    """Before a page or resource shows what was last heard."""
    found: Recall = request.app.state.recall
    found.go_on()


Parts = Annotated[Deps, Depends(_deps)]
Who = Annotated[Principal, Depends(_principal)]
"""In whose name a request acts, as `Entrance` found out."""
RECALLED = Depends(_recall)
"""For routes that show what was last heard of devices."""
