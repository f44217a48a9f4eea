"""The shipped detectors, each time with one part switched off or changed."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from ingest.compiled import compiled_apart, is_compiled
from models.blocks import BLOCK

SHIPPED = "shipped"
WITH_LOOPS = frozenset({"ingest", "models", "alerts"})
"""Packages with compiled loops."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One change. Constants are read when they are used or compiled, so it is made before an engine is built."""

    what: str
    changes: Mapping[str, Any]
    """New values by `module:name`."""

    def apply(self) -> None:
        """Change the loaded modules for as long as this process lives. Raises AttributeError for an unknown name."""
        for name, value in self.changes.items():
            module, attribute = place_of(name)
            getattr(module, attribute)
            setattr(module, attribute, value)
        if self.changes:
            compile_apart()


def place_of(name: str) -> tuple[ModuleType, str]:
    """The module of `module:name`, and the name."""
    module, _, attribute = name.partition(":")
    return importlib.import_module(module), attribute


def compile_apart() -> None:
    """Have every compiled loop of the detectors look at the constants again, without leaving anything on disk."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in WITH_LOOPS:
            for attribute, value in list(vars(module).items()):
                if is_compiled(value):
                    setattr(module, attribute, compiled_apart(value))


FAR = 1e9
VARIANTS: Mapping[str, Variant] = {
    SHIPPED: Variant("as it is", {}),
    "one-average": Variant("only the shortest average is scored", {"models.detectors.shift:SCORED": 1}),
    "two-averages": Variant("the two shorter averages are scored", {"models.detectors.shift:SCORED": 2}),
    "four-averages": Variant("the longest average is scored too", {"models.detectors.shift:SCORED": 4}),
    "no-reach": Variant("lone spikes count in full for longer averages", {"models.detectors.shift:REACH": FAR}),
    "no-season": Variant(
        "nobody knows the course of the day",
        {"models.detectors.season:IN_FULL": -1.0, "models.detectors.season:NOT_AT_ALL": 0.0},
    ),
    "no-week": Variant("distances remember a thousand readings only", {"models.detectors.shift:LONG_SHARE": 0.0}),
    "no-clip": Variant("distances are learned from all values in full", {"models.detectors.shift:CLIP": FAR}),
    "no-whole": Variant("metrics only one by one, not together", {"models.evidence:WHOLE": 0.0}),
    "no-single": Variant("metrics only together, not one by one", {"models.evidence:WHOLE": 1.0}),
    "no-drift": Variant("nobody looks at what moves over days", {"models.detectors.drift:SLOW": 1e-12}),
    "no-envelope": Variant("nobody knows where the last days ended", {"models.detectors.envelope:LEAST_DAYS": 10**9}),
    "no-novelty": Variant("no stored states", {"models.evidence:NOVELTY": 0.0}),
    "novelty-alone": Variant("a state that is new may raise an alert alone", {"models.evidence:LEAST_NOVELTY": 1e-30}),
    "recent-states": Variant("the newest states count too", {"models.detectors.novelty:RECENT": 0}),
    "no-lasting": Variant("nobody looks at what lasts", {"alerts.policies.baseline:LONG_CLUSTERS": 0.0}),
    "no-tempering": Variant("p-values are told as they are, far out too", {"models.telling:POWER": 1.0}),
    "no-memory": Variant("what is told forgets a rare row at once", {"models.telling:RARE": 0.0}),
    "plain-tail": Variant("an exponential tail, no heavier", {"models.calibration:MAX_SHAPE": 1e-6}),
    "learn-all": Variant("calibration keeps nothing out", {"models.calibration:RARE_SHARE": BLOCK + 1}),
    "learn-little": Variant("calibration keeps out what is below p = 0.01", {"models.calibration:MOST_RARE": 0.01}),
    "one-row": Variant("one rare row opens an alert", {"models.evidence:CONFIRMING": 0}),
    "no-rest": Variant("no rest after an alert", {"alerts.policies.baseline:REST": 0}),
    "no-day": Variant("a device may raise anything from its first day on", {"models.warmup:UNHURRIED_NS": 1e30}),
    "no-stuck": Variant("nobody looks for sensors that are stuck", {"models.detectors.stuck:LEAST_RUN": 10**9}),
    "no-recurring": Variant("what comes every day or week is told each time", {"alerts.recurring:PERIODS": ()}),
    "long-rest": Variant("a rest of 200 rows", {"alerts.policies.baseline:REST": 200}),
}
