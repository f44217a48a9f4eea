"""`/users` and `/tokens`: who may come in. For admins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from api.access.principal import Role
from api.deps import Parts
from api.items import ItemPage, Time
from ingest.times import format_time

router = APIRouter(tags=["access"])
Name = Annotated[str, Path(max_length=64)]


class UserItem(BaseModel):
    """Somebody who can sign in."""

    name: str
    role: Role
    created_at: Time


class NewUser(BaseModel):
    """Somebody to be let in."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=64)
    role: Role
    password: SecretStr = Field(description="8 to 1 024 characters")


class TokenItem(BaseModel):
    """An API token; its secret is shown once, when it is made."""

    id: str
    name: str
    role: Role
    created_at: Time


class NewToken(BaseModel):
    """A token of a user, or of a program with a name of its own."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=64)
    role: Role | None = Field(None, description="The user's role, or viewer, by default")


class MadeToken(BaseModel):
    """A fresh token: `token` is not shown again."""

    token: str


@router.get("/users")
def list_users(deps: Parts) -> ItemPage[UserItem]:
    """All users."""
    users = deps.access.list_users()
    return ItemPage(items=[UserItem(name=u.name, role=u.role, created_at=format_time(u.created_at)) for u in users])


@router.post("/users", status_code=201)
def add_user(deps: Parts, body: NewUser) -> UserItem:
    """Let somebody in. With the first user the service is no longer open; let the first one be an admin."""
    user = deps.access.add_user(body.name, body.role, body.password.get_secret_value(), deps.clock())
    return UserItem(name=user.name, role=user.role, created_at=format_time(user.created_at))


@router.delete("/users/{name}", status_code=204)
def remove_user(deps: Parts, name: Name) -> Response:
    """Remove a user with all sessions and tokens."""
    deps.access.remove_user(name)
    return Response(status_code=204)


@router.get("/tokens")
def list_tokens(deps: Parts) -> ItemPage[TokenItem]:
    """All tokens, without their secrets."""
    tokens = deps.access.list_tokens()
    return ItemPage(
        items=[TokenItem(id=t.id, name=t.name, role=t.role, created_at=format_time(t.created_at)) for t in tokens]
    )


@router.post("/tokens", status_code=201)
def add_token(deps: Parts, body: NewToken) -> MadeToken:
    """Make a token."""
    return MadeToken(token=deps.access.add_token(body.name, body.role, deps.clock()))


@router.delete("/tokens/{id}", status_code=204)
def remove_token(deps: Parts, id: Annotated[str, Path(max_length=64)]) -> Response:  # noqa: A002
    """Revoke a token."""
    deps.access.remove_token(id)
    return Response(status_code=204)
