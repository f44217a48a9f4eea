"""Alerts from a trained model: when the probability of a failure is worth one, and why, in both languages.

Pure, on event time. Instants at which nothing is to be said are passed over as arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from alerts.alert import Kind, Severity
from alerts.book import WHOLE_DEVICE, AlarmBook, Subject
from alerts.budget import Budget
from alerts.explain import explain_risk
from alerts.operating import CALM, HELD, Point, best, proven
from alerts.policies.severity import severity_for
from ingest.errors import InputError
from ingest.reading import NS_PER_SECOND
from ingest.registry import Registry
from models.supervised.artefact import decode
from models.supervised.model import RiskModel
from models.supervised.reasons import Reasons, reasons
from models.supervised.scorer import Risks
from models.supervised.slots import NEVER

CODES_TOLD = 3


class CurveError(ValueError):
    """A model whose header holds no curve of thresholds."""


def points_of(model: RiskModel) -> list[Point]:
    """The model's curve of thresholds. Raises CurveError."""
    try:
        points = [Point.of_plain(one) for one in model.facts["curve"]]
    except (LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise CurveError("it holds no curve of thresholds") from error
    if not points or not all(0 < point.threshold < 1 for point in points):
        raise CurveError("its curve of thresholds is empty or holds what is no probability")
    return points


def read_bytes(blob: bytes) -> RiskModel:
    """A model that can raise alerts, read with every check. Raises InputError in one line if these bytes hold none."""
    model = decode(blob)
    try:
        points_of(model)
    except CurveError as error:
        raise InputError(str(error)) from error
    return model


class RiskPolicy:
    """Opens an alert on a device when a model's probability reaches the threshold that follows from the budget."""

    def __init__(self, registry: Registry, book: AlarmBook, model: RiskModel, budget: Budget) -> None:
        self._registry, self._book, self.model = registry, book, model
        self.point = best(points_of(model), budget)
        self.proven = proven(self.point, budget)
        self._calm_ns = CALM * model.slot_ns
        self._last_held: dict[int, int] = {}

    def decide(self, risks: Risks) -> None:
        """Look at the instants that reach the threshold, and at all on devices with an open alert."""
        over = risks.probability >= self.point.threshold
        device = risks.instants.device
        concerned = np.union1d(device[over], list(self._book.by_device(Kind.FAILURE_RISK)))
        for i in np.flatnonzero(np.isin(device, concerned)).tolist():
            self._one(i, risks)

    def _one(self, i: int, risks: Risks) -> None:
        row, device, at = (int(getattr(risks.instants, name)[i]) for name in ("row", "device", "time"))
        probability = float(risks.probability[i])
        subject: Subject = (Kind.FAILURE_RISK, device, WHOLE_DEVICE)
        held = probability >= HELD * self.point.threshold
        if subject not in self._book.open:
            if probability >= self.point.threshold and not self._registry.device(device).retired:
                self._open(i, risks, subject)
                self._last_held[device] = at
        elif held:
            self._book.confirm(row, subject, at, probability)
            self._last_held[device] = at
        elif at - self._last_held.setdefault(device, at) >= self._calm_ns:
            self._book.return_(row, subject, at)
            del self._last_held[device]

    def _open(self, i: int, risks: Risks, subject: Subject) -> None:
        known = self._registry.device(subject[1])
        instants, why = risks.instants, reasons(risks, i)
        at = int(instants.time[i])
        facts = _facts(risks, i, why, self.model, self._unit(subject[1], risks, why))
        onset = min(int(facts[name] or at) for name in ("since", "code_at"))
        self._book.raise_(
            int(instants.row[i]),
            subject,
            (known.site, known.name, None),
            severity_for(known.criticality, Severity.HIGH),
            min(onset, at),
            at,
            float(risks.probability[i]),
            explain_risk(facts),
            facts,
        )

    def _unit(self, device: int, risks: Risks, why: Reasons) -> str | None:
        if not why.metrics:
            return None
        known, metric = self._registry.device(device), risks.model.words.metrics[why.metrics[0].place]
        series = self._registry.find(known.site, known.name, metric)
        return None if series is None else self._registry.metric(series).unit

    def forget(self, device: int) -> None:
        """Judge a device as if it had never been in danger."""
        self._last_held.pop(device, None)

    def save(self) -> list[tuple[int, int]]:
        """(device number, when its alert was last held up) of every device with an open alert."""
        return list(self._last_held.items())

    def restore(self, saved: Sequence[Sequence[int]]) -> None:
        """Take back what `save` gave."""
        self._last_held = {int(device): int(at) for device, at in saved}


def _facts(risks: Risks, i: int, why: Reasons, model: RiskModel, unit: str | None) -> dict[str, Any]:
    instants, at = risks.instants, int(risks.instants.time[i])
    facts: dict[str, Any] = {
        "probability": float(risks.probability[i]),
        "horizon_s": model.horizon_ns / NS_PER_SECOND,
        "model": model.digest[:12],
        "at": at,
        "codes": ", ".join(_code(model.words.codes[code.place]) for code in why.codes[:CODES_TOLD]) or None,
        "code_at": None,
        "metric": None,
        "since": None,
    }
    if why.codes:
        slots = min(float(risks.log.since[i, code.place]) for code in why.codes[:CODES_TOLD])
        facts["code_at"] = at - round(slots * model.slot_ns)
    if why.metrics:
        place = why.metrics[0].place
        since, spread = int(instants.since[i, place]), float(instants.spread[i, place])
        facts |= {
            "metric": model.words.metrics[place],
            "since": None if since == NEVER else since,
            "value": float(instants.level[i, place]),
            "expected": float(instants.mean[i, place]),
            "off": (float(instants.level[i, place]) - float(instants.mean[i, place])) / spread if spread else 0.0,
            "unit": unit,
        }
    return facts


def _code(key: str) -> str:
    """The code of an entry's key; a mark says that it is one."""
    event, _, code = key.partition(":")
    return code if event == "error" else f"{event} {code}".rstrip()
