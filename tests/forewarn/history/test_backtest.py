"""`forewarn backtest` writes what the contract says, the same bytes every time."""

from __future__ import annotations

import csv
import gzip
import json
import resource
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from alerts.budget import Budget
from alerts.limits import parse_limits
from forewarn.engine import EngineConfig
from forewarn.history.backtest import run_backtest
from forewarn.history.results import new_result
from ingest import csvfile
from ingest.errors import InputError
from ingest.registry import Registry

START = datetime(2026, 1, 5, tzinfo=UTC)
LIMITS = parse_limits({"limit": [{"metric": "temperature", "high": 60, "unit": "°C", "on_delay_s": 120}]}, "test")


def stamp(minute: float) -> str:
    return (START + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")


def write_site(path: Path, minutes: int = 600) -> Path:
    """Two devices, one reading a minute: a hot spell on pump-1, and pump-2 is silent for an hour."""
    rng = np.random.default_rng(0)
    lines = ["time,site,device,metric,value,unit"]
    for k in range(minutes):
        hot = 45 if 400 <= k < 430 else 0
        lines.append(f"{stamp(k)},plant,pump-1,temperature,{20 + hot + rng.normal(0, 0.2):.3f},°C")
        lines.append(f"{stamp(k)},plant,pump-1,humidity,{50 + rng.normal(0, 1):.3f},%RH")
        if not 300 <= k < 360:
            lines.append(f"{stamp(k)},plant,pump-2,temperature,{68 + rng.normal(0, 0.2):.3f},°F")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def backtest(files: list[Path], out: Path, truth: Path | None = None, events: Path | None = None) -> dict[str, object]:
    config = EngineConfig(Budget.parse("1 per device-week"), LIMITS)
    return run_backtest(files, out, Registry(), config, truth, events)


def test_the_results_follow_the_contract(tmp_path: Path) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text(f"site,device,metric,start,end,kind\nplant,pump-1,,{stamp(400)},{stamp(430)},overheating\n")
    summary = backtest([write_site(tmp_path / "site.csv")], tmp_path / "out", truth)
    scores, alerts = rows(tmp_path / "out" / "scores.csv"), rows(tmp_path / "out" / "alerts.csv")
    orders, site_alerts = rows(tmp_path / "out" / "work_orders.csv"), rows(tmp_path / "out" / "site_alerts.csv")
    of_series = [s for s in scores if s["metric"] != "*"]
    assert len(of_series) == summary["readings"] == summary["judged"] == 600 * 3 - 60
    assert {s["device"] for s in scores if s["metric"] == "*"} == {"pump-1"}, "only pump-1 has several metrics"
    assert list(scores[0]) == ["time", "site", "device", "metric", "score", "p_value"]
    assert [s["time"] for s in scores] == sorted(s["time"] for s in scores)
    assert all(0 < float(s["p_value"]) <= 1 for s in scores)
    assert {a["kind"] for a in alerts} == {"limit", "baseline", "silence"}
    (silent,) = [a for a in alerts if a["kind"] == "silence"]
    assert (silent["device"], silent["metric"]) == ("pump-2", "temperature")
    assert (silent["onset_at"], silent["raised_at"], silent["cleared_at"]) == (stamp(299), stamp(309), stamp(360))
    (limit,) = [a for a in alerts if a["kind"] == "limit"]
    assert limit["raised_at"] == stamp(402)
    assert limit["onset_at"] == stamp(400)
    assert limit["explanation"].startswith("temperature 6")
    (order,) = orders
    assert (order["device"], order["opened_at"]) == ("pump-1", stamp(402))
    assert limit["alert_id"] in order["alert_ids"].split(" ")
    assert site_alerts == []
    assert not (tmp_path / "out" / "rejects.csv").exists()
    measured = json.loads((tmp_path / "out" / "summary.json").read_text())["truth"]
    assert measured["recall"] == 1.0
    assert 0 <= measured["delay_s_median"] <= 300


def without_speed(folder: Path) -> dict[str, bytes]:
    found = {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "summary.json"}
    summary = json.loads((folder / "summary.json").read_text())
    del summary["speed"]
    return {**found, "summary.json": json.dumps(summary).encode()}


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = write_site(tmp_path / "site.csv")
    packed = tmp_path / "packed.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    backtest([plain], tmp_path / "a")
    backtest([packed], tmp_path / "b")
    backtest([plain], tmp_path / "a")  # over its own earlier result
    monkeypatch.setattr(csvfile, "BLOCK_BYTES", 1000)
    backtest([plain], tmp_path / "c")
    assert without_speed(tmp_path / "a") == without_speed(tmp_path / "b") == without_speed(tmp_path / "c")


def test_several_files_are_one_run(tmp_path: Path) -> None:
    whole = write_site(tmp_path / "site.csv")
    header, *lines = whole.read_text().splitlines()
    parts = []
    for device in ("pump-1", "pump-2"):
        part = tmp_path / f"{device}.csv"
        part.write_text("\n".join([header, *(line for line in lines if f",{device}," in line)]) + "\n")
        parts.append(part)
    backtest([whole], tmp_path / "whole")
    backtest(parts, tmp_path / "parts")
    assert (tmp_path / "whole" / "alerts.csv").read_bytes() == (tmp_path / "parts" / "alerts.csv").read_bytes()


def test_bad_rows_are_kept_with_their_reason_and_the_rest_is_judged(tmp_path: Path) -> None:
    path = write_site(tmp_path / "site.csv", minutes=20)
    lines = path.read_text().splitlines()
    lines[5:5] = ["yesterday,plant,pump-1,temperature,1,°C", f"{stamp(1)},plant,a/b,temperature,1,°C"]
    lines.append(f"{stamp(20)},plant,pump-1,temperature,NaN,°C")
    path.write_text("\n".join(lines) + "\n")
    summary = backtest([path], tmp_path / "out")
    rejects = rows(tmp_path / "out" / "rejects.csv")
    assert summary["rejects"] == 3
    assert [r["line"] for r in rejects] == ["6", "7", str(len(lines))]
    assert "yesterday" in rejects[0]["reason"]
    assert rejects[0]["row"].startswith("yesterday,plant")
    assert "finite" in rejects[2]["reason"]


def bad_truth(text: str, tmp_path: Path) -> Path:
    path = tmp_path / "truth.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("site,device,metric,start,end\n", "column 'kind' is missing", id="column"),
        pytest.param(
            f"site,device,metric,start,end,kind\np,d,,{stamp(5)},{stamp(1)},x\n", ":2: end .* before", id="order"
        ),
        pytest.param("site,device,metric,start,end,kind\np,d,,soon,later,x\n", ":2: .*soon", id="time"),
        pytest.param(f"site,device,metric,start,end,kind\np,d,,{stamp(5)}\n", ":2: .*number of fields", id="short row"),
    ],
)
def test_a_bad_truth_file_is_refused_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        backtest([write_site(tmp_path / "s.csv", 5)], tmp_path / "out", bad_truth(text, tmp_path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            f"time,device,event,code\n{stamp(1)},d,explosion,1\n", ":2: event 'explosion' must be", id="event"
        ),
        pytest.param("time,device,code\n", "column 'event' is missing", id="column"),
    ],
)
def test_a_bad_events_file_is_refused_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        backtest([write_site(tmp_path / "s.csv", 5)], tmp_path / "out", events=path)


def test_devices_without_readings_that_log_or_labels_speak_of_are_told(tmp_path: Path) -> None:
    truth, events = tmp_path / "truth.csv", tmp_path / "events.csv"
    truth.write_text(
        "site,device,metric,start,end,kind\n"
        + "".join(f"{site},pump-1,,{stamp(1)},{stamp(2)},failure\n" for site in ("plant", "plants"))
        + f"plant,fan,,{stamp(1)},{stamp(2)},failure\n"
    )
    events.write_text(
        "time,device,event,code\n" + "".join(f"{stamp(1)},{d},error,E\n" for d in ("pump-2", "pump-22", "fan"))
    )
    site = write_site(tmp_path / "s.csv", 5)
    found = backtest([site], tmp_path / "out", truth, events)["without_readings"]
    assert found == ["plant/fan", "plants/pump-1", "pump-22"]
    assert "without_readings" not in backtest([site], tmp_path / "out")


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match=r"neither empty nor an earlier result.*thesis\.txt"):
        backtest([write_site(tmp_path / "s.csv", 5)], out)
    assert (out / "thesis.txt").read_text() == "precious"


@pytest.mark.parametrize("name", ["file", "file/inside"])
def test_a_folder_that_cannot_be_is_an_error(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(InputError, match=r"file(/inside)?: (is not a folder|cannot be used: Not a directory)"):
        backtest([write_site(tmp_path / "s.csv", 5)], tmp_path / name)
    assert (tmp_path / "file").read_text() == "precious"


def test_no_usable_row_is_an_error_that_names_the_first_bad_one(tmp_path: Path) -> None:
    path, other = tmp_path / "empty.csv", tmp_path / "bad.csv"
    path.write_text("time,device,metric,value\n")
    other.write_text("time,device,metric,value\n2026-01-01T00:00:00,d,t,1\nnever,d,t,1\n")
    with pytest.raises(InputError, match=r"no usable row$"):
        backtest([path], tmp_path / "out")
    with pytest.raises(InputError, match=r"no usable row; the first bad one: .*bad\.csv: line 2: .* has no time zone"):
        backtest([path, other], tmp_path / "out")


@pytest.mark.parametrize("text", [None, "a,b\n", "time,device,metric,value\n", "time,device,metric,value\n1,d,t,1\n"])
def test_an_earlier_result_stays_where_there_is_nothing_to_take_its_place(text: str | None, tmp_path: Path) -> None:
    out, bad = tmp_path / "out", tmp_path / "bad.csv"
    backtest([write_site(tmp_path / "s.csv", 5)], out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    if text is not None:
        bad.write_text(text)
    with pytest.raises(InputError):
        backtest([bad], out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def held_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_earlier_result_stays_where_the_run_ends_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csvfile, "BLOCK_BYTES", csvfile.MIN_BLOCK_BYTES)
    out, cut = tmp_path / "out", tmp_path / "cut.csv.gz"
    backtest([write_site(tmp_path / "s.csv", 5)], out)
    before = held_in(out)
    cut.write_bytes(gzip.compress(write_site(tmp_path / "long.csv").read_bytes())[:-8])
    for folder in (out, tmp_path / "new", tmp_path / "new" / "er"):
        with pytest.raises(InputError, match=r"cut\.csv\.gz: cannot be read"):
            backtest([cut], folder)
    assert held_in(out) == before
    assert not (tmp_path / "new").exists()


def test_a_full_disk_leaves_the_earlier_result_and_names_the_folder(tmp_path: Path) -> None:
    out, site = tmp_path / "out", write_site(tmp_path / "s.csv")
    backtest([write_site(tmp_path / "short.csv", 5)], out)
    before, limits = held_in(out), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"out: cannot be written: File too large"):
            backtest([site], out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert held_in(out) == before


def test_what_came_in_meanwhile_is_left_alone(tmp_path: Path) -> None:
    with ExitStack() as held:
        folder = held.enter_context(new_result(tmp_path / "out"))
        (folder / "scores.csv").touch()
        (tmp_path / "out" / "notes.txt").write_text("precious")
        with pytest.raises(InputError, match=r"it holds 'notes\.txt'"):
            held.close()
    assert list(held_in(tmp_path / "out").values()) == [b"precious"]


def test_what_a_killed_run_leaves_is_taken_away(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / ".unfinished" / "against" / "other").mkdir(parents=True)
    (out / ".unfinished" / "scores.csv").write_text("time,si")
    backtest([write_site(tmp_path / "s.csv", 5)], out)
    assert not (out / ".unfinished").exists()
    assert len(rows(out / "scores.csv")) > 5


def test_rejects_are_in_the_order_of_the_files(tmp_path: Path) -> None:
    files = []
    for name, minute in (("b.csv", 1), ("a.csv", 0)):
        files.append(tmp_path / name)
        rows_of = [f"{stamp(minute)},d,t,1", "never,d,t,1", f"{stamp(minute + 2)},d,t", f"{stamp(minute + 2)},d,*,1"]
        files[-1].write_text("\n".join(["time,device,metric,value", *rows_of]) + "\n")
    backtest(files, tmp_path / "out")
    lines = [row["line"] for row in rows(tmp_path / "out" / "rejects.csv")]
    assert lines == ["b.csv:3", "b.csv:4", "b.csv:5", "a.csv:3", "a.csv:4", "a.csv:5"]


def test_names_mean_nothing_to_the_detectors(tmp_path: Path) -> None:
    """Everything renamed and the metrics in another order: the same scores, the same alerts of the baseline."""
    plain = write_site(tmp_path / "site.csv")
    words = {"plant": "x", "pump-1": "zz", "pump-2": "a", "temperature": "q9", "humidity": "b"}
    text = plain.read_text(encoding="utf-8")
    for word, other in words.items():
        text = text.replace(f",{word},", f",{other},")
    renamed = tmp_path / "renamed.csv"
    renamed.write_text(text, encoding="utf-8")
    found = []
    for name, file in (("plain", plain), ("renamed", renamed)):
        config = EngineConfig(Budget.parse("1 per device-week"))
        run_backtest([file], tmp_path / name, Registry(), config)
        score = [(row["time"], row["score"], row["p_value"]) for row in rows(tmp_path / name / "scores.csv")]
        alerts = rows(tmp_path / name / "alerts.csv")
        told = ("kind", "severity", "onset_at", "raised_at", "cleared_at", "score")
        found.append((score, [[alert[name] for name in told] for alert in alerts]))
    assert found[0][1], "something is raised"
    assert found[0] == found[1]


@pytest.mark.parametrize("minute", [340, 415, 500])
def test_what_comes_later_changes_nothing_before(minute: int, tmp_path: Path) -> None:
    """Cut short in the silence, in the hot spell, and after all of it: the same up to there."""
    whole = write_site(tmp_path / "whole.csv")
    header, *lines = whole.read_text(encoding="utf-8").splitlines()
    short, cut = tmp_path / "short.csv", stamp(minute)
    short.write_text("\n".join([header, *(line for line in lines if line < cut)]) + "\n", encoding="utf-8")
    found = []
    for name, file in (("whole", whole), ("short", short)):
        backtest([file], tmp_path / name)
        scores = [row for row in rows(tmp_path / name / "scores.csv") if row["time"] < cut]
        alerts = [row for row in rows(tmp_path / name / "alerts.csv") if row["raised_at"] < cut]
        over = [row for row in alerts if row["cleared_at"] and row["cleared_at"] < cut]
        begun = [[row[key] for key in ("alert_id", "device", "kind", "onset_at", "raised_at")] for row in alerts]
        found.append((scores, begun, over))
    assert found[0][1], "something is raised before the cut"
    assert found[0] == found[1]
