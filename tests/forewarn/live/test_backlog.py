"""Entries on their way between two stages: in order, bounded, and with gaps that the reader notices."""

from forewarn.live.backlog import Backlog, Item


def item(after: int, position: int, rows: int = 1) -> Item[str]:
    return Item(after, position, rows, f"{after}-{position}")


def values(items: list[Item[str]]) -> list[str]:
    return [one.value for one in items]


def test_what_follows_is_taken_together() -> None:
    backlog: Backlog[str] = Backlog(100)
    for one in (item(0, 1), item(1, 2), item(2, 5)):
        assert backlog.push(one)
    assert values(backlog.take(0, 10, 0)) == ["0-1", "1-2", "2-5"]


def test_items_stay_until_their_reader_is_past_them() -> None:
    backlog: Backlog[str] = Backlog(100)
    backlog.push(item(0, 1))
    backlog.push(item(1, 2))
    assert values(backlog.take(0, 1, 0)) == ["0-1"]
    assert values(backlog.take(0, 1, 0)) == ["0-1"]
    assert values(backlog.take(1, 1, 0)) == ["1-2"]
    assert values(backlog.waiting()) == ["1-2"]
    assert backlog.take(2, 1, 0) == []


def test_rows_limit_what_is_taken_but_one_item_is_always() -> None:
    backlog: Backlog[str] = Backlog(100)
    backlog.push(item(0, 1, rows=30))
    backlog.push(item(1, 2, rows=30))
    assert values(backlog.take(0, 40, 0)) == ["0-1"]
    assert values(backlog.take(0, 1, 0)) == ["0-1"]


def test_what_finds_no_room_is_a_gap() -> None:
    backlog: Backlog[str] = Backlog(10)
    assert backlog.push(item(0, 1, rows=9))
    assert not backlog.push(item(1, 2, rows=9))
    assert values(backlog.take(0, 100, 0)) == ["0-1"]
    assert backlog.gap(1, last=2) == 2
    assert backlog.push(item(2, 3, rows=9))
    assert backlog.take(1, 100, 0) == []
    assert backlog.gap(1, last=3) == 2
    assert values(backlog.take(2, 100, 0)) == ["2-3"]


def test_an_item_larger_than_the_backlog_has_room_when_it_is_empty() -> None:
    backlog: Backlog[str] = Backlog(10)
    assert backlog.push(item(0, 1, rows=1_000))


def test_an_item_the_reader_has_passed_is_forgotten() -> None:
    backlog: Backlog[str] = Backlog(10)
    backlog.push(item(0, 1, rows=10))
    assert backlog.gap(5, last=7) == 7
    assert backlog.push(item(7, 8, rows=10))
