"""How well the shipped configuration detects what is labelled in a folder of recorded faults.

    forewarn bench detection FOLDER [--set NAME ...] [--config FILE] [--ignore-kinds KIND,...] [--jobs N]
                            [--disturbed [--seed N]] [--json FILE]

FOLDER holds sets, SET/STEM.csv(.gz) with readings and SET/STEM.truth.csv with what was wrong and when, in the forms of
`forewarn backtest`. Every file is one run of the engine with the same configuration. What is asked of a set depends on
what its labels are (`benchmarks/_recorded.py`): faults are to be found soon and with nothing false before, failures to
be warned of a day ahead, lives to end with a warning that is neither early nor late. Beside each figure stands its
floor: random scores, and as many alerts of the same mean length, evenly spaced, which look at no reading.

`--disturbed` puts copies of every set beside it: shifted in time, cropped, rescaled, renamed and reordered, with gaps,
duplicates and late readings (`benchmarks/_disturbed.py`). What is found should not depend on that.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks._disturbed import disturbed
from benchmarks._figures import figures, pooled, print_figures
from benchmarks._recorded import Job, Machine, rule_of, run_all, sets_in
from forewarn.engine import EngineConfig
from ingest.errors import InputError

PLAIN_WIDTH = 120
"""Columns of the tables in a pipe."""


def main(arguments: Sequence[str]) -> int:
    """Measure every set of the folder and print the tables."""
    chosen = _parser().parse_args(arguments)
    if not chosen.folder.is_dir():
        raise InputError(f"bench detection: {chosen.folder}: is no folder of recorded faults")
    sets = wanted(sets_in(chosen.folder), chosen.set)
    ignored = frozenset(kind for kind in chosen.ignore_kinds.split(",") if kind)
    with tempfile.TemporaryDirectory() as copies:
        if chosen.disturbed:
            sets = disturbed(sets, Path(copies), chosen.seed)
        told = measure(sets, _config(chosen.config), ignored, chosen.jobs)
    console = Console()
    print_figures(console if console.is_terminal else Console(width=PLAIN_WIDTH), told)
    if chosen.json is not None:
        whole = {"sets": told, "pooled": {"calibration": pooled(told)}}
        chosen.json.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="forewarn bench detection", description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--set", action="append", default=[], metavar="NAME", help="only these sets")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings; without them those shipped")
    parser.add_argument("--ignore-kinds", default="", metavar="KIND,...", help="kinds of alerts not to count")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="files at a time")
    parser.add_argument("--disturbed", action="store_true", help="also copies of them with gaps, late readings, …")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="other copies")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here")
    return parser


def wanted(sets: Mapping[str, list[Path]], names: Sequence[str]) -> dict[str, list[Path]]:
    """Those sets, or all where none is named. Raises InputError for a name that is none."""
    unknown = sorted(set(names) - set(sets))
    if unknown:
        raise InputError(f"bench: --set {unknown[0]}: there are {', '.join(sets)}")
    return {name: files for name, files in sets.items() if not names or name in names}


def _config(path: Path | None) -> EngineConfig:
    from forewarn.config.configured import engine_config
    from forewarn.config.settings_file import load

    return EngineConfig() if path is None else engine_config(load(path, os.environ))


def measure(
    sets: Mapping[str, Sequence[Path]],
    config: EngineConfig,
    ignored: frozenset[str] = frozenset(),
    processes: int = 1,
    floors: bool = True,
) -> dict[str, dict[str, Any]]:
    """The figures of each set, with their floors unless those are not wanted."""
    jobs = [Job(truth, rule_of(Path(name).name), config, ignored) for name, files in sets.items() for truth in files]
    names = [name for name, files in sets.items() for _ in files]
    machines: dict[str, list[Machine]] = {name: [] for name in sets}
    for name, found in zip(names, run_all(jobs, processes), strict=True):
        machines[name] += found
    return {name: figures(found, rule_of(Path(name).name), floors) for name, found in machines.items()}
