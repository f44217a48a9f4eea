"""The command line: what each command does, and that it starts quickly."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from forewarn.cli import main
from tests.live import Command, live, make_settings
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port

Run = Callable[..., tuple[int, str, str]]
HEAVY = (
    "numpy",
    "sqlalchemy",
    "pydantic",
    "fastapi",
    "sklearn",
    "scipy",
    "amqtt",
    "paho",
    "apprise",
    "pint",
    "rich.console",
)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A command in an empty folder: exit status, output, errors."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        said = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, said.out, said.err

    return command


def test_commands_start_without_heavy_libraries() -> None:
    code = "import sys; import forewarn.cli; print([name for name in sys.argv[1:] if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code, *HEAVY], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_a_command_does_not_search_its_memory_when_it_ends() -> None:
    """A service would need most of a second of CPU for that, and has five seconds to stop on a busy machine."""
    code = (
        "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count() > 0)); "  # first come, last served
        "from forewarn.cli import main; main(['version'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "True"


def test_ctrl_c_is_told_in_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "endless.csv")
    code = (  # what runs in the background of a shell ignores Ctrl-C
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from forewarn.cli import main; main()"
    )
    command = [sys.executable, "-c", code, "backtest", "endless.csv", "--out", "out"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    with (tmp_path / "endless.csv").open("w"):  # opens once the command reads it
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (1, "forewarn: interrupted\n")
    assert not (tmp_path / "out").exists()


def test_version(run: Run) -> None:
    status, out, _ = run("version")
    assert (status, out.count("\n")) == (0, 1)
    assert run("--version") == (0, out, "")


def test_check_config_says_what_is_there(run: Run, tmp_path: Path) -> None:
    (tmp_path / "registry.toml").write_text("[[device]]\ndevice = 'pump-1'\n", "utf-8")
    (tmp_path / "limits.toml").write_text("[[limit]]\nmetric = 't'\nhigh = 5.0\n", "utf-8")
    (tmp_path / "forewarn.toml").write_text(
        "[registry]\nfile = 'registry.toml'\n[limits]\nfile = 'limits.toml'\n", "utf-8"
    )
    assert run("check-config") == (0, "settings are in order: 1 devices, 1 limits, 0 receivers of messages\n", "")


@pytest.mark.parametrize(
    ("name", "text", "answer"),
    [
        ("registry", "[[device]]\nsite = 'a'\n", "forewarn: registry.toml: device 1: device is not a text\n"),
        ("limits", "[[limit]]\nhigh = 5.0\n", "forewarn: limits.toml: limit 1: 'metric' is missing\n"),
        ("registry", "[[device]\n", "forewarn: registry.toml: is no valid TOML: "),
        ("calendar", "[week]\nmonday = ['8-12']\n", "forewarn: calendar.toml: week: monday: '8-12' is no window; "),
    ],
)
def test_check_config_says_what_is_wrong(run: Run, tmp_path: Path, name: str, text: str, answer: str) -> None:
    (tmp_path / f"{name}.toml").write_text(text, "utf-8")
    (tmp_path / "forewarn.toml").write_text(f"[{name}]\nfile = '{name}.toml'\n", "utf-8")
    status, _, said = run("check-config")
    assert status == 2
    assert said.startswith(answer)
    assert said.count("\n") == 1


@pytest.mark.parametrize("url", ["sqlite://", "postgresql+asyncpg://host/forewarn"])
def test_check_config_says_that_a_database_is_of_no_use(run: Run, tmp_path: Path, url: str) -> None:
    (tmp_path / "forewarn.toml").write_text(f"[database]\nurl = '{url}'\n", "utf-8")
    status, _, said = run("check-config")
    assert status == 2
    assert said.startswith("forewarn: database.url: ")
    assert said.count("\n") == 1


def test_users_and_tokens_come_and_go(run: Run, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("correct horse battery\n", "utf-8")
    assert run("user", "add", "anna", "--role", "operator", "--password-file", "password")[0] == 0
    assert run("user", "list") == (0, "anna\toperator\n", "")
    status, token, _ = run("token", "add", "anna")
    assert status == 0
    listed = run("token", "list")[1]
    assert listed.endswith("\tanna\toperator\n")
    assert token.strip() not in listed
    said = "user 'anna' has a new password and is signed out everywhere\n"
    assert run("user", "password", "anna", "--password-file", "password") == (0, said, "")
    assert run("token", "list")[1] == listed
    assert run("user", "remove", "anna") == (0, "user 'anna' is removed\n", "")
    assert run("token", "list") == (0, "", "")
    assert run("user", "remove", "anna") == (2, "", "forewarn: there is no user 'anna'\n")


def test_a_user_takes_effect_in_a_running_service(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = make_settings(tmp_path)
    monkeypatch.setenv("FOREWARN_DATA__DIR", str(settings.data.dir))
    (tmp_path / "password").write_text("correct horse battery\n", "utf-8")
    with live(settings) as running:
        assert running.http.get("/api/v1/alerts").status_code == 200
        run("user", "add", "anna", "--role", "viewer", "--password-file", "password")
        assert running.http.get("/api/v1/alerts").status_code == 401
        token = run("token", "add", "anna")[1].strip()
        bearer = {"Authorization": f"Bearer {token}"}
        assert running.http.get("/api/v1/alerts", headers=bearer).status_code == 200


def test_db_upgrade_names_the_revision(run: Run) -> None:
    status, out, _ = run("db", "upgrade")
    assert status == 0
    assert out.startswith("the database is at revision ")


def test_simulate_to_a_file_and_backtest(run: Run, tmp_path: Path) -> None:
    assert run("simulate", "cold-chain", "--out", "h.csv", "--truth", "t.csv", "--seed", "3")[0] == 0
    status, out, said = run("backtest", "h.csv", "--truth", "t.csv", "--out", "result")
    assert (status, said) == (0, "")
    assert "readings" in out
    assert (tmp_path / "result" / "summary.json").exists()
    assert run("backtest", "h.csv", "--out", "result")[0] == 0


def test_simulate_tells_history_start_and_end(run: Run, tmp_path: Path) -> None:
    """The start is where moments of the scenario count from; its history comes before."""
    scenario = 'description = "d"\n[timeline]\nhistory = "2d"\ninterval = "1h"\nspan = "3h"\n'
    (tmp_path / "few.toml").write_text(f'{scenario}[[device]]\nname = "pump-1"\nmodel = "pump"\n', "utf-8")
    status, out, _ = run("simulate", "few.toml", "--out", "h.csv", "--start", "2026-03-03T00:00:00Z")
    assert status == 0
    said = "history from 2026-03-01T00:00:00Z, start 2026-03-03T00:00:00Z, end 2026-03-03T03:00:00Z"
    assert out.splitlines()[1] == said
    times = [line.split(",")[0] for line in (tmp_path / "h.csv").read_text("utf-8").splitlines()[1:]]
    assert min(times) < "2026-03-01T01"
    assert "2026-03-03T02" <= max(times) < "2026-03-03T03"


def test_simulate_through_one_gateway_with_qos_0(run: Run, tmp_path: Path, mosquitto: Mosquitto) -> None:
    (tmp_path / "few.toml").write_text(
        'description = "d"\n[timeline]\ninterval = "1s"\nspan = "3s"\n'
        '[[device]]\nname = "pump-{n}"\ncount = 3\nmodel = "pump"\n',
        "utf-8",
    )
    options = ["--mqtt", mosquitto.url, "--speed", "max", "--qos", "0", "--clients", "1", "--expected", "e.csv"]
    status, out, _ = run("simulate", "few.toml", *options)
    assert (status, out.split(":")[0]) == (0, "27 readings in 1 messages")
    assert (tmp_path / "e.csv").read_text("utf-8").startswith("site,device,metric,kinds,")


def test_replay_publishes_to_a_broker(run: Run, tmp_path: Path, mosquitto: Mosquitto) -> None:
    (tmp_path / "h.csv").write_text("time,device,metric,value\n2026-01-01T00:00:00Z,a,t,1\nnever,a,t,1\n", "utf-8")
    status, out, said = run("replay", "h.csv", "--mqtt", mosquitto.url, "--speed", "max")
    assert status == 0
    assert out.startswith("1 readings in 1 messages: ")
    assert said.startswith("warning: 1 bad rows were left out; the first: h.csv: line 3: time 'never'")


def test_a_broker_that_is_away_is_nobodys_mistake(run: Run, tmp_path: Path) -> None:
    (tmp_path / "h.csv").write_text("time,device,metric,value\n2026-01-01T00:00:00Z,a,t,1\n", "utf-8")
    status, _, said = run("replay", "h.csv", "--mqtt", f"mqtt://127.0.0.1:{free_port()}")
    assert status == 1
    assert "cannot be reached" in said


def test_bench_lists_the_benchmarks(run: Run) -> None:
    status, out, _ = run("bench")
    assert status == 0
    assert "simulators" in out.split()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_ends_on_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    service = Command(tmp_path)
    service.start()
    process = service._process
    assert process is not None
    process.send_signal(number)
    assert process.wait(60) == 0
    service.http.close()
    assert "Traceback" not in service.log()


def test_serve_with_a_port_in_use_ends_with_one_line(tmp_path: Path) -> None:
    service = Command(tmp_path)
    service.start()
    variables = os.environ | service.variables | {"FOREWARN_DATA__DIR": str(tmp_path / "other")}
    command = [sys.executable, "-m", "forewarn", "serve"]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr == f"forewarn: mqtt.port = {service.mqtt_port} on 127.0.0.1: the port is in use\n"
    same_data = variables | service.variables | {"FOREWARN_HTTP__PORT": "1", "FOREWARN_MQTT__PORT": "2"}
    done = subprocess.run(command, cwd=tmp_path, env=same_data, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "is in use by another forewarn" in done.stderr
    assert done.stderr.count("\n") == 1
    assert service.stop() == 0
