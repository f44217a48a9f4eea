"""The command line: `forewarn …`.

Every command is a thin call; what it needs is imported inside it, so that the command line starts quickly.
Exit status: 0 done, 2 bad usage, configuration or input, 1 anything else. A user's mistake gets one line.
"""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from forewarn.cli import backtest, export, model, people, rejects, simulate, train
from forewarn.cli.failing import failing
from forewarn.cli.options import Config, settings_of

app = typer.Typer(
    name="forewarn",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

INTERRUPTED = 130
"""What typer makes of Ctrl-C."""
Files = Annotated[list[Path], typer.Argument(metavar="FILE.csv…", help="Readings as CSV, also .csv.gz.")]


def _tell_version(asked: bool) -> None:
    if asked:
        version()
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_tell_version, help="Print the version, and end.")
    ] = False,
) -> None:
    """Sensor readings in, early warnings and work orders out."""


@app.command()
def version() -> None:
    """Print the version."""
    from forewarn.versions import installed_version

    typer.echo(installed_version())


@app.command("check-config")
def check_config(config: Config = None) -> None:
    """Check settings, registry, limits, mappings, calendars and receivers of messages, and say what is wrong."""
    from forewarn.config.configured import adapter_options, calendars, engine_config, notify_config, registry
    from ingest.database import make_engine

    settings = settings_of(config)
    make_engine(settings.database_url)
    receivers = notify_config(settings).urls
    adapter_options(settings)
    calendars(settings)
    known = registry(settings)
    rules = engine_config(settings).limits
    typer.echo(
        f"settings are in order: {known.n_devices} devices, {len(rules)} limits, {len(receivers)} receivers of messages"
    )


@app.command("import")
def import_(
    files: Files,
    config: Config = None,
    events: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Errors and maintenance on record, as CSV.")
    ] = None,
) -> None:
    """Load history into the store and warm the baselines; nobody is told of it."""
    from forewarn.history.importing import REJECTS_NAME, run_import
    from forewarn.progress import counting

    settings = settings_of(config)
    with counting("readings") as progress:
        told = run_import(files, settings, progress, log=events)
    if told.bad_rows:
        typer.echo(f"warning: {told.bad_rows} bad rows are in {settings.data.dir / REJECTS_NAME}", err=True)
    if told.refused:
        typer.echo(f"warning: the store refused {told.refused} points: {told.refusal}", err=True)
    if told.entries_left:
        typer.echo(
            f"warning: {told.entries_left} log entries are of devices without readings, or lie in the future", err=True
        )
    for problem in told.problems:
        typer.echo(f"warning: {problem}", err=True)
    logged = f"; {len(told.entries)} log entries" if events is not None else ""
    typer.echo(f"{told.readings} readings imported, {told.judged} of them judged{logged}")


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")], config: Config = None
) -> None:
    """Copy everything the service keeps itself, also while it runs."""
    import time

    from forewarn.backup import run_backup

    made = run_backup(folder, settings_of(config), time.time_ns())
    for sentence in made.left_out:
        typer.echo(f"not in it: {sentence}", err=True)
    typer.echo(f"{', '.join(made.files)}: {folder}")


@app.command()
def serve(config: Config = None) -> None:
    """Run the service."""
    from forewarn.live import logs
    from forewarn.live.service import Service
    from forewarn.live.serving import serve as run

    settings = settings_of(config)
    logs.configure(settings.log.level)
    run(Service(settings))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def bench(context: typer.Context) -> None:
    """Run one of the project's benchmarks; without a name, list them."""
    from forewarn.cli.benches import run_bench

    raise typer.Exit(run_bench(context.args))


@app.command()
def demo(
    port: Annotated[
        int, typer.Option(min=1, max=65_535, help="Of the console; the next free one if it is taken.")
    ] = 8000,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep the data here; a temporary folder else.")
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open the console.")] = False,
    no_faults: Annotated[bool, typer.Option("--no-faults", help="The same site with nothing wrong.")] = False,
) -> None:
    """Show the whole service with a simulated site where faults develop."""
    from forewarn.demo import run_demo
    from forewarn.live import logs

    logs.configure("warning")
    run_demo(port, data, not no_browser, typer.echo, faults=not no_faults)


databases = typer.Typer(help="The SQL database of alerts, orders and users.", no_args_is_help=True)


@databases.command("upgrade")
def db_upgrade(config: Config = None) -> None:
    """Bring the database to the revision of this release."""
    from forewarn.database_admin import upgrade
    from ingest.database import make_engine

    revision = upgrade(make_engine(settings_of(config).database_url))
    typer.echo(f"the database is at revision {revision}")


app.command()(backtest.backtest)
app.command(cls=train.TrainCommand)(train.train)
app.command()(simulate.simulate)
app.command()(simulate.replay)
app.add_typer(people.users, name="user")
app.add_typer(people.tokens, name="token")
app.add_typer(export.exports, name="export")
app.add_typer(model.models, name="model")
app.add_typer(rejects.rejects, name="rejects")
app.add_typer(databases, name="db")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit status."""
    # At the end all memory goes back at once: searching it for cycles first takes a large part of a second, of which
    # there are five to stop in.
    atexit.register(gc.freeze)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files need not be text; as on standard error
    with failing():
        given = sys.argv[1:] if arguments is None else list(arguments)
        status = app(args=given, prog_name="forewarn", standalone_mode=False)
        if status == INTERRUPTED:
            raise KeyboardInterrupt
        sys.exit(status if isinstance(status, int) else 0)
