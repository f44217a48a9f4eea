"""The hub never waits for a client, and tells one that missed something."""

import asyncio
import threading
from typing import Any

import pytest

from api.hub import BATCHES, MOST_CLIENTS, QUEUE_LENGTH, REMEMBERED, Client, Hub, TooManyClientsError, Topic, Wish

ALL = Wish(frozenset({Topic.ALERT, Topic.WORK_ORDER, Topic.READING}))


def publish(hub: Hub, number: int, topic: Topic = Topic.ALERT) -> None:
    hub.publish(topic, lambda _wish: [{"n": number}])


def publish_many(hub: Hub, count: int) -> None:
    for number in range(count):
        publish(hub, number)


async def take(client: Client) -> list[tuple[Topic, Any]]:
    events = await client.next(5.0)
    assert events is not None
    return [(event.topic, event.render(client.wish)[0].get("n")) for event in events]


def test_in_order_from_another_thread() -> None:
    async def story() -> None:
        hub = Hub()
        client = hub.join(ALL)
        thread = threading.Thread(target=publish_many, args=(hub, 100))
        thread.start()
        seen: list[Any] = []
        while len(seen) < 100:
            seen += [number for _, number in await take(client)]
        assert seen == list(range(100))
        thread.join()

    asyncio.run(story())


def test_only_what_is_wished_for() -> None:
    async def story() -> None:
        hub = Hub()
        client = hub.join(Wish(frozenset({Topic.WORK_ORDER})))
        assert hub.wanted(Topic.WORK_ORDER)
        assert not hub.wanted(Topic.READING)
        publish(hub, 1)
        publish(hub, 2, Topic.WORK_ORDER)
        assert await take(client) == [(Topic.WORK_ORDER, 2)]
        hub.leave(client)
        assert not hub.wanted(Topic.WORK_ORDER)

    asyncio.run(story())


def test_a_slow_client_loses_the_oldest_and_is_told() -> None:
    async def story() -> None:
        hub = Hub()
        client = hub.join(ALL)
        publish_many(hub, QUEUE_LENGTH + 50)
        seen = await take(client)
        assert seen[0] == (Topic.RESYNC, None)
        assert [number for _, number in seen[1:]] == list(range(50, QUEUE_LENGTH + 50))
        publish(hub, -1)
        assert await take(client) == [(Topic.ALERT, -1)], "it is told once"

    asyncio.run(story())


def test_many_readings_push_no_alert_out() -> None:
    async def story() -> None:
        hub = Hub()
        client = hub.join(ALL)
        publish(hub, -1)
        for number in range(QUEUE_LENGTH):
            publish(hub, number, Topic.READING)
        seen = await take(client)
        assert seen[:2] == [(Topic.RESYNC, None), (Topic.ALERT, -1)]
        assert [number for _, number in seen[2:]] == list(range(QUEUE_LENGTH - BATCHES, QUEUE_LENGTH))

    asyncio.run(story())


def id_of(hub: Hub, number: int) -> str:
    """The id of the event that said `number`."""
    (found,) = [event.id for event in hub._recent if event.render(ALL) == [{"n": number}]]
    assert found is not None
    return found


@pytest.mark.parametrize(("published", "last"), [(5, 4), (5, 2), (REMEMBERED + 10, REMEMBERED), (REMEMBERED, 0)])
def test_a_client_that_comes_back(published: int, last: int) -> None:
    async def story() -> None:
        hub = Hub()
        publish_many(hub, published)
        client = hub.join(ALL, id_of(hub, last))
        publish(hub, -1)
        assert [number for _, number in await take(client)] == [*range(last + 1, published), -1]

    asyncio.run(story())


@pytest.mark.parametrize("last", ["nonsense", "-", "deadbeef-3", "", "9" * 400, "x-٣"])
def test_an_id_of_another_life_means_resync(last: str) -> None:
    async def story() -> None:
        hub = Hub()
        publish(hub, 0)
        client = hub.join(ALL, last)
        publish(hub, 1)
        seen = await take(client)
        assert seen == [*([(Topic.RESYNC, None)] if last else []), (Topic.ALERT, 1)]

    asyncio.run(story())


def test_too_long_away_means_resync() -> None:
    async def story() -> None:
        hub = Hub()
        publish(hub, -1)
        first = id_of(hub, -1)
        publish_many(hub, REMEMBERED + 1)
        assert (await take(hub.join(ALL, first))) == [(Topic.RESYNC, None)]

    asyncio.run(story())


def test_readings_are_not_remembered() -> None:
    async def story() -> None:
        hub = Hub()
        publish(hub, 0)
        for number in range(REMEMBERED + 1):
            publish(hub, number, Topic.READING)
        publish(hub, 7)
        assert await take(hub.join(ALL, id_of(hub, 0))) == [(Topic.ALERT, 7)]

    asyncio.run(story())


def test_the_end_wakes_everybody_at_once() -> None:
    async def story() -> None:
        hub = Hub()
        clients = [hub.join(ALL) for _ in range(3)]
        waiting = [asyncio.create_task(client.next(60.0)) for client in clients]
        await asyncio.sleep(0)
        threading.Thread(target=hub.close).start()
        assert await asyncio.wait_for(asyncio.gather(*waiting), 5.0) == [None, None, None]
        assert await hub.join(ALL).next(5.0) is None, "nobody begins to listen after the end"

    asyncio.run(story())


def test_quiet_times() -> None:
    async def story() -> None:
        assert await Hub().join(ALL).next(0.01) == []

    asyncio.run(story())


def test_not_too_many() -> None:
    async def story() -> None:
        hub = Hub()
        clients = [hub.join(ALL) for _ in range(MOST_CLIENTS)]
        with pytest.raises(TooManyClientsError):
            hub.join(ALL)
        hub.leave(clients[0])
        hub.join(ALL)

    asyncio.run(story())


def test_a_client_whose_loop_is_gone_does_no_harm() -> None:
    hub = Hub()

    async def join() -> None:
        hub.join(ALL)

    asyncio.run(join())
    publish(hub, 1)
    hub.close()
