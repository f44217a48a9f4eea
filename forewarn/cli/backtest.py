"""`forewarn backtest`: the live engine over history, with one configuration or several side by side."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forewarn.cli.options import Config, check_source, settings_of, span

if TYPE_CHECKING:
    from forewarn.config.settings import Settings
    from forewarn.history.comparison import Said
    from forewarn.history.origin import Origin

LAST, WARM_UP = "30d", "14d"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the command line asks for."""

    files: list[Path]
    out: Path
    config: Path | None
    against: list[str]
    truth: Path | None
    events: Path | None
    model: Path | None
    from_store: bool
    feedback: bool
    last: str | None
    until: str | None
    warm_up: str | None


def backtest(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE.csv…]", help="Readings as CSV, also .csv.gz.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where results go: a new or empty folder, or an earlier result.")
    ] = None,
    config: Config = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE|KEY=VALUE", help="Compare with other settings, or with one changed; may be repeated."
        ),
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Also a page with charts; a comparison has it anyway.")
    ] = False,
    from_store: Annotated[
        bool, typer.Option("--from-store", help="Read what the service has stored, instead of files.")
    ] = False,
    last: Annotated[str | None, typer.Option(metavar="SPAN", help=f"How much of the store counts: {LAST}.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="The end of it: now.")] = None,
    warm_up: Annotated[
        str | None, typer.Option(metavar="SPAN", help=f"How much before that is only learned from: {WARM_UP}.")
    ] = None,
    feedback: Annotated[
        bool, typer.Option("--feedback", help="Beside what people said of live alerts; --from-store has it anyway.")
    ] = False,
    events: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Errors and maintenance on record, as CSV.")
    ] = None,
    truth: Annotated[Path | None, typer.Option(metavar="FILE", help="What was wrong and when, as CSV.")] = None,
    model: Annotated[Path | None, typer.Option(metavar="MODEL", help="A model that was trained offline.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of whatever is random; nothing is in this release.")] = 0,
) -> None:
    """Run the live engine over recorded readings, on their own time; with --against, several configurations."""
    if out is None:
        raise typer.BadParameter("--out DIR is missing: where the results go")
    del seed
    asked = _Asked(
        files or [], out, config, against or [], truth, events, model, from_store, feedback, last, until, warm_up
    )
    check_source(asked.files, from_store, {"last": last, "until": until, "warm-up": warm_up})
    if asked.against or report or from_store or feedback:
        _compare(asked)
    else:
        _plain(asked)


def _plain(asked: _Asked) -> None:
    from forewarn.config.configured import engine_config, registry
    from forewarn.history.backtest import run_backtest
    from forewarn.progress import counting

    settings = settings_of(asked.config)
    known, judging = registry(settings), engine_config(settings)
    with counting("readings") as progress:
        summary = run_backtest(asked.files, asked.out, known, judging, asked.truth, asked.events, progress, asked.model)
    _tell(summary, asked.out)


def _compare(asked: _Asked) -> None:
    from rich.console import Console

    from forewarn.cli.comparison_table import print_comparison
    from forewarn.history.backtest import read_inputs
    from forewarn.history.comparison import run_comparison
    from forewarn.history.origin import check_again
    from forewarn.history.variants import base_variant, other_variants
    from forewarn.progress import counting

    base = base_variant(asked.config, os.environ)
    variants = [base, *other_variants(asked.against, asked.config, os.environ)]
    if len(variants) > 1:
        check_again(asked.files)
    inputs = read_inputs(asked.truth, asked.events, asked.model)
    with _origin(asked, base.settings) as (origin, said):
        summary, told = run_comparison(
            origin,
            asked.out,
            variants,
            inputs,
            said,
            lambda number: counting(f"readings, {number + 1} of {len(variants)}"),
        )
    if len(variants) > 1:
        print_comparison(Console(), told.results, told.pairings, told.labels, told.recorded, told.end)
    _tell(summary, asked.out)
    typer.echo(f"open {asked.out / 'report.html'}")


@contextmanager
def _origin(asked: _Asked, settings: Settings) -> Iterator[tuple[Origin, Said]]:
    """Where the readings come from, and what people said."""
    from forewarn.history.origin import Files

    if asked.from_store:
        from forewarn.history.storehistory import open_history, verdicts

        end = _until(asked.until)
        start = end - _span_ns("last", asked.last or LAST)
        with open_history(settings, start, end, _span_ns("warm-up", asked.warm_up or WARM_UP)) as history:
            yield history, verdicts(history.database)
    elif asked.feedback:
        from forewarn.history.storehistory import open_to_read, verdicts

        database = open_to_read(settings.database_url)
        yield Files(asked.files), verdicts(database)
        database.dispose()
    else:
        yield Files(asked.files), lambda _start, _end: ()


def _until(text: str | None) -> int:
    """A time in ns UTC: what is written, or now, to the second."""
    from ingest.reading import NS_PER_SECOND
    from ingest.times import parse_time

    if text is None:
        return time.time_ns() // NS_PER_SECOND * NS_PER_SECOND
    try:
        return parse_time(text)
    except ValueError as error:
        raise typer.BadParameter(f"--until {text}: {error}") from error


def _span_ns(name: str, text: str) -> int:
    from ingest.reading import NS_PER_SECOND

    found = span(name, text)
    if name == "last" and found <= timedelta(0):
        raise typer.BadParameter(f"--{name} {text} should be more than nothing")
    return round(found.total_seconds()) * NS_PER_SECOND


def _tell(summary: dict[str, Any], out: Path) -> None:
    from forewarn.history.without_readings import warning

    if summary["rejects"]:
        typer.echo(f"warning: {summary['rejects']} bad rows are in {out / 'rejects.csv'}", err=True)
    if nowhere := summary.get("without_readings"):
        typer.echo(f"warning: {warning(nowhere)}", err=True)
    typer.echo(
        f"{summary['readings']} readings, {summary['alerts']} alerts, {summary['work_orders']} work orders: {out}"
    )
