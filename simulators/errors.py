"""What can go wrong here by a user's hand."""

from __future__ import annotations


class SimulatorError(Exception):
    """A user's mistake in one line: names the file, line, key or address, what is wrong and what is allowed."""
