"""The simulators' own fixtures, used as a third party would."""

from simulators.pytest_plugin import simulated_site

__all__ = ["simulated_site"]
