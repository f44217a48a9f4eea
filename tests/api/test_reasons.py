"""Every reason that the service can give is read in Chinese by who reads Chinese, and stays English everywhere else."""

import re
import tomllib
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.web import reasons
from api.web.reasons import LONGEST, in_chinese
from ingest.rejects import Reject, RejectSource
from tests.api.harness import Site
from tests.api.reasons_in_code import ROOT, VALUE
from tests.api.reasons_in_code import reasons as reasons_in
from tests.ingest.test_adapters import CASES, decoder, messages_of, options_of

FILES = [
    *(path for path in sorted((ROOT / "ingest").rglob("*.py")) if not path.name.startswith("csv")),
    *sorted((ROOT / "forewarn/live").glob("*.py")),
    *(ROOT / name for name in ("forewarn/database_admin.py", "alerts/model_store.py", "models/supervised/artefact.py")),
]
"""Where reasons come from that a page shows; those of rejected rows go to a file."""
CATALOG = tomllib.loads((Path(reasons.__file__).parent / "locale/reasons.toml").read_text("utf-8"))
CONFLICT = (
    'partial write: field type conflict: input field "t" on measurement "m" is type a, already exists as type b '
    "dropped=1"
)
AWAY = "HTTPConnection(host='x', port=1): Failed to establish a new connection"
NAMES = re.compile(
    r"'[^']*'|“[^”]*”|\[\[[\w.]+]]|\w+_\w+|\w*[./]\w+|[{[]\S+|…\S*|"
    r"\b(?:false|forewarn db upgrade|items|mapping|measurement|null|offline|online|true|json|output)\b"
)
"""What is spelled the same in both languages: keys, settings, words of JSON and of payload formats."""


def left_over(reason: str) -> str | None:
    """What is wrong with the Chinese of a reason."""
    said = in_chinese(reason)
    if said is None or not re.search("[一-龥]", said):
        return f"no Chinese: {reason}"
    found = re.findall(r"\b[a-z]{2,}", NAMES.sub("", said))
    return f"still English ({', '.join(found)}): {said}" if found else None


def test_every_reason_in_the_source_has_its_chinese() -> None:
    found = reasons_in(FILES)
    assert len({said.text for said in found}) > 200
    ours = [said for said in found if re.search("[a-z]{2}", said.text) or said.text == VALUE]
    wrong = {said: problem for said in ours if (problem := left_over(said.text))}
    assert wrong == {}, "locale/reasons.toml needs a template for each of these"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_every_reason_of_the_examples_has_its_chinese(case: Path) -> None:
    decoded = decoder(options_of(case)).decode(messages_of(case))
    for problem in decoded.problems:
        said = in_chinese(problem.reason)
        assert said is not None, problem.reason
        assert set(said.split("；")).isdisjoint(problem.reason.split("; "))


@pytest.mark.parametrize("reason", ["not connected yet", "is starting", "payload is empty; and 3 more"])
def test_reasons_that_the_search_cannot_see(reason: str) -> None:
    assert left_over(reason) is None


@pytest.mark.parametrize(
    ("en", "zh"),
    [
        (
            "temperature: value should be a finite number, not a text; p.2: metric is empty; and 3 more",
            "temperature：数值应为有限的数字，收到的是文本；p.2：指标为空；另有 3 处",
        ),
        (
            "'ts' 5 (1970-01-01T00:00:00.005Z) is before 1990; it should be epoch milliseconds",
            "'ts' 5 (1970-01-01T00:00:00.005Z) 早于 1990 年；应为 Unix 毫秒",
        ),
        ("payload is not JSON: Expecting value at character 2", "报文不是 JSON：第 2 个字符处，此处缺少值"),
        ("'seq: a; b' is missing", "缺少 'seq: a; b'"),
        ("a; b: c: value should be a finite number, not 'x'", "a; b：c：数值应为有限的数字，收到的是 'x'"),
        ("mapping: mapping 1: value 2: device is missing", "mapping：mapping 1：value 2：缺少 device"),
        ("mapping: is not TOML: Invalid value (at line 2, column 9)", "mapping：不是 TOML：第 2 行第 9 列，值有误"),
        ("database: /data/x: the disk is full", "数据库：/data/x：磁盘已满"),
        ("the adapter failed: KeyError: what was that?", "适配器出错：KeyError: what was that?"),
        (
            CONFLICT,
            "存储只接受了一部分，拒收 1 个点：字段“t”的类型冲突：写入的是 a，m 中已有的是 b",
        ),
        (
            f"http://x:1: no answer: {AWAY}: [Errno 111] Connection refused",
            "http://x:1 没有应答：无法连接 host='x', port=1：连接被拒绝（Errno 111）",
        ),
        ("nobody knows; payload is not UTF-8: byte 1 is 0xff", "nobody knows；报文不是 UTF-8：第 1 字节为 0xff"),
        ("nobody knows this", None),
        ("", None),
        ("payload is not JSON: " + "x" * LONGEST, None),
    ],
)
def test_a_reason_in_chinese(en: str, zh: str | None) -> None:
    assert in_chinese(en) == zh


def test_both_sides_of_a_template_hold_the_same_values() -> None:
    for en, zh in CATALOG["reasons"].items():
        values = set(re.findall(r"\{(\w+)}", en))
        assert set(re.findall(r"\{(\w+)}", zh)) <= values, en
        assert values - set(re.findall(r"\{(\w+)}", zh)) <= {"examples"}, en
    everything = [*CATALOG["words"].values(), *CATALOG["reasons"].values()]
    assert [text for text in everything if re.search(r"[一-龥][,;:?!()]|[,;:?!()][一-龥]", text)] == []


def put(made: Site, reason: str, source: RejectSource = RejectSource.MQTT) -> int:
    made.rejects.add([Reject(made.now, source, "a/b", reason, b'{"t": 1}')])
    return made.rejects.list(1).items[0].id


@pytest.mark.parametrize(
    ("source", "reason", "zh"),
    [
        (RejectSource.MQTT, "t: value should be a finite number, not a text", "t：数值应为有限的数字，收到的是文本"),
        (RejectSource.MQTT, "as a release before said it", "原文：as a release before said it"),
        (RejectSource.STORE, "unable to parse it", "存储的答复：unable to parse it"),
    ],
)
def test_the_page_tells_it_in_the_language_of_its_reader(
    client: TestClient, made: Site, source: RejectSource, reason: str, zh: str
) -> None:
    number = put(made, reason, source)
    for path in ("/rejects", f"/rejects/{number}"):
        assert f">{reason}<" in client.get(path, headers={"Accept-Language": "en"}).text
        page = client.get(path, headers={"Accept-Language": "zh"}).text
        assert f">{zh}<" in page
        assert f">{reason}<" not in page
    for language in ("en", "zh"):
        headers = {"Accept-Language": language}
        assert client.get(f"/api/v1/rejects/{number}", headers=headers).json()["reason"] == reason


def test_what_is_wrong_with_a_mapping_and_with_what_it_gives(client: TestClient, made: Site) -> None:
    number = put(made, "no adapter reads this topic")
    mapping = '[[mapping]]\ntopic = "a/{device}"\n[[mapping.value]]\nmetric = "t"\nvalue = "$.u"\n'
    headers = {"Accept-Language": "zh"}
    asked = {"do": "try", "mapping": mapping}
    assert "mapping：mapping 1：缺少 device" in client.post(f"/rejects/{number}/read", data=asked, headers=headers).text
    asked["mapping"] = mapping.replace("[[mapping.value]]", 'device = "{device}"\n[[mapping.value]]')
    assert "映射中的数值在报文里一个也没有" in client.post(f"/rejects/{number}/read", data=asked, headers=headers).text


def test_a_part_that_does_not_work_says_why(client: TestClient, made: Site) -> None:
    made.down["store"] = "http://influx:8086: no answer: what the library says"
    page = client.get("/", headers={"Accept-Language": "zh"}).text
    assert "store: http://influx:8086 没有应答：what the library says" in page
