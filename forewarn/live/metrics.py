"""What the service counts about itself, as Prometheus reads it at `/metrics`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from alerts.notify.worker import Notifier
from ingest.errors import IngestError
from ingest.reading import NS_PER_SECOND
from ingest.rejects import Rejects
from ingest.spool import Spool

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Bounds of the buckets of durations."""


class Metrics:
    """The counters of one service; `registry` is what is served."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()

        def counter(name: str, text: str) -> Counter:
            return Counter(f"forewarn_{name}", text, registry=registry)

        def seconds(name: str, text: str) -> Histogram:
            return Histogram(f"forewarn_{name}_seconds", text, registry=registry, buckets=SECONDS)

        self.messages = counter("messages_received", "Messages received, over MQTT and HTTP")
        self.received = counter("readings_received", "Readings received and durable")
        self.judged = counter("readings_judged", "Readings judged by the engine")
        self.stored = counter("readings_stored", "Readings confirmed by the store")
        self.rejected = counter("readings_rejected", "Values and objects that could not be taken")
        self.refused = counter("points_refused", "Readings and scores that the store refused for good")
        self.duplicate = counter("readings_duplicate", "Readings dropped because they came before")
        self.late = counter("readings_late", "Readings stored but not judged, as newer ones had been judged")
        self.conflict = counter("readings_conflict", "Readings with the time of another one but another value")
        self.clock_off = counter("readings_clock_off", "Readings whose stamp is more than 5 minutes from their arrival")
        self.alerts = counter("alerts_opened", "Alerts opened")
        self.orders = counter("work_orders_opened", "Work orders opened")
        self.checkpoints = counter("checkpoints", "Checkpoints of the engine saved")
        self.ack_seconds = seconds("ack", "From the arrival of a message to its acknowledgement")
        self.judge_seconds = seconds("judge", "From the arrival of a reading to its judgement and its alerts recorded")
        self.write_seconds = seconds("store_write", "Duration of one write to the store")
        self.checkpoint_seconds = seconds("checkpoint", "Duration of one checkpoint")
        self.handover = Gauge("forewarn_handover_messages", "Messages received and not yet durable", registry=registry)
        self.dropped = Gauge(
            "forewarn_messages_dropped", "Messages without QoS that found no room, since the start", registry=registry
        )
        self.series = Gauge("forewarn_series", "Series that are known", registry=registry)
        self.up = Gauge("forewarn_mqtt_connected", "1 while messages can come in over MQTT", registry=registry)
        less = "Parts that do less than they should while readings are judged"
        self.degraded = Gauge("forewarn_degraded_parts", less, registry=registry)


class SpoolMetrics(Collector):
    """How much waits in the spool, asked when the metrics are read."""

    def __init__(self, spool: Spool, clock: Callable[[], int]) -> None:
        self._spool, self._clock = spool, clock

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges, none while the spool cannot be read."""
        try:
            depth = self._spool.depth()
        except IngestError:
            return
        age_s = 0.0 if depth.oldest_at is None else max(0, self._clock() - depth.oldest_at) / NS_PER_SECOND
        yield GaugeMetricFamily("forewarn_spool_entries", "Micro-batches in the spool", depth.entries)
        yield GaugeMetricFamily(
            "forewarn_spool_unstored_entries", "Micro-batches that the store has not confirmed", depth.unstored
        )
        yield GaugeMetricFamily("forewarn_spool_readings", "Readings in the spool", depth.rows)
        yield GaugeMetricFamily("forewarn_spool_bytes", "Size of the spool in bytes", depth.size_bytes)
        yield GaugeMetricFamily("forewarn_spool_oldest_seconds", "Age of the oldest entry of the spool", age_s)


class RejectMetrics(Collector):
    """How much lies in the list of rejects, asked when the metrics are read."""

    def __init__(self, rejects: Rejects) -> None:
        self._rejects = rejects

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauge, none while the list cannot be read."""
        try:
            kept = self._rejects.count().kept
        except IngestError:
            return
        yield GaugeMetricFamily("forewarn_rejects", "Unreadable payloads and refused points in the list", kept)


class NoticeMetrics(Collector):
    """How sending notifications goes, asked when the metrics are read."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges, none while the database is away."""
        try:
            status = self._notifier.status()
        except IngestError:
            return
        states = GaugeMetricFamily("forewarn_notices", "Notifications by what became of them", labels=["state"])
        for state, number in status.counts.items():
            states.add_metric([state], number)
        yield states
        yield GaugeMetricFamily(
            "forewarn_notices_retrying", "Notifications that failed and are retried", status.retrying
        )
        yield GaugeMetricFamily(
            "forewarn_notices_failed", "Notifications given up in the last 24 h", status.failed_lately
        )
