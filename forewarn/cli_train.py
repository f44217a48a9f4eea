"""`forewarn train`: a model from recorded readings, their log and the failures that are known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CSV = "as CSV."


def train(
    files: Annotated[list[Path], typer.Argument(metavar="FILE.csv…", help="Readings as CSV, also .csv.gz.")],
    out: Annotated[Path, typer.Option(metavar="MODEL", help="The file that the model becomes.")],
    events: Annotated[
        Path | None, typer.Option(metavar="FILE", help=f"Errors, maintenance and failures on record, {CSV}")
    ] = None,
    truth: Annotated[Path | None, typer.Option(metavar="FILE", help=f"Failures, and times without any, {CSV}")] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="DEVICE", help="Learn nothing from it; may be repeated.")
    ] = None,
    horizon: Annotated[
        str, typer.Option(metavar="SPAN", help="How long before a failure a warning is of use.")
    ] = "72h",
) -> None:
    """Learn from failures on record how devices announce them; the service is not touched."""
    from forewarn.examples import Sources
    from forewarn.modelfile import write_model
    from forewarn.progress import counting
    from forewarn.training import train as run
    from forewarn.training import words
    from ingest.logbook import read_logbook
    from ingest.truth import read_truth

    sources = Sources(
        files,
        read_logbook(events) if events is not None else (),
        read_truth(truth) if truth is not None else (),
        frozenset(exclude or ()),
    )
    with counting("readings") as progress:
        trained = run(sources, _seconds(horizon), progress)
    write_model(out, trained.model)
    typer.echo(f"{words(trained)}: {out}")


def _seconds(text: str) -> float:
    from forewarn.quantities import parse_duration

    try:
        span_s = parse_duration(text).total_seconds()
    except ValueError as error:
        raise typer.BadParameter(f"--horizon {text} {error}") from error
    if not 60 <= span_s <= 400 * 86_400:
        raise typer.BadParameter(f"--horizon {text} should be between a minute and 400 days")
    return span_s
