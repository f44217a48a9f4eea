"""Every encoder against examples and rules of its specification, not against a decoder of ours."""

from itertools import pairwise

import orjson
import pytest

from simulators.messages import samples
from simulators.payloads.cbor import encode_cbor
from simulators.payloads.encoder import Commanded, DeviceCard, Outgoing, Quantity, Sample
from simulators.payloads.protobuf import bytes_field, text_field, uint_field
from simulators.payloads.table import BRIDGES, FORMATS
from simulators.scenario import load_scenario
from simulators.simulation import Simulation
from tests.simulators.wire import double, message, part, protobuf

TIME = 1_764_000_000_250_000_000
CARD = DeviceCard(
    "plant 1",
    "pump-1",
    (Quantity("temperature", "°C"), Quantity("vibration", "mm/s"), Quantity("pressure", "bar")),
    utc_offset_h=8.0,
)
SAMPLE = Sample(
    TIME,
    {"temperature": 21.5, "vibration": 4.5, "pressure": 4.02},
    {"temperature": "°C", "vibration": "mm/s", "pressure": "bar"},
)


def only(found: list[Outgoing]) -> Outgoing:
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_says_something_at_every_turn(name: str) -> None:
    encoder = FORMATS[name](CARD)
    will = encoder.will()
    words = [*encoder.hello(TIME), *encoder.encode(SAMPLE), *encoder.goodbye(TIME), *([will] if will else [])]
    assert words
    for word in words:
        assert word.payload
        assert not set(word.topic) & set("+#\0")


def test_canonical() -> None:
    encoder = FORMATS["canonical"](CARD)
    sent = only(list(encoder.encode(SAMPLE)))
    assert sent.topic == "forewarn/v1/plant 1/pump-1/telemetry"
    assert orjson.loads(sent.payload) == {"ts": 1_764_000_000_250, "values": SAMPLE.values, "units": SAMPLE.units}
    assert encoder.will() == Outgoing("forewarn/v1/plant 1/pump-1/status", b"offline", retain=True)


def test_thingsboard_device_and_gateway() -> None:
    device = only(list(FORMATS["thingsboard"](CARD).encode(SAMPLE)))
    assert device.topic == "v1/devices/me/telemetry"
    assert orjson.loads(device.payload) == {"ts": 1_764_000_000_250, "values": SAMPLE.values}
    encoder = FORMATS["thingsboard-gateway"](CARD)
    assert orjson.loads(only(list(encoder.hello(TIME))).payload) == {"device": "pump-1"}
    sent = only(list(encoder.encode(SAMPLE)))
    assert sent.topic == "v1/gateway/telemetry"
    assert orjson.loads(sent.payload) == {"pump-1": [{"ts": 1_764_000_000_250, "values": SAMPLE.values}]}


def test_senml_has_base_fields_si_units_and_seconds() -> None:
    records = orjson.loads(only(list(FORMATS["senml-json"](CARD).encode(SAMPLE))).payload)
    assert records[0]["bt"] == 1_764_000_000.25
    assert records[0]["bn"] == "urn:dev:ops:32473-forewarn-plant-1-pump-1:"
    assert [(r["n"], r["u"], r["v"]) for r in records] == [
        ("temperature", "Cel", 21.5),
        ("vibration", "m/s", 0.0045),
        ("pressure", "Pa", 402_000.0),
    ]
    assert all("bn" not in record for record in records[1:])


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (0, "00"),
        (23, "17"),
        (24, "1818"),
        (1000, "1903e8"),
        (1_000_000, "1a000f4240"),
        (1_000_000_000_000, "1b000000e8d4a51000"),
        (-1, "20"),
        (-1000, "3903e7"),
        (1.1, "fb3ff199999999999a"),
        (-4.1, "fbc010666666666666"),
        ("IETF", "6449455446"),
        ("ü", "62c3bc"),
        ([1, [2, 3], [4, 5]], "8301820203820405"),
        ({1: 2, 3: 4}, "a201020304"),
        (["a", {"b": "c"}], "826161a161626163"),
        (list(range(1, 26)), "98190102030405060708090a0b0c0d0e0f101112131415161718181819"),
    ],
    ids=repr,
)
def test_cbor_examples_of_rfc_8949_appendix_a(value: object, wanted: str) -> None:
    assert encode_cbor(value).hex() == wanted  # type: ignore[arg-type]


def test_senml_cbor_uses_the_labels_of_rfc_8428() -> None:
    payload = only(list(FORMATS["senml-cbor"](CARD).encode(SAMPLE))).payload
    assert payload[0] == 0x83  # an array of three records
    assert payload[1] == 0xA5  # base name, base time, name, unit, value
    assert payload[2] == 0x21  # label -2: bn
    assert b"\x22\xfb" in payload  # label -3: bt, a double
    assert payload.endswith(b"\x02" + encode_cbor(402_000.0))


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        (uint_field(1, 150), "089601"),
        (text_field(2, "testing"), "120774657374696e67"),
        (bytes_field(3, uint_field(1, 150)), "1a03089601"),
    ],
    ids=["varint", "string", "message"],
)
def test_protobuf_examples_of_its_encoding_guide(field: bytes, wanted: str) -> None:
    assert field.hex() == wanted


def test_sparkplug_birth_then_aliases_and_sequence() -> None:
    encoder = FORMATS["sparkplug"](CARD)
    will = encoder.will()
    assert will is not None
    node, device = list(encoder.hello(TIME))
    assert node.topic == "spBv1.0/plant 1/NBIRTH/edge-pump-1"
    assert device.topic == "spBv1.0/plant 1/DBIRTH/edge-pump-1/pump-1"
    birth, death = protobuf(node.payload), protobuf(will.payload)
    assert part(birth, 1) == [TIME // 1_000_000]
    assert part(birth, 3) == [0]
    names = [part(message(metric), 1)[0] for metric in part(birth, 2)]
    assert names == [b"bdSeq", b"Node Control/Rebirth"]
    assert part(death, 3) == []  # NDEATH carries no sequence number
    assert part(message(part(death, 2)[0]), 11) == part(message(part(birth, 2)[0]), 11)

    born = [message(metric) for metric in part(protobuf(device.payload), 2)]
    alias = {part(metric, 2)[0]: part(metric, 1)[0] for metric in born}
    assert sorted(map(str, alias.values())) == sorted(str(q.metric.encode()) for q in CARD.quantities)
    unit = message(part(message(part(born[0], 9)[0]), 2)[0])
    assert part(unit, 8) == ["°C".encode()]

    sequence = [0, 1]
    for _ in range(300):
        data = protobuf(only(list(encoder.encode(SAMPLE))).payload)
        sequence.append(int(part(data, 3)[0]))
        metrics = [message(metric) for metric in part(data, 2)]
        assert all(part(metric, 1) == [] for metric in metrics)
    assert all(after == (before + 1) % 256 for before, after in pairwise(sequence))
    values = {alias[part(metric, 2)[0]]: double(part(metric, 13)[0]) for metric in metrics}
    assert values == {metric.encode(): value for metric, value in SAMPLE.values.items()}


def test_sparkplug_next_session_has_the_next_bdseq() -> None:
    encoder = FORMATS["sparkplug"](CARD)
    for session in range(3):
        will = encoder.will()
        assert will is not None
        assert part(message(part(protobuf(will.payload), 2)[0]), 11) == [session]
        node = next(iter(encoder.hello(TIME)))
        assert part(message(part(protobuf(node.payload), 2)[0]), 11) == [session]


def ncmd(name: str, value: int) -> bytes:
    """An NCMD as the specification prints it: a boolean metric by name."""
    metric = text_field(1, name) + uint_field(3, TIME // 1_000_000) + uint_field(4, 11) + uint_field(14, value)
    return uint_field(1, TIME // 1_000_000) + bytes_field(2, metric)


def test_sparkplug_is_born_again_when_told() -> None:
    """All births again, `seq` from 0, the bdSeq of the session as it was."""
    encoder = FORMATS["sparkplug"](CARD)
    assert isinstance(encoder, Commanded)
    assert encoder.commands() == "spBv1.0/plant 1/NCMD/edge-pump-1"
    assert list(encoder.answer(ncmd("Node Control/Rebirth", 1), TIME)) == [], "nothing to repeat before the first birth"
    first = list(encoder.hello(TIME))
    list(encoder.encode(Sample(TIME, {"temp_v2": 1.0}, {"temp_v2": "°C"})))
    node, device = list(encoder.answer(ncmd("Node Control/Rebirth", 1), TIME))
    assert (node.topic, device.topic) == (first[0].topic, first[1].topic)
    assert part(protobuf(node.payload), 3) == [0]
    assert part(protobuf(device.payload), 3) == [1]
    bd_seq = [part(message(part(protobuf(one.payload), 2)[0]), 11) for one in (first[0], node)]
    assert bd_seq == [[0], [0]]
    names = [part(message(metric), 1)[0] for metric in part(protobuf(device.payload), 2)]
    assert b"temp_v2" in names, "what was born later is born again too"
    assert part(protobuf(next(encoder.encode(SAMPLE)).payload), 3) == [2]


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(ncmd("Node Control/Rebirth", 0), id="set to false"),
        pytest.param(ncmd("Node Control/Reboot", 1), id="another control"),
        pytest.param(ncmd("Node Control/Rebirth", 1)[:-3], id="cut short"),
        pytest.param(b"\xff" * 20, id="no protobuf"),
        pytest.param(b"", id="empty"),
    ],
)
def test_sparkplug_does_nothing_on_other_commands(command: bytes) -> None:
    encoder = FORMATS["sparkplug"](CARD)
    list(encoder.hello(TIME))
    assert isinstance(encoder, Commanded)
    assert list(encoder.answer(command, TIME)) == []


def test_sparkplug_marks_a_backlog_as_history() -> None:
    encoder = FORMATS["sparkplug"](CARD)
    list(encoder.hello(TIME))
    for backlog in (False, True):
        sent = only(list(encoder.encode(Sample(TIME, SAMPLE.values, SAMPLE.units, backlog))))
        for metric in map(message, part(protobuf(sent.payload), 2)):
            assert part(metric, 5) == ([1] if backlog else [])


def test_only_what_a_lost_link_held_back_is_a_backlog() -> None:
    sim = Simulation(load_scenario("time-troubles"))
    hour = 3600 * 10**9
    block = sim.block(sim.start + 9 * hour, sim.start + 18 * hour)
    found = {(device, sample.time) for _, device, sample in samples(sim, block) if sample.backlog}
    late = next(number for number, placed in enumerate(sim.devices) if placed.device.name == "pump-5")
    assert {device for device, _ in found} == {late}
    assert len(found) == 6 * 30
    assert all(sim.start + 10 * hour <= time < sim.start + 16 * hour for _, time in found)


def test_sparkplug_bears_what_it_has_not_announced() -> None:
    encoder = FORMATS["sparkplug"](CARD)
    list(encoder.hello(TIME))
    sent = list(encoder.encode(Sample(TIME, {"temp_v2": 1.0}, {"temp_v2": "°C"})))
    assert [word.topic.split("/")[2] for word in sent] == ["DBIRTH", "DDATA"]


def test_homeassistant_registers_each_sensor_with_its_unit() -> None:
    encoder = FORMATS["homeassistant"](CARD)
    *configs, online = encoder.hello(TIME)
    state = only(list(encoder.encode(SAMPLE)))
    assert len(configs) == 3
    assert all(config.retain for config in configs)
    body = orjson.loads(configs[0].payload)
    assert configs[0].topic == "homeassistant/sensor/plant_1_pump-1/temperature/config"
    assert (body["unit_of_measurement"], body["device_class"]) == ("°C", "temperature")
    assert body["value_template"] == "{{ value_json.temperature }}"
    assert (body["state_topic"], body["availability_topic"]) == (state.topic, online.topic)
    assert orjson.loads(state.payload) == SAMPLE.values


def test_tasmota_has_local_time_without_zone_and_a_will() -> None:
    encoder = FORMATS["tasmota"](CARD)
    sent = only(list(encoder.encode(SAMPLE)))
    assert sent.topic == "tele/plant 1_pump-1/SENSOR"
    assert orjson.loads(sent.payload) == {
        "Time": "2025-11-25T00:00:00",  # 2025-11-24T16:00:00Z eight hours east
        "AM2301": {"Temperature": 21.5},
        "ANALOG": {"Vibration": 4.5, "Pressure": 4.02},
        "TempUnit": "C",
    }
    assert encoder.will() == Outgoing("tele/plant 1_pump-1/LWT", b"Offline", retain=True)


def test_zigbee2mqtt_is_flat_and_timeless() -> None:
    sent = only(list(FORMATS["zigbee2mqtt"](CARD).encode(SAMPLE)))
    assert sent.topic == "zigbee2mqtt/plant 1/pump-1"
    body = orjson.loads(sent.payload)
    assert 0 <= body.pop("linkquality") <= 255
    assert body == {"temperature": 21.5, "vibration": 4.5, "pressure": 4020.0}, "pressure is in hPa by definition"
    told = Sample(TIME, {"battery": 3.05, "power": 1.5}, {"battery": "V", "power": "kW"})
    body = orjson.loads(only(list(FORMATS["zigbee2mqtt"](CARD).encode(told))).payload)
    assert (body["voltage"], body["power"]) == (3050.0, 1500.0)


def test_a_zigbee_bridge_tells_the_units_of_all_its_devices() -> None:
    told = BRIDGES["zigbee2mqtt"]([CARD, DeviceCard("plant 1", "tag", (Quantity("battery", "V"),))])
    assert (told.topic, told.retain) == ("zigbee2mqtt/bridge/devices", True)
    pump, tag = orjson.loads(told.payload)
    assert (pump["friendly_name"], tag["friendly_name"]) == ("plant 1/pump-1", "plant 1/tag")
    units = {one["property"]: one["unit"] for one in pump["definition"]["exposes"]}
    assert units == {"temperature": "°C", "vibration": "mm/s", "pressure": "hPa", "linkquality": "lqi"}
    assert tag["definition"]["exposes"][0]["unit"] == "mV"


def test_shelly_sends_everything_once_then_changes() -> None:
    encoder = FORMATS["shelly"](CARD)
    list(encoder.hello(TIME))
    full = orjson.loads(only(list(encoder.encode(SAMPLE))).payload)
    assert full["method"] == "NotifyFullStatus"
    assert full["params"]["temperature:0"] == {"id": 0, "tC": 21.5, "tF": 70.7}
    assert full["params"]["ts"] == 1_764_000_000.25
    assert list(encoder.encode(SAMPLE)) == []
    warmer = Sample(TIME, {**SAMPLE.values, "temperature": 22.0}, SAMPLE.units)
    delta = orjson.loads(only(list(encoder.encode(warmer))).payload)
    assert delta["method"] == "NotifyStatus"
    assert set(delta["params"]) == {"ts", "temperature:0"}


def test_shelly_has_fixed_units_and_a_place_for_everything() -> None:
    encoder = FORMATS["shelly"](CARD)
    values = {"temperature": 70.7, "power": 1.5, "current": 250.0, "vib_rms": 4.5}
    told = Sample(TIME, values, {"temperature": "°F", "power": "kW", "current": "mA", "vib_rms": "mm/s"})
    params = orjson.loads(only(list(encoder.encode(told))).payload)["params"]
    assert params["temperature:0"] == {"id": 0, "tC": 21.5, "tF": 70.7}
    assert (params["em1:1"]["act_power"], params["em1:0"]["current"]) == (1500.0, 0.25)
    assert params["voltmeter:103"] == {"id": 103, "xvoltage": 4.5}, "three quantities of its own come first"


def test_tasmota_tells_power_in_watts_and_the_scale_of_temperature() -> None:
    told = Sample(TIME, {"temperature": 70.7, "power": 1.5}, {"temperature": "°F", "power": "kW"})
    body = orjson.loads(only(list(FORMATS["tasmota"](CARD).encode(told))).payload)
    assert (body["AM2301"], body["ENERGY"], body["TempUnit"]) == ({"Temperature": 70.7}, {"Power": 1500.0}, "F")


def test_senml_knows_si_units_only() -> None:
    values = {"temperature": 70.7, "flow": 36.0, "speed": 1500.0, "humidity": 40.0}
    units = {"temperature": "°F", "flow": "L/min", "speed": "rpm", "humidity": "%"}
    records = orjson.loads(only(list(FORMATS["senml-json"](CARD).encode(Sample(TIME, values, units)))).payload)
    assert [(one["u"], one["v"]) for one in records] == [("Cel", 21.5), ("m3/s", 0.0006), ("1/s", 25.0), ("%RH", 40.0)]


SWAPPED = Sample(TIME, {**SAMPLE.values, "temperature": 70.7}, {**SAMPLE.units, "temperature": "°F"})


def test_sparkplug_is_born_again_with_another_unit() -> None:
    encoder = FORMATS["sparkplug"](CARD)
    list(encoder.hello(TIME))
    born, _ = encoder.encode(SWAPPED)
    assert born.topic == "spBv1.0/plant 1/DBIRTH/edge-pump-1/pump-1"
    units = {
        part(metric, 1)[0]: part(message(part(message(part(metric, 9)[0]), 2)[0]), 8)[0]
        for metric in map(message, part(protobuf(born.payload), 2))
    }
    assert units[b"temperature"] == "°F".encode()
    assert len(list(encoder.encode(SWAPPED))) == 1, "once"


def test_sparkplug_has_qos_0_but_for_the_will() -> None:
    """Specification 3.0.0, tck-id-payloads-nbirth-qos and the like: 0, none retained; the will is QoS 1."""
    encoder = FORMATS["sparkplug"](CARD)
    words = [*encoder.hello(TIME), *encoder.encode(SAMPLE), *encoder.encode(SWAPPED), *encoder.goodbye(TIME)]
    assert [(word.qos, word.retain) for word in words] == [(0, False)] * 7


def test_homeassistant_configures_what_is_new_or_in_another_unit() -> None:
    encoder = FORMATS["homeassistant"](CARD)
    list(encoder.hello(TIME))
    config, _ = encoder.encode(SWAPPED)
    assert config.retain
    assert orjson.loads(config.payload)["unit_of_measurement"] == "°F"
    config, _ = encoder.encode(Sample(TIME, {"vib_rms": 4.5}, {"vib_rms": "mm/s"}))
    assert config.topic == "homeassistant/sensor/plant_1_pump-1/vib_rms/config"
    assert len(list(encoder.encode(Sample(TIME, {"vib_rms": 4.5}, {"vib_rms": "mm/s"})))) == 1, "once"


def test_line_protocol_escapes() -> None:
    sent = only(list(FORMATS["line-protocol"](CARD).encode(SAMPLE)))
    assert sent.payload == (
        b"telemetry,device=pump-1,site=plant\\ 1 temperature=21.5,vibration=4.5,pressure=4.02 1764000000250000000\n"
    )
