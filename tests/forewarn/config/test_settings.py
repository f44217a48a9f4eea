"""Settings: where they come from, and the one line that says what is wrong with them."""

import re
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts.budget import Budget
from forewarn.config.settings import HttpSettings, MqttSettings, Settings, keys
from forewarn.config.settings_file import load
from ingest.errors import InputError
from tests.servers.certificates import make_certificate

NOTHING: dict[str, str] = {}


def read(folder: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    path = folder / "forewarn.toml"
    path.write_text(text, "utf-8")
    return load(path, environ or NOTHING)


def test_defaults_are_the_contracts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load(None, NOTHING)
    assert settings.data.dir == Path("forewarn-data")
    assert (settings.mqtt.url, settings.mqtt.host, settings.mqtt.port) == ("embedded", "127.0.0.1", 1883)
    assert settings.store.url == "embedded"
    assert (settings.http.host, settings.http.port) == ("127.0.0.1", 8000)
    assert settings.database_url == f"sqlite:///{tmp_path / 'forewarn-data' / 'forewarn.db'}"
    assert (settings.site.timezone, settings.ui.language) == ("UTC", None)
    assert settings.engine.live_within == timedelta(hours=1)
    assert settings.ingest.future == timedelta(hours=24)
    assert settings.alarms.budget == Budget(1.0, "month")


def test_the_file_in_the_working_directory_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "forewarn.toml").write_text("[http]\nport = 8123\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    assert load(None, NOTHING).http.port == 8123


def test_the_environment_goes_above_the_file(tmp_path: Path) -> None:
    settings = read(tmp_path, "[http]\nport = 8123\nhost = '::1'\n", {"FOREWARN_HTTP__PORT": "8124"})
    assert (settings.http.port, settings.http.host) == (8124, "::1")


def test_a_secret_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("geheim\n", "utf-8")
    settings = read(tmp_path, "", {"FOREWARN_STORE__TOKEN_FILE": str(tmp_path / "token")})
    assert settings.store.token == "geheim"
    assert "geheim" not in repr(settings)


def test_names_without_two_underscores_are_not_ours(tmp_path: Path) -> None:
    assert read(tmp_path, "", {"FOREWARN_TEST_INFLUX_URL": "http://x", "FOREWARN_": ""}) == Settings()


def test_lists_in_the_environment_are_separated_by_commas(tmp_path: Path) -> None:
    settings = read(tmp_path, "", {"FOREWARN_MQTT__TOPICS": "forewarn/v1/a/#, forewarn/v1/b/#"})
    assert settings.mqtt.topics == ("forewarn/v1/a/#", "forewarn/v1/b/#")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("'1h'", 3600), ("'5min'", 300), ("'24h'", 86_400), ("90", 90), ("'90'", 90), ("'1.5h'", 5400), ("'7d'", 604_800)],
)
def test_durations(tmp_path: Path, text: str, seconds: int) -> None:
    assert read(tmp_path, f"[engine]\nlive_within = {text}\n").engine.live_within == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("mqtt", "address"),
    [
        ({}, "mqtt://127.0.0.1:1883"),
        ({"host": "::1", "port": 1884}, "mqtt://[::1]:1884"),
        ({"url": "mqtts://me:secret@broker.example:8884"}, "mqtts://broker.example:8884"),
        ({"url": "mqtt://me:secret@[fd00::1]"}, "mqtt://[fd00::1]"),
    ],
)
def test_addresses_hold_no_credentials(mqtt: dict[str, Any], address: str) -> None:
    assert MqttSettings(**mqtt).address == address


def test_the_console_is_where_it_is_served() -> None:
    assert HttpSettings().address == "http://127.0.0.1:8000/"
    assert HttpSettings(host="::1", port=80).address == "http://[::1]:80/"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(Exception, match="frozen"):
        Settings().http.port = 1  # type: ignore[misc]


def test_every_key_is_known_by_its_section_and_name() -> None:
    assert keys()["http.port"] == 8000
    assert {key.count(".") for key in keys()} == {1}


WRONG = {
    "an unknown section": ("[htp]\nport = 1", "unknown setting 'htp'; allowed are the sections adapters, alarms,"),
    "a section in capitals": ("[HTTP]\nport = 1", "unknown setting 'HTTP'"),
    "an unknown key": ("[http]\nprt = 1", "unknown setting 'http.prt'; allowed are http.host, http.port"),
    "a key outside a section": ("port = 1", "unknown setting 'port'"),
    "a section that is a number": ("http = 5", "http = 5 should be a table, written [http]"),
    "no TOML": ("[http]\nport = \n", "is no valid TOML: Invalid value (at line 2, column 8)"),
    "a port too high": ("[http]\nport = 99999", "http.port = 99999 should be at most 65535"),
    "a port of zero": ("[mqtt]\nport = 0", "mqtt.port = 0 should be at least 1"),
    "a port that is a text": ("[http]\nport = 'x'", "http.port = 'x' should be a valid integer"),
    "a port that is true": ("[http]\nport = true", "http.port = True should be a number"),
    "a host with a blank": ("[http]\nhost = 'a b'", "http.host = 'a b' should be a host name or an IP address"),
    "a duration in parsecs": ("[engine]\nlive_within = '5 parsecs'", "such as '90s', '5min', '1h', '7d', '2w'"),
    "a duration that is true": ("[ingest]\nfuture = true", "ingest.future = True should be a number of seconds or"),
    "a negative duration": ("[ingest]\nfuture = -1", "ingest.future = -1 should be a number of seconds or"),
    "a duration of a millennium": ("[ingest]\nfuture = '400000d'", "should be at most 36525d"),
    "live within nothing": ("[engine]\nlive_within = 0", "engine.live_within = 0 should be at least '1s'"),
    "a retention of a second": ("[store]\nretention = '1s'", "store.retention = '1s' should be at least '1h'"),
    "a size in apples": ("[ingest]\nspool_size = '5 apples'", "such as '500MB', '2GB', '512MiB'"),
    "a spool too small": ("[ingest]\nspool_size = 3", "ingest.spool_size = 3 should be at least 50000000"),
    "a budget per year": ("[alarms]\nbudget = '1 per year'", "should be of the form 'N per device-day|week|month'"),
    "a budget of nothing": ("[alarms]\nbudget = '0 per device-day'", "with N above 0"),
    "a broker over http": ("[mqtt]\nurl = 'http://x'", "mqtt.url = 'http://x' should be 'embedded' or 'mqtt://"),
    "a broker without a host": ("[mqtt]\nurl = 'mqtt://'", "mqtt.url = 'mqtt://' should be 'embedded' or"),
    "a broker at port 99999": ("[mqtt]\nurl = 'mqtt://u:p@h:99999'", "mqtt.url = 'mqtt://(hidden)@h:99999' should be"),
    "a store over ftp": ("[store]\nurl = 'ftp://x'", "store.url = 'ftp://x' should be 'embedded' or 'http://"),
    "a database we do not speak": ("[database]\nurl = 'mysql://x/y'", "should be a SQLAlchemy URL such as"),
    "a topic filter with # inside": ("[mqtt]\ntopics = ['a/#/b']", "should be an MQTT topic filter such as"),
    "no topic at all": ("[mqtt]\ntopics = []", "mqtt.topics = [] should not be empty"),
    "a token that is a number": ("[store]\ntoken = 5", "store.token = (hidden) should be a valid string"),
    "a zone on Mars": ("[site]\ntimezone = 'Mars'", "site.timezone = 'Mars' should be a time zone such as"),
    "a language we lack": ("[ui]\nlanguage = 'fr'", "ui.language = 'fr' should be 'en' or 'zh'"),
    "a registry that is not there": ("[registry]\nfile = 'no'", "registry.file = 'no' should be a file"),
    "a certificate without its key": ("[mqtt]\ncert_file = '/dev/null'", "mqtt.cert_file = "),
    "a user name alone": ("[mqtt]\nusername = 'a'", "mqtt.username and mqtt.password are allowed only together"),
    "a password that is not encoded": (
        "[mqtt]\nurl = 'mqtt://u:p/@w@h:x'",
        "mqtt.url = 'mqtt://(hidden)@h:x' should be",
    ),
    "data in a number": ("[data]\ndir = 5", "data.dir = 5 should be a path"),
    "a number of topics": ("[mqtt]\ntopics = 5", "mqtt.topics = 5 should be a list"),
    "as many series as true": ("[ingest]\nmax_series = true", "ingest.max_series = True should be a number"),
    "data in no folder": ("[data]\ndir = ''", "data.dir = '' should not be empty"),
    "an open broker without credentials": ("[mqtt]\nhost = '0.0.0.0'", "mqtt.host = '0.0.0.0' is open to others"),
}


@pytest.mark.parametrize(("text", "answer"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, text: str, answer: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'forewarn.toml'}: ")
    assert answer in message
    assert "\n" not in message


def test_certificates_and_keys_are_looked_at(tmp_path: Path) -> None:
    cert, key = make_certificate(tmp_path)
    other = make_certificate(tmp_path, "other")[1]
    secret = tmp_path / "secret.pem"
    lock = ["openssl", "rsa", "-aes128", "-passout", "pass:abcd", "-in", str(key), "-out", str(secret)]
    subprocess.run(lock, check=True, capture_output=True)
    good = read(tmp_path, f"[mqtt]\nca_file = '{cert}'\ncert_file = '{cert}'\nkey_file = '{key}'")
    assert (good.mqtt.cert_file, good.mqtt.key_file) == (cert, key)
    pair = "mqtt.cert_file and mqtt.key_file should be a certificate and its key in PEM"
    wrong = {
        f"[mqtt]\nca_file = '{key}'": "should be a file of certificates in PEM: ",
        f"[store]\nca_file = '{key}'": "should be a file of certificates in PEM: ",
        f"[mqtt]\ncert_file = '{cert}'\nkey_file = '{other}'": pair,
        f"[mqtt]\ncert_file = '{key}'\nkey_file = '{cert}'": pair,
        f"[mqtt]\ncert_file = '{cert}'\nkey_file = '{secret}'": pair,
    }
    for text, answer in wrong.items():
        with pytest.raises(InputError, match=re.escape(answer)) as caught:
            read(tmp_path, text)
        assert f"{text[1 : text.index(']')]}." in str(caught.value)


WRONG_VARIABLES = {
    "an unknown section": ({"FOREWARN_X__Y": "1"}, "FOREWARN_X__Y: unknown setting 'x.y'"),
    "an unknown key": ({"FOREWARN_HTTP__PRT": "1"}, "FOREWARN_HTTP__PRT: unknown setting 'http.prt'"),
    "a key too deep": ({"FOREWARN_HTTP__PORT__X": "1"}, "unknown setting 'http.port.x'"),
    "a wrong value": ({"FOREWARN_HTTP__PORT": "http"}, "FOREWARN_HTTP__PORT: http.port = 'http' should be a valid"),
    "no such secret file": ({"FOREWARN_STORE__TOKEN_FILE": "/no"}, "FOREWARN_STORE__TOKEN_FILE: the file '/no' cannot"),
    "a secret given twice": (
        {"FOREWARN_STORE__TOKEN": "a", "FOREWARN_STORE__TOKEN_FILE": "/dev/null"},
        "store.token is set by FOREWARN_STORE__TOKEN already",
    ),
}


@pytest.mark.parametrize(("environ", "answer"), WRONG_VARIABLES.values(), ids=WRONG_VARIABLES.keys())
def test_what_is_wrong_in_the_environment_names_the_variable(
    tmp_path: Path, environ: dict[str, str], answer: str
) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, "", environ)
    assert answer in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_read_from_a_file_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("my password", "utf-8")
    with pytest.raises(InputError, match=r"^FOREWARN_MQTT__URL_FILE: mqtt\.url = \(hidden\) should be 'embedded'"):
        read(tmp_path, "", {"FOREWARN_MQTT__URL_FILE": str(tmp_path / "secret")})
    with pytest.raises(InputError, match=r"^FOREWARN_REGISTRY__FILE: registry\.file = '/no' should be a file"):
        read(tmp_path, "", {"FOREWARN_REGISTRY__FILE": "/no"})


def test_what_is_wrong_between_two_keys_names_where_one_of_them_is(tmp_path: Path) -> None:
    variables = {"FOREWARN_MQTT__HOST": "0.0.0.0", "FOREWARN_HTTP__PORT": "80"}  # noqa: S104
    with pytest.raises(InputError, match=r"^FOREWARN_MQTT__HOST: mqtt\.host = '0\.0\.0\.0' is open to others"):
        load(None, variables)
    with pytest.raises(InputError, match=r"forewarn\.toml: mqtt\.host = '0\.0\.0\.0' is open to others"):
        read(tmp_path, "[mqtt]\nhost = '0.0.0.0'\n")


def test_a_config_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load(tmp_path / "missing.toml", NOTHING)


def test_a_config_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "forewarn.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"forewarn\.toml: cannot be read"):
        load(path, NOTHING)
