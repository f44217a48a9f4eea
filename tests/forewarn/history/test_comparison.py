"""`forewarn backtest --against`: what each configuration would have done, as files, a table and a page."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from forewarn.cli import main
from forewarn.history.variants import differing, other_variants
from tests.forewarn.history.test_backtest import rows, stamp, without_speed, write_site

LIMIT = '[[limit]]\nmetric = "temperature"\nhigh = 60\nunit = "°C"\non_delay_s = 120\n'


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a site's readings, what was wrong, and two configurations."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    write_site(tmp_path / "site.csv")
    truth = f"site,device,metric,start,end,kind\nplant,pump-1,,{stamp(400)},{stamp(430)},overheating\n"
    (tmp_path / "truth.csv").write_text(truth)
    (tmp_path / "limits.toml").write_text(LIMIT)
    common = '[alarms]\nbudget = "1 per device-week"\n[site]\ntimezone = "Asia/Shanghai"\n'
    (tmp_path / "week.toml").write_text(common)
    (tmp_path / "limited.toml").write_text(common + '[limits]\nfile = "limits.toml"\n')
    return tmp_path


def forewarn(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    return int(end.value.code or 0)


def compare(out: str, *more: str) -> None:
    arguments = ("site.csv", "--out", out, "--config", "week.toml", "--against", "limited.toml", *more)
    assert forewarn("backtest", *arguments) == 0


def test_what_only_one_of_them_raised_is_told(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compare("out", "--truth", "truth.csv")
    (difference,) = rows(site / "out" / "differences.csv")
    assert (difference["against"], difference["only_raised_by"]) == ("limited.toml", "limited.toml")
    assert (difference["kind"], difference["raised_at"]) == ("limit", stamp(402))
    told = json.loads((site / "out" / "comparison.json").read_text("utf-8"))
    first, other = told["configurations"]
    assert (first["name"], other["name"]) == ("week.toml", "limited.toml")
    assert other["alerts_by_kind"] == {**first["alerts_by_kind"], "limit": 1}
    assert (first["work_orders"], other["work_orders"]) == (1, 1)
    assert other["truth"]["recall"] == 1.0
    assert told["against"] == [
        {
            "name": "limited.toml",
            "same": first["alerts"],
            "otherwise": 0,
            "only_first": 0,
            "only_this": 1,
            "later_s": [],
        }
    ]
    assert told["settings"] == [{"key": "limits.file", "values": ["–", "limits.toml"]}]
    printed = capsys.readouterr().out
    assert "Only limited.toml raised" in printed
    assert "is above the limit of 60 °C" in printed
    assert "Only week.toml raised" not in printed
    assert "open out/report.html" in printed


def test_each_result_is_that_of_a_plain_backtest(site: Path) -> None:
    compare("out", "--truth", "truth.csv")
    for name, folder in (("week", site / "out"), ("limited", site / "out" / "against" / "limited.toml")):
        plain = ("site.csv", "--out", name, "--config", f"{name}.toml", "--truth", "truth.csv")
        assert forewarn("backtest", *plain) == 0
        wanted = without_speed(site / name)
        found = without_speed_of(folder)
        assert {key: found[key] for key in wanted if key in found} == {
            key: wanted[key] for key in wanted if key != "scores.csv" or name == "week"
        }


def without_speed_of(folder: Path) -> dict[str, bytes]:
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    summary = json.loads(files["summary.json"])
    del summary["speed"]
    return {**files, "summary.json": json.dumps(summary).encode()}


def test_the_same_input_gives_the_same_bytes(site: Path) -> None:
    compare("one")
    compare("two")
    compare("two")  # over its own earlier result
    assert without_speed_of(site / "one") == without_speed_of(site / "two")
    assert {path.name for path in (site / "two").iterdir()} == {
        *("scores.csv", "alerts.csv", "site_alerts.csv", "work_orders.csv", "summary.json"),
        *("comparison.json", "differences.csv", "report.html", "against"),
    }


def test_a_plain_backtest_takes_the_place_of_a_comparison(site: Path) -> None:
    compare("out")
    assert forewarn("backtest", "site.csv", "--out", "out") == 0
    assert {path.suffix for path in (site / "out").iterdir()} == {".csv", ".json"}
    assert not (site / "out" / "comparison.json").exists()


@pytest.mark.parametrize("place", ["against/thesis.txt", "against/b/thesis.txt", "against/b/c/scores.csv"])
def test_what_is_no_result_is_left_alone(site: Path, place: str) -> None:
    precious = site / "out" / place
    precious.parent.mkdir(parents=True)
    precious.write_text("precious")
    assert forewarn("backtest", "site.csv", "--out", "out") == 2
    assert precious.read_text() == "precious"


def test_one_setting_can_be_changed_by_its_name(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change = "alarms.budget = 1 per device-day"
    assert forewarn("backtest", "site.csv", "--out", "out", "--against", change, "--against", "week.toml") == 0
    told = json.loads((site / "out" / "comparison.json").read_text("utf-8"))
    assert [one["name"] for one in told["configurations"]] == ["as shipped", change, "week.toml"]
    assert told["settings"] == [
        {"key": "site.timezone", "values": ["UTC", "UTC", "Asia/Shanghai"]},
        {"key": "alarms.budget", "values": ["1 per device-month", "1 per device-day", "1 per device-week"]},
    ]
    assert sorted(path.name for path in (site / "out" / "against").iterdir()) == [
        "alarms.budget-=-1-per-device-day",
        "week.toml",
    ]
    assert "as shipped" in capsys.readouterr().out


def test_settings_are_shown_as_they_are_written() -> None:
    variants = other_variants(["models.suppress_baseline=false", "alarms.budget=2 per device-week"], None, {})
    assert {one.key: one.values for one in differing(variants)} == {
        "alarms.budget": ("1 per device-month", "2 per device-week"),
        "models.suppress_baseline": ("false", "true"),
    }


def test_a_page_of_one_configuration(site: Path) -> None:
    assert forewarn("backtest", "site.csv", "--out", "out", "--config", "limited.toml", "--report") == 0
    page = (site / "out" / "report.html").read_text("utf-8")
    alerts = rows(site / "out" / "alerts.csv")
    assert [f'id="a-{alert["alert_id"]}"' in page for alert in alerts] == [True] * len(alerts)
    assert not (site / "out" / "comparison.json").exists()


def test_the_page_needs_nothing_else_and_says_everything_twice(site: Path) -> None:
    compare("out", "--truth", "truth.csv")
    page = (site / "out" / "report.html").read_text("utf-8")
    assert re.findall(r"""(?:src|href)=["']?(?!#)[^"'> ]+""", page) == []
    assert "http" not in re.sub(r"http://www\.w3\.org/2000/svg", "", page)
    assert re.search(r'<span lang="en">Only limited\.toml raised: 1</span><span lang="zh-CN">', page)
    assert "温度" in page
    assert "2026-01-05 14:42" in page, "times are those of the site, 8 hours east of UTC"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--against", "nowhere.toml"], "nowhere.toml: no such file", id="no such file"),
        pytest.param(
            ["--against", "alarms.budget=often"],
            "--against: alarms.budget = 'often' should be of the form 'N per device-day|week|month'",
            id="a bad value",
        ),
        pytest.param(["--against", "alarms.bugdet=1"], "--against: unknown setting 'alarms.bugdet'", id="unknown key"),
        pytest.param(
            ["--against", "week.toml", "--against", "./week.toml"], "another one has that name already", id="twice"
        ),
        pytest.param(["--against", "week.toml"] * 5, "at most 4 configurations", id="too many"),
        pytest.param(["--last", "3d"], "--last 3d: is allowed only with --from-store", id="a span of files"),
        pytest.param(["--from-store"], "site.csv: readings come from files or with --from-store", id="both"),
        pytest.param(["--feedback"], "there is no database: no service with these settings has run", id="no database"),
    ],
)
def test_a_mistake_is_told_in_one_line(
    site: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert forewarn("backtest", "site.csv", "--out", "out", *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (site / "out").exists()


@pytest.mark.parametrize("arguments", [[], ["--out", "out"], ["site.csv"]])
def test_what_is_missing_is_named(site: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert forewarn("backtest", *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert ("--out DIR" if "--out" not in arguments else "FILE.csv") in line


NASTY: dict[str, Callable[[int], float]] = {
    "<script>alert(1)<\\script>": lambda k: 1e300 if k % 2 else -1e300,
    "a'b": lambda k: 1.7e308 if k > 500 else 5.0,
    "{{7*7}}": lambda k: 1e-300 * k,
    "{x}%s&": lambda _: 0.0,
    "x" * 128: lambda k: 90.0 if k > 560 else float(k % 3),
    "温度": float,
}


def test_a_pipe_is_read_once_only(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(site / "pipe")
    for arguments in (("backtest", "--out", "out", "--against", "week.toml"), ("train", "--out", "model")):
        assert forewarn(*arguments, "pipe") == 2
        assert capsys.readouterr().err == "forewarn: pipe: has to be read more than once, which a pipe cannot be\n"


def test_files_whose_names_are_no_text(site: Path) -> None:
    """Such as names of other encodings."""
    name = os.fsdecode(b"\xb1\xc3.csv")
    with (site / name).open("w", encoding="utf-8") as file:
        file.write((site / "site.csv").read_text("utf-8") + "never,plant,pump-1,temperature,1,°C\n")
    (site / "site.csv").rename(site / "other.csv")
    settings = (site / "week.toml").rename(site / os.fsdecode(b"\xb1.toml"))
    arguments = ["--out", os.fsdecode(b"\xc3"), "--against", str(settings)]
    assert forewarn("backtest", name, "other.csv", *arguments) == 0
    (out,) = site.glob("*/rejects.csv")
    assert rows(out)[0]["line"].startswith(r"\udcb1\udcc3.csv:")
    assert r"\udcb1\udcc3.csv" in (out.parent / "report.html").read_text("utf-8")


def test_whatever_the_names_and_values(site: Path) -> None:
    """Names stand on the page as text, values beyond all measure are drawn, nothing is computed to no number."""
    rows_of = ["time,device,metric,value", "1767225600,single,one,1.5"]
    for k in range(600):
        rows_of += [f"{1_767_225_600 + 60 * k},{name},{name},{make(k)!r}" for name, make in NASTY.items()]
    (site / "nasty.csv").write_text("\n".join(rows_of) + "\n", encoding="utf-8")
    (site / "nasty.toml").write_text('[[limit]]\nmetric = "*"\nhigh = 1e299\nseverity = "critical"\n')
    (site / "any.toml").write_text('[alarms]\nbudget = "100 per device-day"\n[limits]\nfile = "nasty.toml"\n')
    assert forewarn("backtest", "nasty.csv", "--out", "out", "--against", "any.toml") == 0
    page = (site / "out" / "report.html").read_text("utf-8").partition("<main>")[2].rpartition("<script>")[0]
    assert len(rows(site / "out" / "against" / "any.toml" / "alerts.csv")) > 2
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "49" not in re.findall(r"<strong>(.*?)</strong>", page)
    assert re.findall(r"\b(?:nan|inf)\b", page, re.IGNORECASE) == []
