"""`forewarn rejects …`: what a running service could not take, over its API, from this machine or another one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forewarn.cli.options import Config, settings_of

if TYPE_CHECKING:
    import httpx

rejects = typer.Typer(help="What could not be taken: look at it, and read it once more.", no_args_is_help=True)

TOKEN = "FOREWARN_API_TOKEN"  # noqa: S105  the name of the variable
TIMEOUT_S = 60
Url = Annotated[
    str | None,
    typer.Option(metavar="URL", help=f"The service, if it is not that of the settings. ${TOKEN} holds a token."),
]
Topic = Annotated[str | None, typer.Option(metavar="FILTER", help="Only those whose topic this MQTT filter covers.")]


@rejects.command("list")
def list_(
    topic: Topic = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    url: Url = None,
    config: Config = None,
) -> None:
    """List what could not be taken, the newest first: number, arrival, where from, reason."""
    with _service(url, config) as service:
        page = _ask(service, "GET", "", params={"limit": limit} | ({"topic": topic} if topic else {}))
    for item in page["items"]:
        typer.echo("\t".join([str(item["id"]), item["received_at"], item["topic"] or item["source"], item["reason"]]))
    if page["next"]:
        typer.echo(f"{len(page['items'])} of {page['kept']} are shown", err=True)


@rejects.command()
def show(
    number: Annotated[int, typer.Argument(metavar="NUMBER", min=1)], url: Url = None, config: Config = None
) -> None:
    """Show what was sent."""
    from base64 import b64decode

    with _service(url, config) as service:
        item = _ask(service, "GET", f"/{number}")
    for name in ("received_at", "source", "topic", "reason", "size"):
        typer.echo(f"{name}: {item[name]}", err=True)
    text = item["payload"]
    typer.echo(text if text is not None else b64decode(item["payload_base64"]).hex(" "))


@rejects.command()
def replay(
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="NUMBER…", help="Without: all, or all of --topic.")
    ] = None,
    topic: Topic = None,
    mapping: Annotated[Path | None, typer.Option(metavar="FILE", help="How to read them, as in mapping.file.")] = None,
    dry: Annotated[
        bool, typer.Option("--try", help="Show the readings that it would give, and change nothing.")
    ] = False,
    url: Url = None,
    config: Config = None,
) -> None:
    """Read rejects once more. What is taken is stored as history; what was taken as a whole is no reject any more."""
    if numbers and topic:
        raise typer.BadParameter("numbers and --topic exclude each other")
    asked = {"mapping": _text(mapping)} if mapping else {}
    read = accepted = left = 0
    with _service(url, config) as service:
        for item in _read(service, "try" if dry else "replay", numbers, asked | ({"topic": topic} if topic else {})):
            read, accepted = read + 1, accepted + item.get("accepted", item.get("count", 0))
            left += item["problem"] is not None
            for row in item.get("readings", ()):
                names = [str(item["id"]), row["time"], row["site"], row["device"], row["metric"], str(row["value"])]
                typer.echo("\t".join([*names, row["unit"] or ""]))
            if item["problem"] is not None:
                typer.echo(f"{item['id']}: {item['problem']}", err=True)
    would = "would give" if dry else "gave"
    typer.echo(f"{read} rejects {would} {accepted} readings; {left} hold something that cannot be taken", err=True)


def _read(
    service: httpx.Client, action: str, numbers: list[int] | None, asked: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """What became of each reject, one after the other."""
    for number in numbers or ():
        yield _ask(service, "POST", f"/{number}/{action}", json=asked)
    cursor: dict[str, Any] | None = None if numbers else {}
    while cursor is not None:
        page = _ask(service, "POST", f"/{action}", json=asked | cursor)
        yield from page["items"]
        cursor = {"cursor": page["next"]} if page["next"] else None


def _text(path: Path) -> str:
    from ingest.errors import InputError, said_by

    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {said_by(error)}") from error


def _service(url: str | None, config: Path | None) -> httpx.Client:
    import httpx

    if url is None:
        http = settings_of(config).http
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(http.host, http.host)  # noqa: S104  where it can be reached
        url = f"http://[{host}]:{http.port}" if ":" in host else f"http://{host}:{http.port}"
    token = os.environ.get(TOKEN)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=TIMEOUT_S)


def _ask(service: httpx.Client, method: str, path: str, **asked: Any) -> dict[str, Any]:
    """The answer. Raises InputError where the request is wrong, RetryableError where the service is away or busy."""
    import httpx

    from ingest.errors import InputError, RejectedError, RetryableError

    where = service.base_url
    try:
        answer = service.request(method, f"/api/v1/rejects{path}", **asked)
        said: dict[str, Any] = answer.json()
    except (httpx.TransportError, httpx.InvalidURL, ValueError) as error:
        raise RetryableError(f"no service answers at {where}: {error}") from error
    if answer.is_success:
        return said
    told = str(said.get("detail") or said.get("title") or f"HTTP {answer.status_code}")
    if answer.status_code in {404, 422}:
        raise InputError(told)
    if answer.status_code == 503:
        raise RetryableError(told)
    raise RejectedError(f"{where} says: {told}")
