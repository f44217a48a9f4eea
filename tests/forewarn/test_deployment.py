"""The files of a real deployment: compose, image, unit, and the broker's users."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from forewarn.config.settings import keys
from tests.servers.composed import COMPOSE, DOCKERFILE, LAST_STAGE, ROOT, ComposedMosquitto
from tests.servers.mosquitto import Mosquitto
from tests.servers.plugin import server_folder
from tests.waiting import wait_until

COMPOSE_FILE = ROOT / "docker-compose.yml"
SERVICES: dict[str, Any] = COMPOSE["services"]
UNIT = ROOT / "deploy" / "forewarn.service"


def is_setting(variable: str) -> bool:
    key = variable.removeprefix("FOREWARN_").lower().replace("__", ".")
    return key in keys() or key.removesuffix("_file") in keys()


# --- compose ---


def test_compose_is_valid() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE_FILE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_compose_sets_only_what_the_service_knows() -> None:
    variables = [name for name in SERVICES["forewarn"]["environment"] if name.startswith("FOREWARN_")]
    assert variables
    assert [name for name in variables if not is_setting(name)] == []


def test_compose_has_no_default_passwords() -> None:
    secret = re.compile(r"PASSWORD|TOKEN")
    values = [
        value
        for service in SERVICES.values()
        for name, value in service.get("environment", {}).items()
        if secret.search(name)
    ]
    assert len(values) >= 8
    assert [value for value in values if not re.fullmatch(r"\$\{\w+:\?[^}]+\}", value)] == []


def test_every_variable_of_compose_is_in_the_example() -> None:
    example = (ROOT / "deploy" / "env.example").read_text("utf-8")
    wanted = set(re.findall(r"(?<!\$)\$\{(\w+)", COMPOSE_FILE.read_text("utf-8")))
    offered = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))
    assert wanted == offered


def test_compose_waits_for_what_says_that_it_is_healthy() -> None:
    for service in SERVICES.values():
        for name, condition in service.get("depends_on", {}).items():
            if condition["condition"] == "service_healthy":
                assert "test" in SERVICES[name]["healthcheck"]
            else:
                assert (condition["condition"], SERVICES[name]["restart"]) == ("service_completed_successfully", "no")


def test_compose_upgrades_the_database_before_it_serves() -> None:
    assert SERVICES["database-upgrade"]["command"] == ["db", "upgrade"]
    assert "database-upgrade" in SERVICES["forewarn"]["depends_on"]
    assert SERVICES["database-upgrade"]["environment"] == SERVICES["forewarn"]["environment"]


def test_compose_keeps_data_in_volumes_and_mounts_files_that_exist() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (ROOT / source).is_file()
    assert set(COMPOSE["volumes"]) <= {v.split(":")[0] for s in SERVICES.values() for v in s.get("volumes", [])}


def test_compose_names_a_version_of_every_image() -> None:
    images = [service["image"] for service in SERVICES.values()]
    assert [image for image in images if not re.search(r":\d", image)] == []


# --- the broker's users ---


@pytest.mark.integration
def test_the_brokers_users_may_do_what_they_need_and_no_more() -> None:
    heard: list[str] = []
    with server_folder() as folder, ComposedMosquitto(folder, "serve:1 ", "measure") as broker:
        service = client(broker, "forewarn", "serve:1 ")
        service.on_message = lambda _client, _data, message: heard.append(message.topic)
        eavesdropper = client(broker, "devices", "measure")
        eavesdropper.on_message = service.on_message
        subscribe(service, "#")
        subscribe(eavesdropper, "#")  # mosquitto grants it, and then delivers nothing
        for topic in ("elsewhere", "forewarn/v1/hall/pump/telemetry"):
            device = client(broker, "devices", "measure")  # a new one: a refused message may end the connection
            device.publish(topic, b"{}", qos=1).wait_for_publish(60)
            leave(device)
        wait_until(lambda: heard, "the service hears the device")
        leave(service, eavesdropper)
        secrets = (folder / "secrets" / "passwords").read_text("ascii")
    assert heard == ["forewarn/v1/hall/pump/telemetry"]
    assert "measure" not in secrets


def client(broker: Mosquitto, user: str, password: str) -> mqtt.Client:
    made = mqtt.Client(CallbackAPIVersion.VERSION2)
    made.username_pw_set(user, password)
    made.connect(broker.host, broker.port)
    made.loop_start()
    wait_until(made.is_connected, f"{user} is connected")
    return made


def subscribe(one: mqtt.Client, topic: str) -> None:
    answers: list[int] = []
    one.on_subscribe = lambda _client, _data, mid, _reasons, _properties: answers.append(mid)
    one.subscribe(topic, qos=1)
    wait_until(lambda: answers, "an answer to the subscription")


def leave(*clients: mqtt.Client) -> None:
    for one in clients:
        one.disconnect()
        one.loop_stop()


# --- the image ---


def test_the_image_copies_what_is_there() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.MULTILINE)
    locks = re.findall(r"-r (\S+)", DOCKERFILE)
    assert copied
    assert locks
    assert [path for path in [*copied, *locks] if not (ROOT / path).exists()] == []


def test_the_image_leaves_nothing_out_that_the_wheel_needs() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()
    needed = [
        "ingest",
        "forewarn",
        "api",
        "hatch_build.py",
        "scripts",
        "package-lock.json",
        "README.md",
        "LICENSE",
        ".npmrc",
    ]
    assert set(needed) & set(ignored) == set()


def test_the_image_runs_as_nobody_special_and_says_how_it_is() -> None:
    assert re.search(r"^USER [1-9]\d+$", LAST_STAGE, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK .*/healthz", LAST_STAGE, re.MULTILINE)
    assert [name for name in re.findall(r"(FOREWARN_\w+)=", LAST_STAGE) if not is_setting(name)] == []


def test_the_image_installs_by_hash_only() -> None:
    installs = [line for line in re.split(r"&&|\n", DOCKERFILE) if "-r requirements/" in line]
    assert len(installs) == 2
    assert [line for line in installs if "--require-hashes" not in line] == []


# --- systemd ---


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd on this machine")
def test_systemd_can_read_the_unit(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text("utf-8").replace("/opt/forewarn/bin/forewarn", sys.executable), "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False
    )
    ours = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert (done.returncode, ours) == (0, []), done.stderr


def test_the_unit_leaves_it_to_the_service_to_end() -> None:
    """The status that is not tried again is that of the main process; a database may be back after the last try."""
    before = re.findall(r"^ExecStartPre=(.)", UNIT.read_text("utf-8"), re.MULTILINE)
    assert before == ["-"]


def test_the_unit_sets_only_what_the_service_knows() -> None:
    variables = re.findall(r"^#?Environment=(FOREWARN_\w+)", UNIT.read_text("utf-8"), re.MULTILINE)
    assert len(variables) == 2
    assert [name for name in variables if not is_setting(name)] == []


def test_the_example_settings_are_settings() -> None:
    text = (ROOT / "deploy" / "forewarn.toml.example").read_text("utf-8")
    section, found = "", []
    for line in text.splitlines():
        if match := re.match(r"#?\[(\w+)\]", line):
            section = match[1]
        elif match := re.match(r"#?(\w+) = ", line):
            found.append(f"{section}.{match[1]}")
    named = re.findall(r"FOREWARN_\w+", text)
    assert set(found) <= set(keys())
    assert len(found) >= 6
    assert [name for name in named if not is_setting(name)] == []
