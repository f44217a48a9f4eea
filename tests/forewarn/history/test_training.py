"""`forewarn train` and a backtest with what it made: devices it had not seen, the same twice, a line for mistakes."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from forewarn.cli import main
from forewarn.history.examples import Sources, collect
from forewarn.history.logfeed import LogFeed
from forewarn.history.training import (
    HORIZONS,
    Trained,
    course,
    fitted,
    folds,
    gathered,
    labelled,
    learned,
    n_grown,
    train,
    words,
)
from ingest.logbook import read_logbook
from ingest.registry import Registry
from ingest.times import format_time, parse_time
from ingest.truth import NORMAL, Label, read_truth
from models.supervised.artefact import encode
from models.supervised.scorer import RiskScorer
from tests.failing_fleet import HOUR, START, Fleet, fleet

SITE = fleet(n_devices=5, days=36, seed=2)
FAILURES = len(SITE.failures)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    return SITE.write(tmp_path_factory.mktemp("fleet"))


def sources(files: tuple[Path, Path, Path], *exclude: str) -> Sources:
    readings, events, truth = files
    return Sources([readings], read_logbook(events), read_truth(truth), frozenset(exclude))


@pytest.fixture(scope="module")
def trained(files: tuple[Path, Path, Path]) -> Trained:
    """Trained without one of the devices, the horizon given."""
    return train(sources(files, "m0"), horizons=HORIZONS[:1])


@pytest.fixture(scope="module")
def model(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "fleet.model"
    path.write_bytes(encode(trained.model))
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    assert isinstance(left.value.code, int)
    return left.value.code, said.out, said.err


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_failures_of_devices_left_out_are_warned_of(trained: Trained) -> None:
    point = trained.point
    assert point.failures >= 8
    assert point.warned >= point.failures - 1
    assert point.false_per_month <= 0.5


def test_the_model_says_what_it_was_made_of(trained: Trained) -> None:
    facts = trained.model.facts
    assert facts["trained_on"] == {
        "devices": [f"plant/m{number}" for number in range(1, 5)],
        "excluded": ["m0"],
        "readings": 4 * 2 * 24 * 36,
        "entries": sum(entry.device != "m0" for entry in SITE.entries),
        "failures": sum(device != "m0" for device, _ in SITE.failures),
        "start": "2026-01-01T00:00:00Z",
        "end": "2026-02-05T23:00:00Z",
    }
    assert facts["measures"]["warned"] == trained.point.warned
    assert trained.model.words.metrics == ("flow", "heat")
    assert trained.model.words.codes == ("error:E0", "error:E1", "error:E9")
    assert "devices left out" in words(trained)


def test_a_code_without_meaning_has_no_drift_and_the_others_have_their_own(trained: Trained) -> None:
    vocabulary = trained.model.words
    flow, heat, nothing = vocabulary.signature
    assert flow[0] < -0.9
    assert heat[1] > 0.9
    assert vocabulary.precision[2] < min(vocabulary.precision[:2])
    assert np.abs(nothing).max() <= 1.0


def test_the_same_input_gives_the_same_bytes_and_each_model_that_is_grown_is_told(
    files: tuple[Path, Path, Path], trained: Trained
) -> None:
    without = sources(files, "plant/m0")
    examples, told = gathered(without), list[int]()
    again = learned(examples, without, told.append, horizons=HORIZONS[:1])
    changed = replace(again.model, facts=trained.model.facts)  # the device was excluded by another name of it
    assert encode(changed) == encode(trained.model)
    assert told == list(range(1, n_grown(examples, HORIZONS[:1])))


def test_the_live_engine_warns_of_the_device_that_was_left_out(
    files: tuple[Path, Path, Path], model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readings, events, truth = files
    out = tmp_path / "out"
    status, said, _ = run(
        capsys, "backtest", readings, "--out", out, "--events", events, "--truth", truth, "--model", model
    )
    assert status == 0
    alerts = table(out / "alerts.csv")
    risks = [alert for alert in alerts if alert["kind"] == "failure_risk"]
    failures = [at for device, at in SITE.failures if device == "m0"]
    raised = [parse_time(alert["raised_at"]) for alert in risks if alert["device"] == "m0"]
    assert failures
    assert all(any(24 * HOUR <= at - begin <= 72 * HOUR for begin in raised) for at in failures)
    summary = json.loads((out / "summary.json").read_text())
    assert summary["events"] == len(SITE.entries)
    assert summary["alerts_by_kind"]["failure_risk"] == len(risks)
    assert summary["truth"]["recall"] >= 0.8
    orders = table(out / "work_orders.csv")
    assert {order["device"] for order in orders} >= {alert["device"] for alert in risks}
    assert f"{len(alerts)} alerts" in said


def test_what_a_model_holds_back_is_in_a_file_of_its_own(
    files: tuple[Path, Path, Path], model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readings, events, _ = files
    with_model, alone = tmp_path / "with", tmp_path / "alone"
    assert run(capsys, "backtest", readings, "--out", with_model, "--events", events, "--model", model)[0] == 0
    assert run(capsys, "backtest", readings, "--out", alone)[0] == 0
    assert not (alone / "suppressed_alerts.csv").exists()
    held = (with_model / "suppressed_alerts.csv").read_text().splitlines()[1:]
    told = (with_model / "alerts.csv").read_text().splitlines()[1:]
    told = [line for line in told if ",failure_risk," not in line]
    assert sorted(held + told) == sorted((alone / "alerts.csv").read_text().splitlines()[1:])
    assert held
    assert json.loads((with_model / "summary.json").read_text())["suppressed"] == len(held)
    assert run(capsys, "backtest", readings, "--out", with_model)[0] == 0, "it is known as an earlier result"
    assert not (with_model / "suppressed_alerts.csv").exists()


def test_models_are_compared_by_a_backtest(
    files: tuple[Path, Path, Path], model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readings, events, _ = files
    arguments = ("--events", events, "--model", model, "--against", "models.suppress_baseline=false")
    status, said, _ = run(capsys, "backtest", readings, "--out", tmp_path / "out", *arguments)
    assert status == 0
    assert "suppress_baseline" in said


def test_the_command_trains_with_every_horizon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = fleet(n_devices=4, days=24, seed=3)
    readings, events, truth = site.write(tmp_path)
    out = tmp_path / "new.model"
    status, said, _ = run(capsys, "train", readings, "--events", events, "--truth", truth, "--out", out)
    assert status == 0
    assert said.startswith(f"{len(site.failures)} failures of 4 devices; devices left out: ")
    status, _, _ = run(capsys, "backtest", readings, "--out", tmp_path / "o", "--events", events, "--model", out)
    assert status == 0


def few(site: Fleet, tmp_path: Path, failures: int) -> tuple[Path, Path, Path]:
    site.failures = site.failures[:failures]
    return site.write(tmp_path)


@pytest.mark.parametrize(
    ("failures", "arguments", "message"),
    [
        pytest.param(0, [], "0 on 0 devices; at least 3 on 2 devices are needed", id="no failure"),
        pytest.param(2, [], "too few failures have readings before them", id="two failures"),
        pytest.param(
            9, ["--exclude", "m1", "--exclude", "m2", "--exclude", "plant/m3"], "on 1 devices", id="one device"
        ),
        pytest.param(9, [f"--exclude=m{n}" for n in range(4)], "no device is left", id="no device"),
        pytest.param(9, ["--exclude", "m0", "m1", "m2", "m3"], "no device is left", id="several at once"),
        pytest.param(9, ["--exclude", "m9"], "--exclude m9: there is no reading", id="a device that is none"),
        pytest.param(9, ["--horizon", "40d"], "0 on 0 devices", id="no readings long enough before a failure"),
        pytest.param(9, ["--horizon", "72"], "0 on 0 devices", id="no readings shortly enough before a failure"),
        pytest.param(9, ["--horizon", "soon"], "--horizon soon", id="a horizon that is none"),
        pytest.param(9, ["--horizon", "1s"], "between a minute and 400 days", id="too short a horizon"),
    ],
)
def test_too_little_to_learn_from_is_one_line(
    failures: int, arguments: Sequence[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readings, events, truth = few(fleet(n_devices=4, days=24, seed=3), tmp_path, failures)
    out = tmp_path / "m"
    status, _, said = run(capsys, "train", readings, "--events", events, "--truth", truth, "--out", out, *arguments)
    assert status == 2
    assert message in said
    assert said.count("\n") == 1
    assert not out.exists()


def test_failures_of_other_times_and_devices_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = fleet(n_devices=4, days=24, seed=3)
    readings, events, truth = site.write(tmp_path)
    later, elsewhere = tmp_path / "later.csv", tmp_path / "elsewhere.csv"
    later.write_text(truth.read_text().replace(",2026-", ",2027-"))
    elsewhere.write_text(truth.read_text().replace("plant,", "plants,"))
    for path in (later, elsewhere):
        status, _, said = run(capsys, "train", readings, "--events", events, "--truth", path, "--out", tmp_path / "m")
        assert status == 2
        assert "0 on 0 devices; at least 3" in said
        assert ("speak of 4 devices without readings, the first 'plants/m0'" in said) == (path == elsewhere)


def test_readings_of_dying_machines_alone_are_too_little(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = fleet(n_devices=4, days=3, seed=3)
    site.failures = [(device, START + 72 * HOUR) for device in site.devices]
    readings, _, truth = site.write(tmp_path)
    status, _, said = run(capsys, "train", readings, "--truth", truth, "--out", tmp_path / "m")
    assert status == 2
    assert "nothing tells of machines that do not fail" in said


def test_devices_that_share_no_metric_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    readings, _, truth = fleet(n_devices=4, days=3, seed=3).write(tmp_path)
    readings.write_text(re.sub(r",(m\d),(\w+),", r",\1,\2-of-\1,", readings.read_text()))
    status, _, said = run(capsys, "train", readings, "--truth", truth, "--out", tmp_path / "m")
    assert (status, said.count("\n")) == (2, 1)
    assert "none of the 4 devices' metrics is of at least half of them" in said


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "cannot be written: it is no file"),
        ("nowhere/m", "cannot be written: No such file or directory"),
        ("truth.csv/m", "cannot be written: Not a directory"),
        ("truth.csv", "is read from, and would be replaced"),
    ],
)
def test_where_no_model_can_be_is_told_before_training(
    name: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readings, truth = tmp_path / "readings.csv", tmp_path / "truth.csv"
    readings.write_text("no readings, which would be told next")
    truth.write_text("precious")
    status, _, said = run(capsys, "train", readings, "--truth", truth, "--out", tmp_path / name)
    assert (status, said.count("\n")) == (2, 1)
    assert message in said
    assert {path.name for path in tmp_path.iterdir()} == {"readings.csv", "truth.csv"}
    assert truth.read_text() == "precious"


def test_what_is_passed_over_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = fleet(n_devices=4, days=24, seed=3)
    readings, events, truth = site.write(tmp_path)
    with readings.open("a") as file:
        file.write("never,plant,m0,heat,1\n")
    with events.open("a") as file:
        file.write("2026-01-09T00:00:00Z,m77,error,E1\n")
    status, _, said = run(
        capsys, "train", readings, "--events", events, "--truth", truth, "--out", tmp_path / "m", "--exclude", "m3"
    )
    assert status == 0
    assert said.splitlines()[0].startswith(f"warning: 1 bad rows were left out; the first: {readings}: line ")
    assert said.splitlines()[1:] == ["warning: log or labels speak of 1 device without readings, the first 'm77'"]


def test_a_file_that_is_no_model_ends_a_backtest_before_it_begins(
    files: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m").write_text("no model")
    status, _, said = run(capsys, "backtest", files[0], "--out", tmp_path / "out", "--model", tmp_path / "m")
    assert (status, said.count("\n")) == (2, 1)
    assert f"{tmp_path / 'm'}: is no model, or damaged" in said
    assert not (tmp_path / "out").exists()


def test_reading_a_model_and_running_it_needs_no_scikit_learn(files: tuple[Path, Path, Path], model: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from forewarn.history.modelfile import read_model; import numpy as np\n"
        "from models.supervised.features import LogFacts\n"
        "m = read_model(Path(sys.argv[1])); k = len(m.words.metrics)\n"
        "m.probability(np.zeros((1, k, 5)), LogFacts.nothing(1, m.words)); print('sklearn' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(model)], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"


# -- labels ----------------------------------------------------------------------------------------------------------


def test_failures_in_the_log_are_failures_and_count_once(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    readings, events, _ = files
    told = events.read_text() + "".join(f"{format_time(at)},{device},failure,stopped\n" for device, at in SITE.failures)
    (tmp_path / "events.csv").write_text(told)
    from_log = Sources([readings], read_logbook(tmp_path / "events.csv"))
    both = replace(from_log, labels=read_truth(files[2]))
    expected = collect(sources(files), HOUR, 72).failures
    assert collect(from_log, HOUR, 72).failures == expected == collect(both, HOUR, 72).failures
    assert sum(map(len, expected.values())) == FAILURES


def test_rows_are_labelled_by_what_came_after(files: tuple[Path, Path, Path]) -> None:
    examples = collect(sources(files), HOUR, 72)
    rows = labelled(examples, (), 24, set(examples.names))
    device, at = SITE.failures[0]
    number = next(n for n, name in examples.names.items() if name == ("plant", device))
    hours = (examples.instants.time[rows.place] - at) / HOUR
    mine = examples.instants.device[rows.place] == number
    assert set(hours[mine & rows.failing & (abs(hours) < 100)].astype(int).tolist()) == set(range(-24, 0))
    assert not (mine & (hours >= 0) & (hours < 24)).any(), "in the wake of a failure nothing is learned"
    late = examples.until_end()[rows.place] < 24
    assert not (late & ~rows.failing).any(), "nobody knows what came after the last readings"


def test_what_people_called_normal_counts_for_more(files: tuple[Path, Path, Path]) -> None:
    examples = collect(sources(files), HOUR, 72)
    at = next(at for device, at in SITE.failures if device == "m1")
    said = Label("plant", "m1", None, at + 60 * HOUR, at + 80 * HOUR, NORMAL)
    everyone = set(examples.names)
    rows, plain = labelled(examples, [said], 24, everyone), labelled(examples, [], 24, everyone)
    number = next(n for n, name in examples.names.items() if name == ("plant", "m1"))
    time = examples.instants.time[rows.place]
    inside = (examples.instants.device[rows.place] == number) & (time >= said.start) & (time <= said.end)
    assert inside.sum() == 21
    assert (rows.weight[inside] == 3.0).all()
    assert len(rows.place) >= len(plain.place)


def test_rows_of_each_sort_are_thinned_and_weigh_as_much(
    files: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = collect(sources(files), HOUR, 72)
    everyone = set(examples.names)
    whole = labelled(examples, (), 24, everyone)
    monkeypatch.setattr("forewarn.history.training.ROWS", 50)
    thin = labelled(examples, (), 24, everyone)
    assert 30 < thin.failing.sum() <= 50
    assert len(thin.place) <= 150
    failing, all_failing = thin.weight[thin.failing].sum(), whole.weight[whole.failing].sum()
    assert failing == pytest.approx(all_failing, rel=0.05)
    assert thin.weight.sum() == pytest.approx(whole.weight.sum(), rel=0.05)


def test_a_device_is_judged_in_training_as_by_the_live_engine(files: tuple[Path, Path, Path], trained: Trained) -> None:
    """The features of training and those of the running service are made by the same state."""
    examples = collect(sources(files), HOUR, 72)
    number = next(n for n, name in examples.names.items() if name == ("plant", "m0"))
    seen = course(examples, trained.model, number)
    registry = Registry()
    scorer, batch = RiskScorer(registry, [trained.model]), SITE.batch(registry)
    (live,) = scorer.judge(batch, LogFeed(SITE.entries, registry).before(batch))
    mine = live.instants.device == registry.find_device("plant", "m0")
    assert live.instants.time[mine].tolist() == seen.time.tolist()
    np.testing.assert_allclose(live.probability[mine], seen.probability, atol=1e-6)  # the file has six digits


def test_folds_share_out_the_failures(files: tuple[Path, Path, Path]) -> None:
    examples = collect(sources(files), HOUR, 72)
    groups = folds(examples)
    assert sorted(device for group in groups for device in group) == sorted(examples.names)
    assert all(groups)


def test_a_model_without_any_log_can_be_trained(files: tuple[Path, Path, Path]) -> None:
    examples = collect(Sources(files[:1], (), read_truth(files[2])), HOUR, 72)
    assert examples.words.codes == ()
    model = fitted(examples, (), 48)
    told = course(examples, model, min(examples.names)).probability
    assert ((told > 0) & (told < 1)).all()
