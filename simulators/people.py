"""The people around a site: who answers an alert, repairs, and rates, and how long they take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field

from simulators.duration import NS, Duration
from simulators.tape import Tape


class PeopleSpec(BaseModel):
    """Usual delays and habits."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    engineers: Annotated[tuple[str, ...], Field(min_length=1)] = ("li.wei", "anna.schmidt")
    acknowledge_after: Duration = 20 * 60 * NS
    """From the work order to the first response."""
    repair_after: Duration = 6 * 3600 * NS
    """From the acknowledgement to the repair."""
    spread: float = Field(0.5, ge=0, lt=1)
    """Delays vary by that share, both ways."""
    rating: float = Field(4.7, ge=1, le=5)
    """Mean of the customer's ratings, 1-5."""
    rate_after: Duration = 24 * 3600 * NS
    """From the end of the work order to the rating."""
    answers: float = Field(0.6, ge=0, le=1)
    """Share of the orders that the customer rates at all."""


class People:
    """What the people of a scenario do about a work order: pure in (seed, order number)."""

    def __init__(self, spec: PeopleSpec, *key: object) -> None:
        self.spec = spec
        self._key = key

    def engineer(self, order: str) -> str:
        """Who takes that order."""
        return self.spec.engineers[int(self._luck(order, 0) * len(self.spec.engineers))]

    def acknowledges_at(self, order: str, opened_at: int) -> int:
        """When that order is answered (ns)."""
        return opened_at + self._vary(self.spec.acknowledge_after, order, 1)

    def repairs_at(self, order: str, acknowledged_at: int) -> int:
        """When the machine behind that order is repaired (ns)."""
        return acknowledged_at + self._vary(self.spec.repair_after, order, 2)

    def rates_at(self, order: str, closed_at: int) -> int | None:
        """When the customer rates that order; None: never."""
        return (
            closed_at + self._vary(self.spec.rate_after, order, 4) if self._luck(order, 5) < self.spec.answers else None
        )

    def rating(self, order: str) -> int:
        """The customer's rating of that order, 1-5."""
        return max(1, min(5, int(self.spec.rating + self._luck(order, 3))))

    def _vary(self, usual: int, order: str, which: int) -> int:
        factor = 1.0 + self.spec.spread * (2.0 * self._luck(order, which) - 1.0)
        return round(usual * factor / NS) * NS

    def _luck(self, order: str, which: int) -> float:
        return Tape(*self._key, "people", order, uniform=True).one(which)


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """A work order as people see it; times in ns UTC."""

    number: str
    device: str
    opened_at: int
    returned: bool
    """Whether everything it was opened for is normal again."""


class ServiceDesk(Protocol):
    """Where people find work orders and say what they did: an API, or whatever stands for it in a test."""

    def open_orders(self) -> Sequence[OpenOrder]:
        """Orders that are not closed."""
        ...

    def respond(self, number: str, engineer: str) -> None:
        """Take an order, and acknowledge its alerts."""
        ...

    def close(self, number: str, engineer: str, found: Sequence[str]) -> None:
        """End an order, saying which faults and lies were found and ended; none: nothing was wrong."""
        ...

    def rate(self, number: str, stars: int) -> None:
        """What the customer says of it, 1-5."""
        ...


class Trouble(Protocol):
    """Something that was wrong."""

    @property
    def kind(self) -> str:
        """A kind of fault or of lie."""
        ...


class Workshop(Protocol):
    """Where a repair has its effect: the simulation."""

    def repair(self, device: str, at: int) -> Sequence[Trouble]:
        """End whatever is wrong with a device from that moment on, and say what it was."""
        ...


@dataclass(slots=True)
class Crew:
    """Engineers at work: they answer, repair, say what they found and close what is normal again; customers rate.

    Call `act` as time goes by; what is due by then is done then, so the answer is as prompt as the calls are frequent.
    """

    people: People
    responded: dict[str, int] = field(default_factory=dict)
    repaired: dict[str, int] = field(default_factory=dict)
    closed: dict[str, int] = field(default_factory=dict)
    rated: dict[str, int] = field(default_factory=dict)
    found: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What was wrong, by order that was repaired."""

    def act(self, now: int, desk: ServiceDesk, workshop: Workshop) -> None:
        """Do everything that is due at `now` (ns UTC)."""
        for order in desk.open_orders():
            engineer = self.people.engineer(order.number)
            if order.number not in self.responded:
                if self.people.acknowledges_at(order.number, order.opened_at) <= now:
                    desk.respond(order.number, engineer)
                    self.responded[order.number] = now
            elif order.number not in self.repaired:
                if self.people.repairs_at(order.number, self.responded[order.number]) <= now:
                    ended = workshop.repair(order.device, now)
                    self.found[order.number] = tuple(sorted(str(one.kind) for one in ended))
                    self.repaired[order.number] = now
            elif order.returned:
                desk.close(order.number, engineer, self.found[order.number])
                self.closed[order.number] = now
        for number, at in self.closed.items():
            due = self.people.rates_at(number, at)
            if number not in self.rated and due is not None and due <= now:
                desk.rate(number, self.people.rating(number))
                self.rated[number] = now
