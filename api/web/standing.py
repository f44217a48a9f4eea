"""How the device of an alert or an order stands at this moment, and who looks after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.board import SeriesState
from api.deps import Deps
from api.devices import look_up
from ingest.errors import NotFoundError
from ingest.registry import Device, Metric


@dataclass(frozen=True, slots=True)
class Standing:
    """A device with its newest readings, of one metric or of several."""

    device: Device
    newest: Sequence[tuple[Metric, SeriesState]]


def standing(deps: Deps, site: str, device: str, metric: str | None, most: int) -> Standing | None:
    """The device with the newest reading of `metric`, or of all where that is None, `most` of them.

    None where the device is not known any more.
    """
    try:
        heard = look_up(deps.registry, deps.board, site, device)
    except NotFoundError:
        return None
    found = [pair for pair in heard.series if pair[1].value is not None and metric in (pair[0].name, None)]
    return Standing(heard.device, found[:most])
