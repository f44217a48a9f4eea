"""What goes out over MQTT, against a real broker."""

import csv
import gzip
import threading
from itertools import groupby
from pathlib import Path

import orjson
import pytest

from simulators.csvfile import write_csv
from simulators.duration import NS
from simulators.errors import SimulatorError
from simulators.messages import gateway_messages
from simulators.payloads.protobuf import bytes_field, text_field, uint_field
from simulators.payloads.table import FORMATS
from simulators.publish import MAX, parse_speed, publish
from simulators.replay import replay
from simulators.scenario import Scenario, load_scenario
from simulators.simulation import Simulation
from simulators.troubles import LieSpec
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.simulators.listener import Listener
from tests.waiting import wait_until


def renamed(site: str, name: str = "demo") -> Scenario:
    """A built-in scenario at another site, so that tests share a broker."""
    scenario = load_scenario(name)
    spec = scenario.spec.model_copy(update={"site": scenario.spec.site.model_copy(update={"name": site})})
    return Scenario(name=name, spec=spec)


def expected(sim: Simulation, begin: int, end: int) -> list[tuple[str, int, str, float]]:
    return [
        (sim.devices[device].device.name, time // 1_000_000, sim.metrics[metric], value)
        for block in sim.blocks(begin, end)
        for device, time, metric, value in zip(
            block.device.tolist(), block.time.tolist(), block.metric.tolist(), block.value.tolist(), strict=True
        )
    ]


@pytest.mark.parametrize("clients", [None, 2], ids=["gateway", "own-sessions"])
def test_publishes_every_reading_once(mosquitto: Mosquitto, unique_name: str, clients: int | None) -> None:
    sim = Simulation(renamed(unique_name))
    end = sim.start + 120 * NS
    with Listener(mosquitto, f"forewarn/v1/{unique_name}/#") as heard:
        played = publish(sim, mosquitto.url, speed=MAX, until=end, history=False, clients=clients)
        wanted = expected(sim, sim.start, end)
        wait_until(lambda: len(heard.readings()) >= len(wanted), "all readings")
        assert sorted(heard.readings()) == sorted(wanted)
        assert played.readings == len(wanted)
        said = wait_until(heard.statuses, "statuses")
        assert len(said) == len(sim.devices)
        wait_until(lambda: all(words == ["online", "offline"] for words in heard.statuses().values()), "offline")


@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_every_format_travels(mosquitto: Mosquitto, unique_name: str, kind: str) -> None:
    scenario = renamed(unique_name)
    devices = [device.model_copy(update={"format": kind}) for device in scenario.spec.device]
    spec = scenario.spec.model_copy(update={"device": tuple(devices), "fault": (), "lie": ()})
    sim = Simulation(Scenario(name="demo", spec=spec))
    with Listener(mosquitto, "#") as heard:
        played = publish(sim, mosquitto.url, speed=MAX, until=sim.start + 4 * NS, history=False, clients=6)
        assert played.messages >= 2 * len(sim.devices)
        wait_until(lambda: len(heard.messages) >= played.messages, "all messages")


@pytest.mark.parametrize("clients", [1, None], ids=["gateway", "own-sessions"])
def test_a_sparkplug_node_is_born_again_when_told(mosquitto: Mosquitto, unique_name: str, clients: int | None) -> None:
    scenario = renamed(unique_name)
    device = scenario.spec.device[0].model_copy(update={"format": "sparkplug"})
    spec = scenario.spec.model_copy(update={"device": (device,), "fault": (), "lie": (), "expect": ()})
    sim = Simulation(Scenario(name="demo", spec=spec))
    rebirth = bytes_field(2, text_field(1, "Node Control/Rebirth") + uint_field(4, 11) + uint_field(14, 1))
    stop = threading.Event()
    arguments = {"speed": 4.0, "history": False, "stop": stop, "clients": clients}

    def births(node: str) -> list[str]:
        said = [topic.split("/")[2] for topic, _, _ in list(heard.messages) if f"/{node}" in topic]
        return [kind for kind in said if kind.endswith("BIRTH")]

    with Listener(mosquitto, f"spBv1.0/{unique_name}/#") as heard:
        worker = threading.Thread(target=publish, args=(sim, mosquitto.url), kwargs=arguments)
        worker.start()
        try:
            wait_until(lambda: any("DDATA/edge-pump-1" in topic for topic, _, _ in heard.messages), "data")
            heard.say(f"spBv1.0/{unique_name}/NCMD/edge-pump-1", rebirth)
            wait_until(lambda: births("edge-pump-1") == ["NBIRTH", "DBIRTH"] * 2, "births again")
            assert births("edge-pump-2") == ["NBIRTH", "DBIRTH"]
        finally:
            stop.set()
            worker.join(60)
    assert not worker.is_alive()


def test_a_lost_link_sends_the_will_and_then_the_backlog(mosquitto: Mosquitto, unique_name: str) -> None:
    lie = LieSpec.model_validate({"device": "pump-1", "kind": "late_batch", "start": "2s", "end": "4s", "delay": "1s"})
    scenario = renamed(unique_name)
    few = {"lie": (lie,), "fault": (), "expect": (), "device": scenario.spec.device[:1]}
    spec = scenario.spec.model_copy(update=few)
    sim = Simulation(Scenario(name="demo", spec=spec))
    end = sim.start + 6 * NS
    with Listener(mosquitto, f"forewarn/v1/{unique_name}/#") as heard:
        publish(sim, mosquitto.url, speed=2.0, until=end, history=False)
        wanted = expected(sim, sim.start, end)
        wait_until(lambda: len(heard.readings()) >= len(wanted), "all readings")
        assert sorted(heard.readings()) == sorted(wanted)
        status = f"forewarn/v1/{unique_name}/pump-{{}}/status"
        wait_until(lambda: heard.statuses()[status.format(1)] == ["online", "offline"] * 2, "will and farewell")
        wait_until(lambda: heard.statuses()[status.format(2)] == ["online", "offline"], "farewell alone")


def stormy(site: str) -> Simulation:
    """Two devices that come and go together for a minute, and lose nothing."""
    storm = {"device": "pump-{n}", "kind": "reconnect_storm", "start": "2s", "end": "60s", "rate": 0.0}
    scenario = renamed(site)
    few = {"lie": (LieSpec.model_validate(storm),), "fault": (), "expect": (), "device": scenario.spec.device[:1]}
    return Simulation(Scenario(name="demo", spec=scenario.spec.model_copy(update=few)))


def test_a_storm_of_reconnects_sends_wills_and_loses_nothing(mosquitto: Mosquitto, unique_name: str) -> None:
    """The broker speaks for a device that is away, and what it measured meanwhile arrives."""
    sim = stormy(unique_name)
    end = sim.start + 70 * NS
    breaks = sum(not online for _, online in sim.devices[0].device.sessions(sim.start, end))
    assert breaks >= 3
    with Listener(mosquitto, f"forewarn/v1/{unique_name}/#") as heard:
        publish(sim, mosquitto.url, speed=20.0, until=end, history=False)
        wanted = set(expected(sim, sim.start, end))
        wait_until(lambda: set(heard.readings()) == wanted, "every reading")
        words = ["online", "offline"] * (breaks + 1)

        def said(number: int) -> list[str]:
            """Each word once: what was not acknowledged before the break is said again."""
            return [word for word, _ in groupby(heard.statuses()[f"forewarn/v1/{unique_name}/pump-{number}/status"])]

        wait_until(lambda: said(1) == said(2) == words, "wills and farewells")


def test_a_storm_as_fast_as_the_broker_takes_it_loses_nothing_either(mosquitto: Mosquitto, unique_name: str) -> None:
    sim = stormy(unique_name)
    end = sim.start + 70 * NS
    with Listener(mosquitto, f"forewarn/v1/{unique_name}/#") as heard:
        played = publish(sim, mosquitto.url, speed=MAX, until=end, history=False, clients=len(sim.devices))
        wanted = set(expected(sim, sim.start, end))
        wait_until(lambda: set(heard.readings()) == wanted, "every reading")
        wait_until(lambda: all(words[-1] == "offline" for words in heard.statuses().values()), "farewells")
    assert played.reconnects >= 6


@pytest.mark.parametrize("speed", [20.0, MAX], ids=["paced", "as-fast-as-taken"])
def test_new_firmware_speaks_another_format_from_then_on(mosquitto: Mosquitto, unique_name: str, speed: float) -> None:
    """The old session ends with its will; the new one greets, sends and leaves as Tasmota does."""
    lie = LieSpec.model_validate({"device": "pump-1", "kind": "payload_change", "format": "tasmota", "start": "20s"})
    scenario = renamed(unique_name)
    one = scenario.spec.device[0].model_copy(update={"count": 1, "name": "pump-1"})
    few = {"lie": (lie,), "fault": (), "expect": (), "device": (one,)}
    sim = Simulation(Scenario(name="demo", spec=scenario.spec.model_copy(update=few)))
    with (
        Listener(mosquitto, f"forewarn/v1/{unique_name}/#") as old,
        Listener(mosquitto, f"tele/{unique_name}_pump-1/#") as new,
    ):
        publish(sim, mosquitto.url, speed=speed, until=sim.start + 60 * NS, history=False)
        flashed = (sim.start + 20 * NS) // 1_000_000
        wait_until(lambda: len({at for _, at, _, _ in old.readings()}) == 10, "twenty seconds in the old format")
        assert all(at < flashed for _, at, _, _ in old.readings())
        wait_until(
            lambda: sum(topic.endswith("/SENSOR") for topic, _, _ in list(new.messages)) == 20, "forty in the new"
        )
        wait_until(lambda: next(iter(old.statuses().values()))[-1] == "offline", "the old one is gone")
        wait_until(
            lambda: [p for t, p, _ in list(new.messages) if t.endswith("/LWT")][-1:] == [b"Offline"], "and the new"
        )


def test_history_is_told_in_the_format_of_each_device(mosquitto: Mosquitto, unique_name: str) -> None:
    """As the same device that goes on afterwards; where a format knows no time, there is no past to tell."""
    scenario = renamed(unique_name)
    kinds = ("canonical", "tasmota", "homeassistant")
    one = scenario.spec.device[0].model_copy(update={"count": 1})
    devices = tuple(one.model_copy(update={"name": f"d-{kind}", "format": kind}) for kind in kinds)
    timeline = scenario.spec.timeline.model_copy(update={"history": 600 * NS})
    few = {"device": devices, "timeline": timeline, "fault": (), "lie": (), "expect": ()}
    sim = Simulation(Scenario(name="demo", spec=scenario.spec.model_copy(update=few)))
    with Listener(mosquitto, "#") as heard:
        publish(sim, mosquitto.url, speed=MAX, until=sim.start + 10 * NS)
        live = 5  # at one in two seconds
        tasmota, gateway = f"tele/{unique_name}_d-tasmota/SENSOR", f"forewarn/v1/{unique_name}/telemetry"

        def said(topic: str) -> list[bytes]:
            return [payload for where, payload, _ in list(heard.messages) if where == topic]

        wait_until(lambda: len(said(tasmota)) == 10 + live, "ten minutes of history and ten seconds")
        batches = said(gateway)
        assert {item["device"] for batch in batches for item in orjson.loads(batch)} == {"d-canonical"}
        wait_until(lambda: len(said(f"sensors/{unique_name}_d-homeassistant/state")) == live, "ten seconds alone")


def test_history_goes_first_in_batches(mosquitto: Mosquitto, unique_name: str) -> None:
    sim = Simulation(renamed(unique_name))
    block = sim.block(sim.start - 3600 * NS, sim.start)
    sizes = [message.readings for message in gateway_messages(sim, block)]
    assert sum(sizes) == len(block)
    assert all(100 <= size <= 110 for size in sizes[:-1])


def test_stop_ends_quickly_and_says_offline(mosquitto: Mosquitto, unique_name: str) -> None:
    sim = Simulation(renamed(unique_name))
    stop = threading.Event()
    with Listener(mosquitto, f"forewarn/v1/{unique_name}/#") as heard:
        worker = threading.Thread(
            target=publish, args=(sim, mosquitto.url), kwargs={"speed": 1.0, "history": False, "stop": stop}
        )
        worker.start()
        wait_until(heard.readings, "a reading at wall-clock speed")
        stop.set()
        worker.join(60)
        assert not worker.is_alive()
        wait_until(lambda: all(words[-1] == "offline" for words in heard.statuses().values()), "offline")


@pytest.mark.parametrize("speed", [1.0, MAX])
def test_who_is_stopped_before_it_began_ends_at_once(mosquitto: Mosquitto, unique_name: str, speed: float) -> None:
    stop = threading.Event()
    stop.set()
    played = publish(Simulation(renamed(unique_name)), mosquitto.url, speed=speed, stop=stop)
    assert (played.messages, played.readings) == (0, 0)


@pytest.mark.parametrize("speed", [1.0, MAX])
def test_stop_does_not_wait_for_a_broker_that_hangs(own_mosquitto: Mosquitto, unique_name: str, speed: float) -> None:
    sim, stop = Simulation(renamed(unique_name)), threading.Event()
    worker = threading.Thread(
        target=publish, args=(sim, own_mosquitto.url), kwargs={"speed": speed, "until": sim.end, "stop": stop}
    )
    with Listener(own_mosquitto, f"forewarn/v1/{unique_name}/#") as heard:
        worker.start()
        wait_until(heard.readings, "a reading")
        with own_mosquitto.frozen():
            stop.set()
            worker.join(30)  # where it waited for acknowledgements it took a minute
            assert not worker.is_alive()


def test_replay_keeps_order_stamps_and_values(mosquitto: Mosquitto, unique_name: str, tmp_path: Path) -> None:
    sim = Simulation(renamed(unique_name))
    path = tmp_path / "recorded.csv.gz"
    write_csv(sim, path, begin=sim.start - 300 * NS, until=sim.start + 60 * NS)
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [(row["device"], row["metric"], float(row["value"])) for row in csv.DictReader(file)]
    with Listener(mosquitto, f"forewarn/v1/{unique_name}/#") as heard:
        done = replay([path], mosquitto.url, speed=MAX)
        wait_until(lambda: len(heard.readings()) >= len(rows), "all readings")
        assert [(device, metric, value) for device, _, metric, value in heard.readings()] == rows
        assert heard.readings() == expected(sim, sim.start - 300 * NS, sim.start + 60 * NS)
    assert (done.rows, done.bad_rows) == (len(rows), 0)


def test_replay_merges_by_row_time_and_counts_bad_rows(mosquitto: Mosquitto, unique_name: str, tmp_path: Path) -> None:
    head = "time,site,device,metric,value\n"
    (tmp_path / "a.csv").write_text(
        head
        + f"2026-01-01T00:00:00Z,{unique_name},a,m,1\n"
        + f"2026-01-01T00:00:09Z,{unique_name},a,m,0.1\n"
        + f"2026-01-01T00:00:03Z,{unique_name},a,m,3\n"
        + f"2026-01-01T00:00:10Z,{unique_name},a/b,m,3\n"
        + f"2026-01-01T00:00:10Z,{unique_name},a,m,nan\n"
        + f"noon,{unique_name},a,m,3\n"
    )
    (tmp_path / "b.csv").write_text(
        head + f"1767225601,{unique_name},b,x,1e-7\n1767225601,{unique_name},b,y,2\n1767225605,{unique_name},b,x,7\n"
    )
    with Listener(mosquitto, f"forewarn/v1/{unique_name}/#") as heard:
        done = replay([tmp_path / "a.csv", tmp_path / "b.csv"], mosquitto.url, speed=MAX)
        wait_until(lambda: len(heard.readings()) >= 6, "all readings")
        zero = 1_767_225_600_000
        assert heard.readings() == [
            ("a", zero, "m", 1.0),
            ("b", zero + 1000, "x", 1e-7),
            ("b", zero + 1000, "y", 2.0),
            ("b", zero + 5000, "x", 7.0),
            ("a", zero + 9000, "m", 0.1),
            ("a", zero + 3000, "m", 3.0),
        ]
    assert (done.rows, done.messages, done.bad_rows) == (6, 5, 3)
    assert [(bad.line, bad.reason.split(" ")[0]) for bad in done.bad] == [(5, "device"), (6, "value"), (7, "time")]


def test_replay_moves_the_oldest_row_to_now(mosquitto: Mosquitto, unique_name: str, tmp_path: Path) -> None:
    import time

    path = tmp_path / "old.csv"
    path.write_text(f"time,site,device,metric,value\n100,{unique_name},a,m,1\n160,{unique_name},a,m,2\n")
    before = time.time_ns() // 1_000_000
    with Listener(mosquitto, f"forewarn/v1/{unique_name}/#") as heard:
        replay([path], mosquitto.url, speed=MAX, shift_to_now=True)
        wait_until(lambda: len(heard.readings()) == 2, "both readings")
        stamps = [ts for _, ts, _, _ in heard.readings()]
    assert before <= stamps[0] <= time.time_ns() // 1_000_000
    assert stamps[1] - stamps[0] == 60_000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("time,device,value\n1,a,2\n", "line 1: column 'metric' is missing", id="a column is missing"),
        pytest.param("time,device,metric,value\n", "no usable row", id="a header alone"),
        pytest.param("time,device,metric,value\nx,a,m,1\n", "line 2: time 'x'", id="only bad rows"),
    ],
)
@pytest.mark.parametrize("shift_to_now", [False, True])
def test_replay_refuses_unusable_files_before_it_looks_for_the_broker(
    tmp_path: Path, text: str, says: str, shift_to_now: bool
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(SimulatorError, match=says) as caught:
        replay([path], f"mqtt://127.0.0.1:{free_port()}", speed=MAX, shift_to_now=shift_to_now)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param("localhost:1883", "is no broker address", id="no scheme"),
        pytest.param("http://localhost", "is no broker address", id="not mqtt"),
        pytest.param("mqtt://localhost:port", "is no broker address", id="no port number"),
    ],
)
def test_a_wrong_address_is_named(url: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match=says):
        publish(Simulation(load_scenario("demo")), url)


def test_a_broker_that_is_away_is_named() -> None:
    url = f"mqtt://127.0.0.1:{free_port()}"
    with pytest.raises(SimulatorError, match=f"broker {url} cannot be reached"):
        publish(Simulation(load_scenario("demo")), url)


def test_speeds() -> None:
    assert parse_speed("max") == MAX
    assert parse_speed("60") == 60.0
    for text in ("0", "-1", "fast", "inf", "nan"):
        with pytest.raises(SimulatorError, match="--speed"):
            parse_speed(text)
