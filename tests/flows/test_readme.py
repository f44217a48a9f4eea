"""Every command of the README does what it is shown for.

Commands run as they stand, in an empty folder, with the ports that happen to be free instead of the usual ones.
`make demo` runs in `tests/flows/test_demo.py`, `make test` is what runs this. `docker compose` needs an engine that a
test machine seldom has: its file is checked against the compose specification in `tests/forewarn`.
"""

from __future__ import annotations

import csv
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.servers.ports import free_port
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
COMMANDS = [shlex.split(line, comments=True) for block in BLOCKS for line in block.splitlines() if line.strip()]

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("readme")]


def command(*start: str) -> list[str]:
    """The one command of the README that begins like this."""
    (found,) = [words for words in COMMANDS if tuple(words[: len(start)]) == start]
    return found


def environment(folder: Path, **more: str) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {key: value for key, value in os.environ.items() if not key.startswith("FOREWARN_")}
    return {**kept, "PATH": path, "HOME": str(folder), **more}


def run(words: list[str], folder: Path, **more: str) -> str:
    """What the command prints; it must end well."""
    done = subprocess.run(
        words, cwd=folder, env=environment(folder, **more), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_no_command_is_left_out() -> None:
    tested = {"make demo", "make test", "forewarn serve", "forewarn simulate", "forewarn backtest", "forewarn user"}
    tested |= {"forewarn token", "mosquitto_pub -q", "curl -H", "cp deploy/env.example", "docker compose"}
    tested |= {". .venv/bin/activate"}
    assert {" ".join(words[:2]) for words in COMMANDS} == tested


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str, str]]:
    """`forewarn serve` in an empty folder: (folder, HTTP port, MQTT port)."""
    ports = {"FOREWARN_HTTP__PORT": str(free_port()), "FOREWARN_MQTT__PORT": str(free_port())}
    with (tmp_path / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            command("forewarn", "serve"), cwd=tmp_path, env=environment(tmp_path, **ports), stderr=log
        )
        try:
            url = f"http://127.0.0.1:{ports['FOREWARN_HTTP__PORT']}/readyz"

            def ready() -> bool:
                assert process.poll() is None, (tmp_path / "serve.log").read_text()
                try:
                    return httpx.get(url).status_code == 200
                except httpx.TransportError:
                    return False

            wait_until(ready, "forewarn serve is ready", timeout_s=60)
            yield tmp_path, ports["FOREWARN_HTTP__PORT"], ports["FOREWARN_MQTT__PORT"]
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()
            process.wait()


def test_a_served_site_takes_readings_by_mqtt_and_http_and_knows_its_users(served: tuple[Path, str, str]) -> None:
    folder, http_port, mqtt_port = served
    published = command("mosquitto_pub", "-q")
    run([published[0], "-p", mqtt_port, *published[1:]], folder)
    run([word.replace(":8000/", f":{http_port}/") for word in command("curl", "-H")], folder)
    api = f"http://127.0.0.1:{http_port}/api/v1"

    def readings() -> list[float]:
        found = httpx.get(f"{api}/readings", params={"site": "plant-1", "device": "pump-1", "metric": "temperature"})
        return [item["value"] for item in found.json()["items"]]

    wait_until(lambda: readings() == [41.5, 41.5], "both readings are stored")
    (folder / "password.txt").write_text("correct horse battery staple\n")
    run(command("forewarn", "user"), folder)
    token = run(command("forewarn", "token"), folder).split()[-1]
    assert httpx.get(f"{api}/devices").status_code == 401
    assert httpx.get(f"{api}/devices", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_a_simulated_history_can_be_backtested(tmp_path: Path) -> None:
    run(command("forewarn", "simulate"), tmp_path)
    run(command("forewarn", "backtest"), tmp_path)
    with (tmp_path / "result" / "alerts.csv").open(newline="", encoding="utf-8") as file:
        assert {row["device"] for row in csv.DictReader(file)} >= {"pump-1", "coldroom-1"}


def test_set_up_leaves_the_command_in_the_environment() -> None:
    words = ["/bin/sh", "-c", f"{shlex.join(command('.'))} && command -v forewarn"]
    found = subprocess.check_output(words, cwd=ROOT, env={"PATH": "/usr/bin:/bin"}, text=True, timeout=30)
    assert Path(found.strip()) == ROOT / ".venv/bin/forewarn"


def test_the_example_of_the_compose_settings_is_there(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    run(command("cp", "deploy/env.example"), tmp_path)
    assert "PASSWORD" in (tmp_path / ".env").read_text()
