"""`forewarn simulate` and `forewarn replay`: readings for a broker or a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from simulators.scenario import Timeline

EARLIEST_START, LATEST_START = "1990-01-01T00:00:00Z", "2200-01-01T00:00:00Z"
BROKER = "mqtt://127.0.0.1:1883"

Speed = Annotated[str, typer.Option(metavar="N|max", help="Times real time, or as fast as possible.")]
Broker = Annotated[str, typer.Option("--mqtt", metavar="URL", help="The broker to publish to.")]


def simulate(
    scenario: Annotated[str | None, typer.Argument(metavar="SCENARIO", help="A file or a built-in name.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the built-in scenarios.")] = False,
    mqtt: Broker = BROKER,
    speed: Speed = "1",
    start: Annotated[str | None, typer.Option(metavar="TIME", help="When it begins; its history comes before.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same readings.")] = 0,
    truth: Annotated[Path | None, typer.Option(metavar="FILE", help="Write what was wrong and when.")] = None,
    expected: Annotated[Path | None, typer.Option(metavar="FILE", help="Write what must be raised.")] = None,
    registry: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="Write the site's devices, for registry.file.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="Write readings here instead.")] = None,
    processes: Annotated[int, typer.Option(min=1, max=64, help="Work on a file with so many.")] = 1,
    qos: Annotated[int, typer.Option(min=0, max=1, help="Quality of service of the telemetry.")] = 1,
    clients: Annotated[
        int | None,
        typer.Option(min=1, help="1: one gateway, as for max; more: a session for each device.", show_default=False),
    ] = None,
) -> None:
    """Play a scenario to a broker, or write its readings to a file."""
    from forewarn.live.serving import asked_to_stop
    from forewarn.progress import sharing
    from simulators.csvfile import simulate_to_csv
    from simulators.publish import parse_speed, simulate_to_mqtt
    from simulators.scenario import list_scenarios, load_scenario
    from simulators.simulation import DEFAULT_START

    if list_:
        for name, description in list_scenarios():
            typer.echo(f"{name}\t{description}")
        return
    if scenario is None:
        raise typer.BadParameter("missing argument SCENARIO; `forewarn simulate --list` names the built-in ones")
    loaded, begin, pace = load_scenario(scenario), _time(start), parse_speed(speed)
    with sharing("simulating") as progress:
        if out is not None:
            count = simulate_to_csv(
                loaded,
                out,
                seed=seed,
                start=begin,
                processes=processes,
                truth=truth,
                expected=expected,
                registry=registry,
                progress=progress,
            )
            typer.echo(f"{count} readings: {out}")
            typer.echo(_span(loaded.spec.timeline, DEFAULT_START if begin is None else begin))
            return
        with asked_to_stop() as stop:
            played = simulate_to_mqtt(
                loaded,
                mqtt,
                seed=seed,
                start=begin,
                speed=pace,
                truth=truth,
                expected=expected,
                registry=registry,
                clients=clients,
                qos=qos,
                stop=stop,
                progress=progress,
            )
    typer.echo(f"{played.readings} readings in {played.messages} messages: {_shown(mqtt)}")


def replay(
    files: Annotated[list[Path], typer.Argument(metavar="FILE.csv…", help="Readings as CSV, also .csv.gz.")],
    mqtt: Broker = BROKER,
    speed: Speed = "1",
    shift_to_now: Annotated[
        bool, typer.Option("--shift-to-now", help="Move all stamps so that it begins now.")
    ] = False,
) -> None:
    """Publish recorded readings with their recorded stamps."""
    from forewarn.live.serving import asked_to_stop
    from simulators.publish import parse_speed
    from simulators.replay import replay as play

    with asked_to_stop() as stop:
        done = play(files, mqtt, speed=parse_speed(speed), shift_to_now=shift_to_now, stop=stop)
    if done.bad_rows:
        typer.echo(f"warning: {done.bad_rows} bad rows were left out; the first: {done.bad[0]}", err=True)
    typer.echo(f"{done.rows} readings in {done.messages} messages: {_shown(mqtt)}")


def _time(text: str | None) -> int | None:
    from ingest.times import parse_time

    if text is None:
        return None
    try:
        start = parse_time(text)
    except ValueError as error:
        raise typer.BadParameter(f"--start {text!r}: {error}; allowed is ISO 8601 with a zone, or epoch") from error
    if not parse_time(EARLIEST_START) <= start <= parse_time(LATEST_START):
        raise typer.BadParameter(f"--start {text!r}: allowed is {EARLIEST_START} to {LATEST_START}")
    return start


def _span(timeline: Timeline, start: int) -> str:
    """From when to when a scenario goes whose history precedes `start` (ns UTC)."""
    from ingest.times import format_time

    begin, end = format_time(start - timeline.history), format_time(start + timeline.span)
    history = f"history from {begin}, " if timeline.history else ""
    return f"{history}start {format_time(start)}, end {end}"


def _shown(url: str) -> str:
    """A broker's URL without its password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
