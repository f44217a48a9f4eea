"""Settings of payload formats reach the adapters, and mistakes in a mapping file are told."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from forewarn.config.configured import adapter_options
from forewarn.config.settings_file import load
from ingest.adapters.options import Options, Precision
from ingest.errors import InputError

MAPPING = """
[[mapping]]
topic = "a/{x}"
device = "{x}"
[[mapping.value]]
metric = "m"
value = "$.v"
"""


def options(folder: Path, config: str) -> Options:
    path = folder / "forewarn.toml"
    path.write_text(config, "utf-8")
    return adapter_options(load(path, {}))


def test_defaults_are_those_of_the_formats(tmp_path: Path) -> None:
    assert options(tmp_path, "") == Options(zone=ZoneInfo("UTC"))


def test_every_option_can_be_set(tmp_path: Path) -> None:
    (tmp_path / "mapping.toml").write_text(MAPPING, "utf-8")
    read = options(
        tmp_path,
        f"""
        [site]
        timezone = "Europe/Berlin"
        [mapping]
        file = "{tmp_path}/mapping.toml"
        [adapters]
        site = "plant-1"
        thingsboard_device = "boiler"
        homeassistant_prefix = "ha"
        zigbee2mqtt_topic = "zb"
        line_protocol_topics = ["lines/#"]
        line_protocol_precision = "ms"
        """,
    )
    assert [mapping.match("a/1") for mapping in read.mappings] == [{"x": "1"}]
    berlin = ZoneInfo("Europe/Berlin")
    assert read == Options("plant-1", berlin, read.mappings, "boiler", "ha", "zb", ("lines/#",), Precision.MS)


def test_a_wrong_mapping_is_told_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "mapping.toml").write_text(MAPPING.replace("device", "devise"), "utf-8")
    with pytest.raises(InputError, match=r"mapping\.toml: mapping 1: unknown key 'devise'; allowed are topic"):
        options(tmp_path, f'[mapping]\nfile = "{tmp_path}/mapping.toml"')
