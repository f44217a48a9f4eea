"""The fixture that an installed package brings by itself, for a checkout that was installed before it did."""

from simulators.pytest_plugin import simulated_site

__all__ = ["simulated_site"]
