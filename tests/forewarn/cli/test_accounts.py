from pathlib import Path

import pytest

from api.access.principal import Principal, Role
from forewarn.cli.accounts import access_store, read_password
from ingest.errors import InputError


def nobody_asks(_: str) -> str:
    raise AssertionError("a person was asked")


@pytest.mark.parametrize(
    ("content", "password"),
    [
        pytest.param("correct horse\n", "correct horse", id="a line"),
        pytest.param("correct horse", "correct horse", id="without a line end"),
        pytest.param("correct horse\r\nsomething else\n", "correct horse", id="the first of several lines"),
        pytest.param("  spaces count \n", "  spaces count ", id="spaces"),
        pytest.param("密码密码密码密码", "密码密码密码密码", id="Chinese"),
    ],
)
def test_a_password_from_a_file(tmp_path: Path, content: str, password: str) -> None:
    path = tmp_path / "password"
    path.write_bytes(content.encode())
    assert read_password(path, nobody_asks) == password


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"\nsecond line", "is empty", id="empty first line"),
        pytest.param(b"\xff\xfe", "not UTF-8", id="not a text"),
        pytest.param(None, "No such file", id="not there"),
    ],
)
def test_files_without_a_password(tmp_path: Path, content: bytes | None, problem: str) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=problem) as error:
        read_password(path, nobody_asks)
    assert str(path) in str(error.value)


def test_a_password_typed_twice() -> None:
    assert read_password(None, lambda _: "correct horse") == "correct horse"
    answers = iter(["correct horse", "correct house"])
    with pytest.raises(InputError, match="differ"):
        read_password(None, lambda _: next(answers))


def test_users_can_be_added_before_the_first_start(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'data' / 'forewarn.db'}"
    with access_store(url) as access:
        access.add_user("li", Role.ADMIN, "correct horse", 0)
        token = access.add_token("li", None, 0)
    with access_store(url) as access:
        assert access.principal_of_token(token) == Principal("li", Role.ADMIN)
