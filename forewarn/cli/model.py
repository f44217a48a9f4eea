"""`forewarn model …`: trained models in the service, also while it runs; it follows within seconds."""

from __future__ import annotations

import getpass
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forewarn.cli.options import Config, settings_of

if TYPE_CHECKING:
    from alerts.model_store import ModelAction, ModelActionKind
    from workorders.review import ModelReviews

models = typer.Typer(help="Trained models in the service: a shadow beside the active one.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="As listed, or at least 6 letters of it.")]
Note = Annotated[str, typer.Option(metavar="TEXT", help="Why, for its history.")]


@contextmanager
def _reviews(config: Path | None) -> Iterator[ModelReviews]:
    """The models of the service; what a state does not allow is a user's mistake."""
    from alerts.alert import WrongStateError
    from forewarn.database_admin import open_database
    from ingest.errors import InputError
    from workorders.review import ModelReviews

    engine = open_database(settings_of(config).database_url)
    try:
        yield ModelReviews(engine)
    except WrongStateError as error:
        raise InputError(str(error)) from error
    finally:
        engine.dispose()


def _action(kind: ModelActionKind, note: str, forced: bool = False) -> ModelAction:
    from alerts.model_store import ModelAction

    by = ""
    with suppress(OSError, KeyError):  # a container's user may have no name
        by = getpass.getuser()
    return ModelAction(kind, time.time_ns(), by, note, forced)


@models.command()
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A model that `forewarn train` made.")],
    note: Note = "",
    config: Config = None,
) -> None:
    """Check a model and let it look on as the shadow; the shadow before it is retired."""
    from alerts.model_store import ModelActionKind, ModelState
    from forewarn.history.modelfile import read_artefact

    model, blob = read_artefact(file)
    with _reviews(config) as reviews:
        kept = reviews.models.add(model, blob, file.name, _action(ModelActionKind.ADD, note))
    if kept.state is ModelState.ACTIVE:
        typer.echo(f"model {kept.id}, the active one, looks again")
    else:
        typer.echo(f"model {kept.id} looks on as the shadow from now on")


@models.command("list")
def list_(config: Config = None) -> None:
    """List the models: id, state, file, end of their data, and what they came to on devices left out."""
    from forewarn.cli.model_words import measures, span

    with _reviews(config) as reviews:
        for one in reviews.models.list():
            typer.echo("\t".join([one.id, one.state, one.name, span(one.facts), measures(one.facts)]))


@models.command()
def show(wanted: Id, config: Config = None) -> None:
    """Show a model: its data and measures, what it would have raised beside what was told, and its history."""
    from forewarn.cli.model_words import lines

    with _reviews(config) as reviews:
        model = reviews.models.get(wanted)
        told = lines(model, reviews.review(model, time.time_ns()), reviews.models.history(model.digest))
    for line in told:
        typer.echo(line)


@models.command()
def promote(
    wanted: Id,
    force: Annotated[
        bool, typer.Option("--force", help="Against what is recorded, or to go back to a retired one.")
    ] = False,
    note: Note = "",
    config: Config = None,
) -> None:
    """Make a model the active one, if it did better than what is active on the recorded feedback."""
    from alerts.model_store import ModelActionKind

    with _reviews(config) as reviews:
        kept = reviews.promote(wanted, _action(ModelActionKind.PROMOTE, note, force))
    typer.echo(f"model {kept.id} is the active one from now on")


@models.command()
def retire(wanted: Id, note: Note = "", config: Config = None) -> None:
    """Let a model look no more; without an active one the detectors speak alone."""
    from alerts.model_store import ModelActionKind

    with _reviews(config) as reviews:
        kept = reviews.models.retire(wanted, _action(ModelActionKind.RETIRE, note))
    typer.echo(f"model {kept.id} is retired")


@models.command()
def delete(wanted: Id, note: Note = "", config: Config = None) -> None:
    """Delete the artefact of a retired model; its history stays."""
    from alerts.model_store import ModelActionKind

    with _reviews(config) as reviews:
        kept = reviews.models.delete(wanted, _action(ModelActionKind.DELETE, note))
    typer.echo(f"model {kept.id} is deleted")
