"""Passwords, tokens and session ids: made, hashed and compared; nothing here is stored in clear."""

from __future__ import annotations

import hashlib
import secrets
import threading
from functools import lru_cache
from typing import TYPE_CHECKING
from unicodedata import normalize

from ingest.errors import InputError

if TYPE_CHECKING:
    from pwdlib import PasswordHash

SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1_024
TOKEN_PREFIX = "fw_"  # noqa: S105  lets people and scanners see what they found
_HASHES_AT_ONCE = threading.BoundedSemaphore(2)
"""An Argon2 hash takes 64 MiB: many sign-ins at once must not take all memory."""


def check_password(password: str) -> None:
    """Raises InputError if a new password is too short or absurdly long."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InputError(f"a password has between {SHORTEST_PASSWORD} and {LONGEST_PASSWORD} characters")


def hash_password(password: str) -> str:
    """The Argon2id hash of a password; takes tens of milliseconds on purpose."""
    with _HASHES_AT_ONCE:
        return _hasher().hash(_bytes(password))


def password_matches(password: str, password_hash: str | None) -> bool:
    """Whether it is the password; takes as long when there is no such user (`password_hash` None)."""
    with _HASHES_AT_ONCE:
        fits = _hasher().verify(_bytes(password[:LONGEST_PASSWORD]), password_hash or _nobody())
    return fits and password_hash is not None


def new_token() -> str:
    """A fresh API token: 256 random bits."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def new_session_id() -> str:
    """A fresh session id: 256 random bits."""
    return secrets.token_urlsafe(32)


def new_link_secret() -> str:
    """A fresh secret of a customer's link: 192 random bits in 32 characters."""
    return secrets.token_urlsafe(24)


def secret_hash(secret: str) -> str:
    """What is stored of a token, link or session id: with so many random bits a plain hash is as good as a slow one."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def csrf_of(session_id: str) -> str:
    """The CSRF token of a session: only who knows the session id can make it."""
    return hashlib.sha256(b"csrf\0" + session_id.encode("utf-8", "replace")).hexdigest()


def _bytes(password: str) -> bytes:
    """A password is the same however a keyboard composes its characters (NFKC, as NIST SP 800-63B asks)."""
    return normalize("NFKC", password).encode("utf-8", "surrogatepass")


@lru_cache(maxsize=1)
def _hasher() -> PasswordHash:
    from pwdlib import PasswordHash

    return PasswordHash.recommended()


@lru_cache(maxsize=1)
def _nobody() -> str:
    """The hash of a password that nobody has."""
    return _hasher().hash(secrets.token_urlsafe(32))
