"""Trained models beside the detectors: the active one raises alerts and speaks for devices, a shadow only takes notes.

readings, log entries ─▶ RiskScorer ─▶ active model ─▶ RiskPolicy ─▶ the engine's alarm book
                                │            └─▶ turns ─▶ Takeover ◀─ alert events of all kinds
                                └─▶ shadow model ─▶ RiskPolicy ─▶ a book of its own
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alerts.alert import AlertEvent, Kind
from alerts.book import AlarmBook
from alerts.budget import Budget
from alerts.policies.risk import RiskPolicy
from alerts.takeover import Takeover, Turn
from ingest.reading import ReadingBatch
from ingest.registry import DeviceKey, Registry
from models.supervised.eventlog import Logged
from models.supervised.model import RiskModel
from models.supervised.scorer import Risks, RiskScorer


@dataclass(frozen=True, slots=True)
class Models:
    """Which trained models look at the readings."""

    active: RiskModel | None = None
    shadow: RiskModel | None = None
    """Judges beside the active one; nobody is told what it would raise."""
    speaks: bool = True
    """Whether a proven active model speaks for the devices that it knows, so that baseline alerts are held back."""

    @property
    def digests(self) -> tuple[str | None, str | None]:
        """The active one's and the shadow's."""
        return (
            None if self.active is None else self.active.digest,
            None if self.shadow is None else self.shadow.digest,
        )


class RiskWatch:
    """What the engine knows of trained models."""

    def __init__(self, registry: Registry, book: AlarmBook, budget: Budget, models: Models) -> None:
        self._registry, self._book, self._budget = registry, book, budget
        self._scorer = RiskScorer(registry)
        self._shadow_book = AlarmBook()
        self._takeover = Takeover()
        self._silenced: set[DeviceKey] = set()
        self.looked_at: int | None = None
        """Event time (ns UTC) of the first instant of the last batch that the shadow judged; None if it judged none."""
        self.use(models)

    def use(self, models: Models) -> None:
        """Let these models look from now on; what is known of the devices stays, and so do their open alerts."""
        self.models = models
        self._scorer.use([model for model in (models.active, models.shadow) if model is not None])
        self._active = self._policy(self._book, models.active)
        self._shadow = self._policy(self._shadow_book, models.shadow)
        self._shadow_book.forget(())
        self._silenced = set() if self._speaks else set(self._takeover.devices)

    def _policy(self, book: AlarmBook, model: RiskModel | None) -> RiskPolicy | None:
        return None if model is None else RiskPolicy(self._registry, book, model, self._budget)

    @property
    def _speaks(self) -> bool:
        return self.models.speaks and self._active is not None and self._active.proven

    def decide(self, batch: ReadingBatch, entries: Sequence[Logged]) -> list[Turn]:
        """Judge devices with these readings and log entries; what models begin and cease to speak for."""
        turns = [Turn(0, device, False, int(batch.time[0])) for device in sorted(self._silenced) if len(batch)]
        self._silenced -= {turn.device for turn in turns}
        if self._active is None:
            self._end(batch)
        risks = {each.model.digest: each for each in self._scorer.judge(batch, entries)}
        for policy in (self._active, self._shadow):
            if policy is not None:
                policy.decide(risks[policy.model.digest])
        looked = risks[self._shadow.model.digest].instants.time if self._shadow is not None else ()
        self.looked_at = int(min(looked)) if len(looked) else None
        if self._speaks and self.models.active is not None:
            turns += self._turns(risks[self.models.active.digest])
        return turns

    def _end(self, batch: ReadingBatch) -> None:
        """No model follows the alerts of the one that was active: they are over with the next reading."""
        opened = [subject for of in self._book.by_device(Kind.FAILURE_RISK).values() for subject in of]
        for subject in opened if len(batch) else ():
            self._book.return_(0, subject, max(int(batch.time[0]), self._book.open[subject].last_at))

    def _turns(self, risks: Risks) -> list[Turn]:
        """Where the active model begins or ceases to speak."""
        found: list[Turn] = []
        now: dict[DeviceKey, bool] = {}
        for i in range(len(risks)):
            device = int(risks.instants.device[i])
            known = self._registry.device(device)
            key, speaks = (known.site, known.name), bool(risks.familiar[i])
            if now.get(key, self._takeover.speaks(key)) != speaks:
                found.append(Turn(int(risks.instants.row[i]), key, speaks, int(risks.instants.time[i])))
                now[key] = speaks
        return found

    def pass_on(self, turns: Sequence[Turn]) -> tuple[AlertEvent, ...]:
        """What is to be told of all that happened in the engine's book."""
        return self._takeover.pass_on(self._book.drained(), turns)

    def noted(self) -> tuple[AlertEvent, ...]:
        """What the shadow would have raised since the last call."""
        return self._shadow_book.drain()

    def forget(self, kept: Collection[str]) -> None:
        """Forget what alerts outside `kept` were about; the book is the engine's."""
        self._takeover.forget(kept)
        self._shadow_book.forget(())

    # -- state -------------------------------------------------------------------------------------------------------
    def save(self, names: Any) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays by name, with rows for series and devices, and plain values; `names` as for `AlarmBook.save`."""
        arrays, log = self._scorer.save()
        policies = {"active": self._active, "shadow": self._shadow}
        head = {
            "digests": self.models.digests,
            "log": log,
            "takeover": self._takeover.save(),
            "silenced": sorted([*device] for device in self._silenced),
            "shadow_alerts": self._shadow_book.save(names),
            "held": {
                name: [[*names(device, -1)[:2], at] for device, at in policy.save()]
                for name, policy in policies.items()
                if policy is not None
            },
        }
        return arrays, head

    def restore(
        self,
        arrays: Mapping[str, NDArray[Any]],
        head: Mapping[str, Any],
        series: NDArray[np.int32],
        devices: NDArray[np.int32],
        numbers: Any,
    ) -> None:
        """Take back what `save` gave; `numbers` as for `AlarmBook.restore`."""
        self._scorer.restore(arrays, head["log"], series, devices)
        self._takeover.restore(head["takeover"])
        self._silenced = {(site, name) for site, name in head["silenced"]}
        if not self._speaks:
            self._silenced = set(self._takeover.devices)
        if tuple(head["digests"])[1] == self.models.digests[1]:
            self._shadow_book.restore(head["shadow_alerts"], numbers)
        for name, policy in (("active", self._active), ("shadow", self._shadow)):
            if policy is not None:
                held = head["held"].get(name, ())
                policy.restore([(numbers((site, device, None))[0], at) for site, device, at in held])
