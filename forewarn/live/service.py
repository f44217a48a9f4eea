"""The running service, put together: outputs first, then the stages, then the inputs.

    files, ports, store ─▶ HTTP ─▶ database, registry ─▶ pipeline, recovered ─▶ broker or MQTT client

Where the database is away at the start, the service answers over HTTP, says what is down, and goes on as soon as the
database is there; until then nothing is taken in, so nothing is lost.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from collections.abc import Mapping as Table
from contextlib import ExitStack, suppress
from dataclasses import replace
from zoneinfo import ZoneInfo

import structlog

from alerts.model_store import ModelStore
from alerts.notify.sender import AppriseSender
from alerts.notify.worker import Notifier
from alerts.store import AlertStore
from api.access.links import LinkStore
from api.access.store import AccessStore
from api.app import create_app
from api.board import Board
from api.deps import Deps
from api.hub import Hub
from forewarn.config.configured import adapter_options, calendars, engine_config, notify_config
from forewarn.config.registry_file import fill, read_registry
from forewarn.config.setting_types import is_loopback
from forewarn.config.settings import Settings
from forewarn.database_admin import is_current, upgrade
from forewarn.live.health import Health, reported
from forewarn.live.inputs import make_input
from forewarn.live.metrics import Metrics, NoticeMetrics, RejectMetrics, SpoolMetrics
from forewarn.live.modelwatch import ModelLoader, ModelWatch
from forewarn.live.notebook import Notebook
from forewarn.live.pipeline import Parts, Pipeline
from forewarn.live.replaying import Replaying
from forewarn.live.resources import Resources, opened
from forewarn.live.watch import Watch
from forewarn.live.web import WebServer
from forewarn.versions import installed_version
from ingest.adapters import make_adapters
from ingest.adapters.chain import Adapters
from ingest.adapters.mapping import Mapping
from ingest.database import NOT_CURRENT, is_sqlite
from ingest.decode import Decoder
from ingest.errors import IngestError, RetryableError
from ingest.handover import Handover
from ingest.log_store import LogStore
from ingest.message import LOG
from ingest.receiver import TelemetryResult
from ingest.registry import Registry
from ingest.registry_store import RegistryStore
from workorders.complaints import Complaints
from workorders.desk import Desk
from workorders.findings import FindingStore
from workorders.past import PastStore
from workorders.review import ModelReviews
from workorders.store import OrderStore

DATABASE_AGAIN_S = 2.0
NOTIFIER_STOP_S = 0.3

log = structlog.get_logger(__name__)


class Service:
    """One service over one data folder: `start` it once, `stop` it once."""

    def __init__(self, settings: Settings, clock: Callable[[], int] = time.time_ns) -> None:
        self.settings, self._clock = settings, clock
        self._held = ExitStack()
        self._stopping = threading.Event()
        self._starter = threading.Thread(target=self._wait_for_database, name="start", daemon=True)
        self.registry, self.health = Registry(settings.ingest.max_series), Health()
        self.metrics = Metrics()
        self._handover, self._hub, self._board = Handover(), Hub(), Board()
        self._begun = False

    def start(self) -> None:
        """Start all that can start now. Raises InputError where settings do not allow it."""
        settings = self.settings
        self._entries = read_registry(settings.registry.file) if settings.registry.file else ()
        config = engine_config(settings)
        self._notify, self._calendars = notify_config(settings), calendars(settings)
        held = self._held.enter_context(opened(settings))
        self._input = make_input(settings, self._handover, self._clock, held.spool)
        self._notifier = Notifier(held.database, self._notify, AppriseSender(), self._clock)
        self._adapter_options = adapter_options(settings)
        self._models = ModelStore(held.database)
        self._loader = ModelLoader(self._models, settings.models.suppress_baseline)
        self._desk = Desk(held.database, self.registry, self._notify, self._calendars)
        self.pipeline = Pipeline(self._parts(held), config)
        self._model_watch = ModelWatch(self._loader, self.pipeline.judging.want, self.health)
        self._replays = Replaying(
            self.registry,
            held.rejects,
            held.store,
            self._decoder_for,
            self._clock,
            self.pipeline.receiving.keep,
            self.pipeline.receiving.calls.call,
            self.pipeline.forwarding.calls.call,
            self.metrics.received.inc,
        )
        self._records = RegistryStore(held.database)
        self._watch = Watch(
            self.registry,
            self._records,
            held.database,
            held.store,
            lambda: self.pipeline.forwarding.idle,
            self.health,
            self._look,
            self._model_watch.look,
            self._end_shelves,
            self._notifier.troubled,
        )
        self.metrics.registry.register(SpoolMetrics(held.spool, self._clock))
        self.metrics.registry.register(RejectMetrics(held.rejects))
        self.metrics.registry.register(NoticeMetrics(self._notifier))
        self._database = held.database
        self._web = WebServer(create_app(self._deps(held)), held.listening)
        if is_sqlite(held.database):  # ours: nobody is answered before its tables are there
            with suppress(RetryableError):
                upgrade(held.database)
        self._web.start()
        try:
            self._begin()
        except IngestError as error:
            self.health.note("database", str(error), "start")
            log.warning("the database is not ready, will be tried again", error=str(error))
            self._starter.start()

    def _parts(self, held: Resources) -> Parts:
        settings = self.settings
        adapters = make_adapters(self._adapter_options, self.registry.machine)
        return Parts(
            registry=self.registry,
            handover=self._handover,
            decoder=self._decoder(adapters),
            adapters=adapters,
            spool=held.spool,
            spool_bytes=settings.ingest.spool_size,
            rejects=held.rejects,
            store=held.store,
            desk=self._desk,
            notebook=Notebook(held.database),
            loader=self._loader,
            board=self._board,
            hub=self._hub,
            health=self.health,
            metrics=self.metrics,
            clock=self._clock,
            connected=lambda: self._input.problem is None,
            publish=self._input.publish,
            on_notices=self._notifier.wake,
        )

    def _decoder(self, adapters: Adapters) -> Decoder:
        ingest = self.settings.ingest
        return Decoder(ingest.future, self.settings.engine.live_within, ingest.max_payload, adapters)

    def _decoder_for(self, mappings: Sequence[Mapping]) -> Decoder:
        """A decoder that knows what the running one knows, and these mappings before all others."""
        options = self._adapter_options
        adapters = make_adapters(replace(options, mappings=(*mappings, *options.mappings)), self.registry.machine)
        adapters.restore(self.pipeline.receiving.memory)
        return self._decoder(adapters)

    def _deps(self, held: Resources) -> Deps:
        settings = self.settings
        return Deps(
            registry=self.registry,
            records=self._records,
            board=self._board,
            telemetry=held.store,
            rejects=held.rejects,
            alerts=AlertStore(held.database),
            orders=OrderStore(held.database, self._calendars),
            complaints=Complaints(held.database, self.registry, self._notify, self._notifier.wake),
            findings=FindingStore(held.database),
            past=PastStore(held.database),
            links=LinkStore(held.database),
            access=AccessStore(held.database),
            hub=self._hub,
            submit=self.submit,
            submit_log=self.submit_log,
            log=LogStore(held.database),
            replays=self._replays,
            unshelve=lambda *asked: self.pipeline.announcer.unshelved(self._desk.unshelve(*asked)),
            models=ModelReviews(held.database),
            looking=lambda: self.pipeline.judging.models.digests,
            not_ready=self.not_ready,
            degraded=self.health.degraded,
            metrics=self.metrics.registry,
            clock=self._clock,
            loopback=is_loopback(settings.http.host),
            version=installed_version(),
            zone=ZoneInfo(settings.site.timezone),
            budget=settings.alarms.budget,
            language=settings.ui.language,
            public_url=settings.http.public_url,
            max_body=settings.ingest.max_payload,
        )

    def _begin(self) -> None:
        """Take in readings from now on. Raises RetryableError while the database is away or of an older release."""
        if is_sqlite(self._database):
            upgrade(self._database)
        elif not is_current(self._database):
            raise RetryableError(NOT_CURRENT)
        self._records.load(self.registry)
        fill(self.registry, self._entries)
        self.health.note("database", None, "start")
        self.pipeline.recover()
        self._model_watch.look()
        self.pipeline.start()
        self._notifier.start()
        self._watch.start()
        self._input.start()
        self._begun = True
        http, mqtt, data = self.settings.http, self.settings.mqtt, self.settings.data
        log.info(
            "service started", version=installed_version(), data=str(data.dir), console=http.address, mqtt=mqtt.address
        )

    def _wait_for_database(self) -> None:
        said = self.health.not_ready().get("database", "")
        with reported("service", self.health):
            while not self._stopping.wait(DATABASE_AGAIN_S):
                try:
                    self._begin()
                except IngestError as error:
                    self.health.note("database", str(error), "start")
                    if str(error) != said:
                        said = str(error)
                        log.warning("the database is not ready, will be tried again", error=said)
                else:
                    return

    # -- while it runs ---------------------------------------------------------------------------------------------
    def submit(self, objects: Sequence[object]) -> TelemetryResult:
        """Take canonical objects; returns once they are durable. Raises RetryableError when there is no room."""
        return self.pipeline.submit(objects)

    def submit_log(self, objects: Sequence[object]) -> TelemetryResult:
        """Take log entries, as `submit` does readings."""
        return self.pipeline.submit(objects, LOG)

    def not_ready(self) -> Table[str, str]:
        """The parts that are down and why; empty when all is well."""
        down = dict(self.health.not_ready())
        if not self._begun and not down:
            down["service"] = "is starting"
        if self._begun and self._input.problem is not None:
            down["mqtt"] = self._input.problem
        return down

    def _end_shelves(self) -> None:
        self.pipeline.announcer.unshelved(self._desk.end_shelves(self._clock()))

    def _look(self) -> None:
        self.metrics.up.set(self._input.problem is None)
        self.metrics.handover.set(len(self._handover))
        self.metrics.dropped.set(self._input.dropped)
        self.metrics.series.set(self.registry.n_series)
        self.metrics.degraded.set(len(self.health.degraded()))

    # -- stop ------------------------------------------------------------------------------------------------------
    def stop(self) -> None:
        """Stop, the inputs first; what is in the spool is gone on with after the next start."""
        log.info("service stops")
        self._stopping.set()
        self._hub.close()
        self._web.stop()
        if self._starter.is_alive():
            self._starter.join(1.0)
        if self._begun:
            self._input.pause()
            self.pipeline.stop()
            self._input.stop()
            self._notifier.stop(NOTIFIER_STOP_S)
            self._watch.stop()
        self._web.join()
        self._held.close()
        log.info("service stopped")
