"""`forewarn export …`: what the service learned from people, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forewarn.cli.options import Config, settings_of

exports = typer.Typer(help="What the service knows, as files; also while it runs.", no_args_is_help=True)


@exports.callback()
def _several() -> None:
    """Without this a single command would have no name of its own."""


@exports.command("labels")
def export_labels(
    out: Annotated[Path, typer.Option(metavar="FILE.csv", help="Replaced if it is there.")],
    horizon: Annotated[
        str, typer.Option(metavar="SPAN", help="What is told of a device less than that apart is one fault.")
    ] = "72h",
    config: Config = None,
) -> None:
    """Write closure codes, feedback and failures of the log as labels: a truth file for train and backtest."""
    from collections import Counter

    from forewarn.atomicfile import check_place
    from forewarn.cli.train import seconds
    from forewarn.history.labelling import read_labels, write_labels
    from forewarn.history.storehistory import open_to_read
    from ingest.reading import NS_PER_SECOND
    from ingest.truth import FAILURE, FAULT, NORMAL

    reach = round(seconds(horizon) * NS_PER_SECOND)
    check_place(out)
    database = open_to_read(settings_of(config).database_url)
    found = read_labels(database, reach)
    database.dispose()
    write_labels(out, found)
    kinds = Counter(one.label.kind for one in found)
    typer.echo(f"{kinds[FAILURE]} failures, {kinds[FAULT]} faults, {kinds[NORMAL]} times without: {out}")
