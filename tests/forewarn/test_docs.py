"""The documents say what is true: every setting, route, metric and path in them, and every command that they show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from forewarn.config.settings import keys
from forewarn.live.metrics import Metrics

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
PATHS = re.compile(r"`((?:[\w.-]+/)+[\w.-]*\.(?:py|md|toml|yml|conf|service|txt|html|css|js|json|sh|example))`")
LINKS = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
MADE_AT_SETUP = ("api/web/static/vendor/",)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_and_link_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    linked = [document.parent / link for link in LINKS.findall(text)]
    named = [ROOT / path for path in PATHS.findall(text) if not path.startswith(MADE_AT_SETUP) and "NAME" not in path]
    assert [str(path) for path in (*linked, *named) if not path.exists()] == []


def test_what_is_added_is_named_where_the_architecture_says() -> None:
    """The file in the last column knows at least two of those that are there already."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rows = re.findall(r"\| `([\w/]+)/NAME\.py`.* \| `([\w/]+\.py)` \|", text)
    assert len(rows) == 7
    for folder, table in rows:
        there = {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"}
        named = set(re.findall(r"\w+", (ROOT / table).read_text(encoding="utf-8")))
        assert len(there & named) > 1, f"{table} names none of {folder}"


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    assert [key for key in keys() if f"`{key}`" not in text] == []


def test_every_metric_is_documented() -> None:
    text = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    names = re.findall(r"`(forewarn_\w+)`", text)
    held = {sample.name for family in Metrics().registry.collect() for sample in family.samples}
    known = {re.sub(r"_(bucket|sum|count)$", "", name) for name in held if not name.endswith("_created")}
    assert sorted(known - set(names)) == []


def test_the_readme_says_the_same_in_both_languages() -> None:
    def blocks(name: str) -> list[str]:
        text = (ROOT / name).read_text(encoding="utf-8")
        return [re.sub(r"\s+#.*", "", block) for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)]

    assert blocks("README.md") == blocks("README.zh-CN.md")


def test_the_readme_leads_to_the_same_documents_in_both_languages() -> None:
    def documents(name: str) -> set[str]:
        return {link for link in LINKS.findall((ROOT / name).read_text(encoding="utf-8")) if link.startswith("docs/")}

    images = {"docs/images/overview.png", "docs/images/overview.zh.png"}
    assert documents("README.md") - images == documents("README.zh-CN.md") - images
    assert {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} <= documents("README.md")


def test_every_decision_has_its_three_parts_and_its_number() -> None:
    decisions = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [int(path.name[:4]) for path in decisions] == list(range(1, len(decisions) + 1))
    for path in decisions:
        text = path.read_text(encoding="utf-8")
        assert all(f"**{part}.**" in text for part in ("Context", "Decision", "Consequences")), path.name
