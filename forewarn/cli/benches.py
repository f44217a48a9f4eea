"""The project's benchmarks: each file of benchmarks/ with a `main(arguments)` is one, known by its file's name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence

import typer

from ingest.errors import InputError


def bench_names() -> list[str]:
    """Names of the benchmarks."""
    import benchmarks

    return sorted(found.name for found in pkgutil.iter_modules(benchmarks.__path__) if not found.name.startswith("_"))


def run_bench(arguments: Sequence[str]) -> int:
    """Run the benchmark that the first argument names with the others; without one, list them. Returns its status."""
    names = bench_names()
    if not arguments or arguments[0] in {"--help", "--list"}:
        typer.echo("\n".join(names))
        return 0
    if arguments[0] not in names:
        raise InputError(f"bench: unknown benchmark {arguments[0]!r}; there are {', '.join(names)}")
    module = importlib.import_module(f"benchmarks.{arguments[0]}")
    return int(module.main(list(arguments[1:])) or 0)
