"""The command line: a file for each group of commands, and how a command fails. Decides nothing, computes nothing."""

from forewarn.cli.app import app, main

__all__ = ["app", "main"]
