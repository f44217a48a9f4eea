"""Ports that are taken are named, or walked around."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from forewarn.live.ports import check_free, free_port, listen
from ingest.errors import InputError

HOST = "127.0.0.1"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((HOST, 0)) as server:
        yield int(server.getsockname()[1])


def test_a_port_in_use_is_named_with_its_setting(taken: int) -> None:
    with pytest.raises(InputError, match=rf"^http\.port = {taken} on 127\.0\.0\.1: the port is in use$"):
        check_free(HOST, taken, "http.port")


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(InputError, match=r"http\.port = 8000 on 192\.0\.2\.1: "):
        check_free("192.0.2.1", 8000, "http.port")


def test_the_next_free_port_is_found(taken: int) -> None:
    found = free_port(HOST, taken)
    assert taken < found <= taken + 50
    assert free_port(HOST, found, frozenset({found})) > found


def test_a_socket_that_listens_is_given(taken: int) -> None:
    with listen(HOST, free_port(HOST, taken), "http.port") as listening:
        assert listening.getsockname()[0] == HOST


def test_what_is_answered_there_is_sent_at_once(taken: int) -> None:
    """Without TCP_NODELAY the second half of every answer waits for the peer's delayed acknowledgement."""

    async def nodelay() -> int:
        told: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted = writer.get_extra_info("socket")
            told.set_result(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listening = listen(HOST, free_port(HOST, taken), "http.port")
        async with await asyncio.start_server(answer, sock=listening):
            _, writer = await asyncio.open_connection(*listening.getsockname()[:2])
            found = await asyncio.wait_for(told, 10)
            writer.close()
            await writer.wait_closed()
        return found

    assert asyncio.run(nodelay()) != 0
