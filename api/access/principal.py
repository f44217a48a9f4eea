"""Who acts: a name and the role that says how far it reaches."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody may do, from the most down: each role may do what the next one may."""

    ADMIN = "admin"
    """Everything, users and devices included."""
    OPERATOR = "operator"
    """Act on alerts and work orders, send readings."""
    VIEWER = "viewer"
    """Look."""

    @property
    def rank(self) -> int:
        """0 for viewer … 2 for admin."""
        return list(reversed(Role)).index(self)


@dataclass(frozen=True, slots=True)
class Principal:
    """The user or token in whose name something is done."""

    name: str
    role: Role
