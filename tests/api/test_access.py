import subprocess
import sys
import threading
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from api.access import secrets, throttle
from api.access.principal import Principal, Role
from api.access.store import (
    SESSION_LIFETIME_NS,
    AccessStore,
    TooManyFailuresError,
    User,
    WrongPasswordError,
)
from api.access.tables import FailureRow, SessionRow, TokenRow, UserRow
from ingest.database import reading
from ingest.errors import InputError, NotFoundError

NOW = 1_767_225_600 * 10**9
SECOND = 10**9
PASSWORD = "correct horse"
HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture(autouse=True)
def _quick_hashes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 with little work: hundreds of hashes would take minutes."""
    if "real_hashes" in request.fixturenames:
        return
    hasher = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
    nobody = hasher.hash(b"nobody")
    monkeypatch.setattr(secrets, "_hasher", lambda: hasher)
    monkeypatch.setattr(secrets, "_nobody", lambda: nobody)


@pytest.fixture
def real_hashes() -> None:
    """Asks for the hashes of the real service."""


@pytest.fixture
def access(engine: sa.Engine) -> AccessStore:
    """With one user, li, an operator."""
    store = AccessStore(engine)
    store.add_user("li", Role.OPERATOR, PASSWORD, NOW)
    return store


def sign_in_wrongly(access: AccessStore, times: int, name: str = "li", address: str = HERE, now: int = NOW) -> None:
    for _ in range(times):
        with pytest.raises(WrongPasswordError):
            access.verify_password(name, "wrong", address, now)


# -- users ---------------------------------------------------------------------------------------------------------


def test_users_come_and_go(engine: sa.Engine) -> None:
    access = AccessStore(engine)
    assert not access.any_user()
    access.add_user("wang", Role.ADMIN, PASSWORD, NOW)
    access.add_user("李雷", Role.VIEWER, PASSWORD, NOW + 1)
    assert access.any_user()
    assert access.list_users() == (User("wang", Role.ADMIN, NOW), User("李雷", Role.VIEWER, NOW + 1))
    access.remove_user("wang")
    assert [user.name for user in access.list_users()] == ["李雷"]
    with pytest.raises(NotFoundError, match="no user 'wang'"):
        access.remove_user("wang")


@pytest.mark.parametrize(
    ("name", "password", "problem"),
    [
        pytest.param("li", PASSWORD, "there is a user 'li' already", id="taken"),
        pytest.param("", PASSWORD, "a user name is 1 to 64", id="empty name"),
        pytest.param(" li", PASSWORD, "no space at its ends", id="space before"),
        pytest.param("l\ni", PASSWORD, "printable", id="control character"),
        pytest.param("x" * 65, PASSWORD, "1 to 64", id="long name"),
        pytest.param("wang", "short", "between 8 and 1024", id="short password"),
        pytest.param("wang", "x" * 1_025, "between 8 and 1024", id="absurdly long password"),
    ],
)
def test_users_that_cannot_be(access: AccessStore, name: str, password: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        access.add_user(name, Role.VIEWER, password, NOW)
    assert len(access.list_users()) == 1


def test_no_secret_is_stored_in_clear(engine: sa.Engine, access: AccessStore) -> None:
    token = access.add_token("li", None, NOW)
    session_id = access.open_session(Principal("li", Role.OPERATOR), NOW)
    with reading(engine) as session:
        rows = [
            repr(vars(row)) for table in (UserRow, TokenRow, SessionRow) for row in session.scalars(sa.select(table))
        ]
    text = " ".join(rows)
    assert "$argon2id$" in text
    for secret in (PASSWORD, token, session_id, secrets.csrf_of(session_id)):
        assert secret not in text


# -- passwords -----------------------------------------------------------------------------------------------------


def test_the_right_password_signs_in(access: AccessStore) -> None:
    assert access.verify_password("li", PASSWORD, HERE, NOW) == Principal("li", Role.OPERATOR)


@pytest.mark.parametrize(
    ("name", "password"),
    [
        pytest.param("li", "wrong", id="wrong password"),
        pytest.param("li", "", id="no password"),
        pytest.param("li", "correct horse ", id="one character more"),
        pytest.param("nobody", PASSWORD, id="unknown user"),
        pytest.param("Li", PASSWORD, id="another spelling"),
        pytest.param("li", "x" * 10_000_000, id="a very long password"),
        pytest.param("a\0b" * 1000, "\ud800", id="nonsense"),
    ],
)
def test_wrong_user_or_password(access: AccessStore, name: str, password: str) -> None:
    with pytest.raises(WrongPasswordError, match="do not fit together"):
        access.verify_password(name, password, HERE, NOW)


def test_an_unknown_user_costs_as_many_hashes_as_a_known_one(
    access: AccessStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    hasher = type(secrets._hasher())
    verify = hasher.verify

    def counted(self: PasswordHash, password: bytes, password_hash: str) -> bool:
        hashed.append(password_hash.rpartition("$")[0].rpartition("$")[0])
        return verify(self, password, password_hash)

    monkeypatch.setattr(hasher, "verify", counted)
    sign_in_wrongly(access, 1, "li")
    sign_in_wrongly(access, 1, "nobody")
    assert len(hashed) == 2
    assert hashed[0] == hashed[1], "with the same parameters"


def test_real_hashes_are_costly_and_salted(real_hashes: None) -> None:
    one, other = secrets.hash_password(PASSWORD), secrets.hash_password(PASSWORD)
    assert one != other
    assert one.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert secrets.password_matches(PASSWORD, one)
    assert not secrets.password_matches("wrong", one)
    assert not secrets.password_matches(PASSWORD, None)


def test_a_password_is_the_same_on_every_keyboard(access: AccessStore) -> None:
    access.add_user("zoe", Role.VIEWER, "caf\u00e9 au lait", NOW)
    assert access.verify_password("zoe", "cafe\u0301 au lait", HERE, NOW).name == "zoe"


def test_who_guesses_waits(access: AccessStore) -> None:
    sign_in_wrongly(access, 5)
    with pytest.raises(TooManyFailuresError, match="try again in 1 s") as refused:
        access.verify_password("li", PASSWORD, HERE, NOW)
    assert refused.value.retry_after_s == 1
    sign_in_wrongly(access, 1, now=NOW + SECOND)
    with pytest.raises(TooManyFailuresError, match="try again in 2 s"):
        access.verify_password("li", PASSWORD, HERE, NOW + SECOND)
    assert access.verify_password("li", PASSWORD, HERE, NOW + 3 * SECOND).name == "li"
    sign_in_wrongly(access, 4, now=NOW + 3 * SECOND)
    assert access.verify_password("li", PASSWORD, HERE, NOW + 3 * SECOND).name == "li", "success forgives"


def test_a_guesser_does_not_lock_out_the_user_who_sits_elsewhere(access: AccessStore) -> None:
    sign_in_wrongly(access, 5, address=HERE)
    assert access.verify_password("li", PASSWORD, THERE, NOW).name == "li"


def test_one_address_cannot_try_every_user(access: AccessStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "FREE_FAILURES_OF_MANY", 6)
    for n in range(6):
        sign_in_wrongly(access, 1, name=f"user-{n}")
    with pytest.raises(TooManyFailuresError):
        access.verify_password("li", PASSWORD, HERE, NOW)


def test_failures_are_forgotten_after_a_day(engine: sa.Engine, access: AccessStore) -> None:
    sign_in_wrongly(access, 5, name="nobody")
    sign_in_wrongly(access, 1, name="li", address=THERE, now=NOW + throttle.FORGET_AFTER_NS + 1)
    with reading(engine) as session:
        keys = set(session.scalars(sa.select(FailureRow.key)))
    assert keys == {f"user:li@{THERE}", "user:li", f"address:{THERE}"}


# -- tokens --------------------------------------------------------------------------------------------------------


def test_a_token_speaks_for_its_user(access: AccessStore) -> None:
    token = access.add_token("li", None, NOW)
    assert token.startswith("fw_")
    assert len(token) >= 43
    assert access.principal_of_token(token) == Principal("li", Role.OPERATOR)
    assert access.principal_of_token(token[:-1]) is None
    assert access.principal_of_token("") is None
    assert access.principal_of_token("\ud800") is None


@pytest.mark.parametrize(
    ("name", "role", "reaches"),
    [
        pytest.param("li", Role.VIEWER, Role.VIEWER, id="less than its user"),
        pytest.param("li", Role.OPERATOR, Role.OPERATOR, id="as far as its user"),
        pytest.param("grafana", None, Role.VIEWER, id="a program: viewer"),
        pytest.param("gateway", Role.OPERATOR, Role.OPERATOR, id="a program with a role"),
    ],
)
def test_how_far_a_token_reaches(access: AccessStore, name: str, role: Role | None, reaches: Role) -> None:
    assert access.principal_of_token(access.add_token(name, role, NOW)) == Principal(name, reaches)


def test_a_token_does_not_reach_farther_than_its_user(access: AccessStore) -> None:
    with pytest.raises(InputError, match="user 'li' is operator: a token of that user cannot be admin"):
        access.add_token("li", Role.ADMIN, NOW)
    token = access.add_token("wang", Role.ADMIN, NOW)
    access.add_user("wang", Role.VIEWER, PASSWORD, NOW)
    assert access.principal_of_token(token) == Principal("wang", Role.VIEWER)


def test_tokens_are_listed_and_removed(access: AccessStore) -> None:
    token = access.add_token("grafana", None, NOW)
    [listed] = access.list_tokens()
    assert (listed.name, listed.role, listed.created_at) == ("grafana", Role.VIEWER, NOW)
    assert token not in repr(listed)
    access.remove_token(listed.id)
    assert access.principal_of_token(token) is None
    with pytest.raises(NotFoundError):
        access.remove_token(listed.id)


# -- sessions ------------------------------------------------------------------------------------------------------


def test_a_session_lasts_a_shift(access: AccessStore) -> None:
    session_id = access.open_session(Principal("li", Role.OPERATOR), NOW)
    found = access.session(session_id, NOW + SESSION_LIFETIME_NS - 1)
    assert found is not None
    assert found.principal == Principal("li", Role.OPERATOR)
    assert found.expires_at == NOW + SESSION_LIFETIME_NS
    assert access.session(session_id, NOW + SESSION_LIFETIME_NS) is None
    assert access.principal_of_session("guess", NOW) is None


def test_every_session_has_its_own_csrf_token(access: AccessStore) -> None:
    ids = [access.open_session(Principal("li", Role.OPERATOR), NOW) for _ in range(2)]
    tokens = {found.csrf for session_id in ids if (found := access.session(session_id, NOW))}
    assert len(tokens) == 2
    assert not tokens & set(ids)


def test_signing_out_ends_one_session_only(access: AccessStore) -> None:
    one, other = (access.open_session(Principal("li", Role.OPERATOR), NOW) for _ in range(2))
    access.close_session(one)
    access.close_session(one)
    assert access.principal_of_session(one, NOW) is None
    assert access.principal_of_session(other, NOW) == Principal("li", Role.OPERATOR)


def test_sessions_that_are_over_are_swept_away(engine: sa.Engine, access: AccessStore) -> None:
    access.open_session(Principal("li", Role.OPERATOR), NOW)
    access.open_session(Principal("li", Role.OPERATOR), NOW + SESSION_LIFETIME_NS)
    with reading(engine) as session:
        assert len(session.scalars(sa.select(SessionRow)).all()) == 1


def test_a_removed_user_is_out_at_once_with_all_sessions_and_tokens(access: AccessStore) -> None:
    session_id = access.open_session(Principal("li", Role.OPERATOR), NOW)
    token = access.add_token("li", None, NOW)
    access.remove_user("li")
    assert access.principal_of_session(session_id, NOW) is None
    assert access.principal_of_token(token) is None
    with pytest.raises(NotFoundError):
        access.open_session(Principal("li", Role.OPERATOR), NOW)


def test_a_new_password_signs_out_everywhere_and_keeps_the_tokens(access: AccessStore) -> None:
    session_id = access.open_session(Principal("li", Role.OPERATOR), NOW)
    token = access.add_token("li", None, NOW)
    access.set_password("li", "another horse")
    assert access.principal_of_session(session_id, NOW) is None
    assert access.principal_of_token(token) == Principal("li", Role.OPERATOR)
    with pytest.raises(WrongPasswordError):
        access.verify_password("li", PASSWORD, HERE, NOW)
    assert access.verify_password("li", "another horse", THERE, NOW) == Principal("li", Role.OPERATOR)
    with pytest.raises(NotFoundError, match="there is no user 'wang'"):
        access.set_password("wang", "another horse")
    with pytest.raises(InputError, match="8"):
        access.set_password("li", "short")


def test_what_another_process_changes_holds_at_once(access: AccessStore, database_url: str) -> None:
    token = access.add_token("li", None, NOW)
    assert access.principal_of_token(token) is not None
    code = (
        "import sys; from ingest.database import make_engine; from api.access.store import AccessStore;"
        "AccessStore(make_engine(sys.argv[1])).remove_user('li')"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code, database_url], check=True, timeout=60)
    assert access.principal_of_token(token) is None
    assert not access.any_user()


def test_many_sign_ins_at_once(access: AccessStore) -> None:
    found: list[Principal] = []
    actions: list[Callable[[], None]] = [
        lambda: found.append(access.verify_password("li", PASSWORD, HERE, NOW)) for _ in range(8)
    ]
    threads = [threading.Thread(target=action) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [Principal("li", Role.OPERATOR)] * 8


def test_roles_are_ranked() -> None:
    assert sorted(Role, key=lambda role: role.rank) == [Role.VIEWER, Role.OPERATOR, Role.ADMIN]
