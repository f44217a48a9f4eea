"""`forewarn user …` and `forewarn token …`: who may use the API and the console."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forewarn.cli.options import Config, settings_of

if TYPE_CHECKING:
    from api.access.store import AccessStore

users = typer.Typer(help="Users of the console and the API.", no_args_is_help=True)
tokens = typer.Typer(help="Tokens for programs.", no_args_is_help=True)

PasswordFile = Annotated[Path | None, typer.Option(metavar="F", help="Its first line is the password.")]
ROLES = ("admin", "operator", "viewer")


def _access(config: Path | None) -> AbstractContextManager[AccessStore]:
    from forewarn.cli.accounts import access_store

    return access_store(settings_of(config).database_url)


def _role(text: str) -> str:
    if text not in ROLES:
        raise typer.BadParameter(f"{text!r} should be one of {', '.join(ROLES)}")
    return text


def _new_password(file: Path | None) -> str:
    from forewarn.cli.accounts import read_password

    if file is None and not sys.stdin.isatty():
        raise typer.BadParameter("--password-file F is missing, and there is no terminal to ask for the password on")
    return read_password(file, lambda prompt: str(typer.prompt(prompt.rstrip(": "), hide_input=True)))


@users.command("add")
def user_add(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    role: Annotated[str, typer.Option(callback=_role, metavar="admin|operator|viewer")],
    password_file: PasswordFile = None,
    config: Config = None,
) -> None:
    """Add a user; without --password-file the password is asked for."""
    from api.access.principal import Role

    password = _new_password(password_file)
    with _access(config) as access:
        access.add_user(name, Role(role), password, time.time_ns())
    typer.echo(f"user {name!r} may sign in as {role}")


@users.command("list")
def user_list(config: Config = None) -> None:
    """List the users and their roles."""
    with _access(config) as access:
        for user in access.list_users():
            typer.echo(f"{user.name}\t{user.role}")


@users.command("password")
def user_password(
    name: Annotated[str, typer.Argument(metavar="NAME")], password_file: PasswordFile = None, config: Config = None
) -> None:
    """Give a user another password, and end all sessions of that user; tokens stay."""
    password = _new_password(password_file)
    with _access(config) as access:
        access.set_password(name, password)
    typer.echo(f"user {name!r} has a new password and is signed out everywhere")


@users.command("remove")
def user_remove(name: Annotated[str, typer.Argument(metavar="NAME")], config: Config = None) -> None:
    """Remove a user, with all sessions and tokens."""
    with _access(config) as access:
        access.remove_user(name)
    typer.echo(f"user {name!r} is removed")


@tokens.command("add")
def token_add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A user, or the program that will use the token.")],
    role: Annotated[str | None, typer.Option(metavar="admin|operator|viewer")] = None,
    config: Config = None,
) -> None:
    """Make a token and print it; it is shown this once."""
    from api.access.principal import Role

    wanted = None if role is None else Role(_role(role))
    with _access(config) as access:
        typer.echo(access.add_token(name, wanted, time.time_ns()))


@tokens.command("list")
def token_list(config: Config = None) -> None:
    """List the tokens, without their secrets."""
    with _access(config) as access:
        for token in access.list_tokens():
            typer.echo(f"{token.id}\t{token.name}\t{token.role}")


@tokens.command("remove")
def token_remove(token: Annotated[str, typer.Argument(metavar="ID", help="As listed.")], config: Config = None) -> None:
    """Remove a token."""
    with _access(config) as access:
        access.remove_token(token)
    typer.echo(f"token {token} is removed")
