"""`forewarn train`: a model from readings, their log and what is known to have been wrong."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from forewarn.cli.options import check_source, settings_of, span

if TYPE_CHECKING:
    from forewarn.history.examples import Sources

LAST = "365d"
EXCLUDE = "--exclude"


class TrainCommand(TyperCommand):
    """Takes `--exclude A B` as well as `--exclude A --exclude B`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As click does, each device with an option of its own."""
        return super().parse_args(ctx, one_by_one(args))


def one_by_one(arguments: Iterable[str]) -> list[str]:
    """Every device to exclude behind an option of its own; what follows a device and is a file is none.

    >>> one_by_one(["--exclude", "m1", "m2", "--out", "model"])
    ['--exclude', 'm1', '--exclude', 'm2', '--out', 'model']
    """
    found: list[str] = []
    devices: int | None = None
    """How many were named since the option; None elsewhere."""
    for argument in arguments:
        if argument.startswith("-"):
            devices = 0 if argument == EXCLUDE else None
        elif devices is not None:
            if devices > 0 and Path(argument).exists():
                devices = None
            else:
                found += [EXCLUDE] if devices > 0 else []
                devices += 1
        found.append(argument)
    return found


def train(
    out: Annotated[Path, typer.Option(metavar="MODEL", help="The file that the model becomes.")],
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE.csv…]", help="Readings as CSV, also .csv.gz.")
    ] = None,
    events: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Errors, maintenance and failures on record, as CSV.")
    ] = None,
    truth: Annotated[Path | None, typer.Option(metavar="FILE", help="Failures, and times without any, as CSV.")] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(EXCLUDE, metavar="DEVICE…", help="Learn nothing from these.")
    ] = None,
    horizon: Annotated[
        str, typer.Option(metavar="SPAN", help="How long before a failure a warning is of use.")
    ] = "72h",
    from_store: Annotated[
        bool, typer.Option("--from-store", help="Learn from what the service has stored: readings, log, labels.")
    ] = False,
    last: Annotated[str | None, typer.Option(metavar="SPAN", help=f"How much of the store: {LAST}.")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Settings of that service, in TOML.")
    ] = None,
) -> None:
    """Learn from failures on record how devices announce them; a running service is read and not touched."""
    from dataclasses import replace

    from forewarn.atomicfile import check_place
    from forewarn.history.modelfile import write_model
    from forewarn.history.origin import check_again
    from forewarn.history.training import gathered, learned, n_grown, words
    from forewarn.progress import counting
    from ingest.logbook import read_logbook
    from ingest.truth import read_truth

    check_source(files or [], from_store, {"last": last})
    check_again(files or [])
    span_s = seconds(horizon)
    check_place(out, (*(files or ()), *(path for path in (events, truth) if path is not None)))
    with _sources(files or [], from_store, last or LAST, span_s, config) as found:
        sources = replace(
            found,
            entries=(*found.entries, *(read_logbook(events) if events is not None else ())),
            labels=(*found.labels, *(read_truth(truth) if truth is not None else ())),
            exclude=frozenset(exclude or ()),
        )
        with counting("readings") as progress:
            examples = gathered(sources, span_s, progress)
    with counting(f"of {n_grown(examples)} models") as progress:
        trained = learned(examples, sources, progress)
    write_model(out, trained.model)
    for warning in trained.warnings:
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(f"{words(trained)}: {out}")


@contextmanager
def _sources(files: list[Path], from_store: bool, last: str, span_s: float, config: Path | None) -> Iterator[Sources]:
    """The readings, and with --from-store what the service knows beside them."""
    from forewarn.history.examples import Sources

    if not from_store:
        yield Sources(files)
        return
    from forewarn.history.labelling import read_labels, read_log
    from forewarn.history.storehistory import open_history
    from ingest.reading import NS_PER_SECOND

    end = time.time_ns()
    start = end - round(seconds(last, "last") * NS_PER_SECOND)
    with open_history(settings_of(config), start, end, 0) as history:
        found = read_labels(history.database, round(span_s * NS_PER_SECOND))
        yield Sources(
            (),
            read_log(history.database, start),
            [one.label for one in found if one.label.end >= start],
            stored=history.every,
        )


def seconds(text: str, name: str = "horizon") -> float:
    """A span of time that the user gave, in s."""
    span_s = span(name, text).total_seconds()
    if not 60 <= span_s <= MOST_S[name]:
        raise typer.BadParameter(f"--{name} {text} should be between a minute and {MOST_S[name] // 86_400} days")
    return span_s


MOST_S = {"horizon": 400 * 86_400, "last": 20 * 365 * 86_400}
