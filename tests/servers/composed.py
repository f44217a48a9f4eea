"""What docker-compose.yml starts, from the same files but without containers: the broker, and the image's command."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.servers.mosquitto import Mosquitto

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = YAML(typ="safe").load(ROOT / "docker-compose.yml")
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
LAST_STAGE = DOCKERFILE.rpartition("FROM ")[2]
_PATH = "/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin:/bin"


class ComposedMosquitto(Mosquitto):
    """The broker as compose starts it: by our script, with our settings, users and rights, only in another folder."""

    def __init__(self, folder: Path, service_password: str, device_password: str) -> None:
        super().__init__(folder, users={"forewarn": service_password})
        self.passwords = {"MQTT_PASSWORD": service_password, "MQTT_DEVICE_PASSWORD": device_password}

    def command(self, program: str) -> list[str]:
        """Lay out what compose mounts, and run the start script."""
        for name in ("data", "config", "secrets"):
            (self.folder / name).mkdir(exist_ok=True)
        listener = f"listener {self.port} {self.host}"
        config = self._shipped("mosquitto.conf").replace("listener 1883", listener) + self._user()
        (self.folder / "config" / "mosquitto.conf").write_text(config, "utf-8")
        shutil.copy(ROOT / "deploy" / "mosquitto.acl", self.folder / "config")
        start = self.folder / "config" / "start.sh"
        start.write_text(self._shipped("mosquitto-start.sh"), "utf-8")
        environment = [f"{name}={value}" for name, value in self.passwords.items()]
        return ["env", f"PATH={_PATH}", *environment, "sh", str(start)]

    def _shipped(self, name: str) -> str:
        return (ROOT / "deploy" / name).read_text("utf-8").replace("/mosquitto/", f"{self.folder}/")


def image_environment(variables: dict[str, str], hosts: dict[str, str]) -> dict[str, str]:
    """The service's environment: the image's, then compose's with `variables` filled in and `hosts` replaced."""
    image = {name: value for name, _, value in (word.partition("=") for word in _env_words()) if name != "PATH"}
    given = image | COMPOSE["services"]["forewarn"]["environment"]
    filled = {name: re.sub(r"\$\{(\w+)[^}]*\}", lambda m: variables[m[1]], value) for name, value in given.items()}
    for host, address in hosts.items():
        filled = {name: value.replace(host, address) for name, value in filled.items()}
    return {**filled, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def image_command(arguments: list[str] | None = None) -> list[str]:
    """ENTRYPOINT with CMD, or with what compose gives instead of CMD."""
    return [*_words("ENTRYPOINT"), *(_words("CMD") if arguments is None else arguments)]


def health_command(port: int) -> list[str]:
    """The image's HEALTHCHECK for a service on `port`."""
    [check] = re.findall(r"^HEALTHCHECK .*?CMD (\[.*\])$", LAST_STAGE, re.MULTILINE)
    words: list[str] = json.loads(check.replace(":8000/", f":{port}/"))
    return words


def is_healthy(port: int, environment: dict[str, str]) -> bool:
    """Whether HEALTHCHECK says so."""
    return subprocess.run(health_command(port), env=environment, capture_output=True, check=False).returncode == 0


def _words(instruction: str) -> list[str]:
    [text] = re.findall(rf"^{instruction} (\[.*\])$", LAST_STAGE, re.MULTILINE)
    words: list[str] = json.loads(text)
    return words


def _env_words() -> list[str]:
    return [word for line in re.findall(r"^ENV (.*)$", LAST_STAGE, re.MULTILINE) for word in shlex.split(line)]
